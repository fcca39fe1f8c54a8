"""RedisDedupe and AsyncRedisDedupe, on Redis and Valkey, with the clients of redis-py and valkey-py."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import puck_webhooks as puck
import pytest
import redis
import servers
import steps
import valkey
from proxy import proxy
from puck_webhooks.stores import AsyncRedisDedupe, RedisDedupe
from puck_webhooks.stores import redis as module
from steps import answer, new_event, unavailable

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "hunter2-hunter2"


class Awaited:
    """An asynchronous store, asked as if it were not."""

    def __init__(self, store: AsyncRedisDedupe, runner: asyncio.Runner) -> None:
        self._store, self._runner = store, runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self._runner.run(getattr(self._store, name)(*arguments))


Make = Callable[..., Any]


@pytest.fixture(params=["redis-py", "valkey-py", "async redis-py", "async valkey-py"])
def make(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Make]:
    """Makes a store over a client with these settings. Settings of the store: namespace, ttl, lease, timeout."""
    made: list[Any] = []
    is_async = request.param.startswith("async")
    package: Any = redis if request.param.endswith("redis-py") else valkey
    package = package.asyncio if is_async else package
    client_type = getattr(package, "Redis" if package.__name__.startswith("redis") else "Valkey")

    def store(port: int, namespace: str = "tests", **settings: Any) -> Any:
        ours = {name: settings.pop(name) for name in ("ttl", "lease", "timeout") if name in settings}
        client = client_type(port=port, **settings)
        if not is_async:
            made.append(RedisDedupe(client, namespace, **ours))
            return made[-1]
        made.append(AsyncRedisDedupe(client, namespace, **ours))
        return Awaited(made[-1], runner)

    yield store
    for each in made:
        if is_async:
            runner.run(asyncio.wait_for(each.aclose(), 5))
        else:
            each.close()


def key(claim: puck.Claim) -> str:
    return f"tests:{claim.event_id}"


# --- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"protocol": 3}], ids=["RESP2", "RESP3"])
def test_the_cases_of_all_stores(any_server: servers.Server, make: Make, settings: dict[str, Any]) -> None:
    with redis.Redis(port=any_server.port) as by_hand:

        def wait(seconds: int) -> None:
            for each in by_hand.scan_iter("tests:*"):
                by_hand.pexpire(each, max(by_hand.pttl(each) - seconds * 1000, 0))

        for case in steps.load("stores.json"):
            by_hand.flushall()
            steps.run(case, make(any_server.port, ttl=case["ttl"], lease=case["lease"], **settings), wait)


def test_a_key_is_what_the_other_faces_expect(redis_server: servers.Server, make: Make, admin: redis.Redis) -> None:
    store = make(redis_server.port, lease=60, ttl=600)
    claim = store.claim(new_event())
    assert admin.get(key(claim)) == f"p{claim.token:016x}".encode()
    assert 58_000 < admin.pttl(key(claim)) <= 60_000
    store.commit(claim)
    assert admin.get(key(claim)) == f"d{claim.token:016x}".encode()
    assert 598_000 < admin.pttl(key(claim)) <= 600_000


def test_two_namespaces_share_a_server(redis_server: servers.Server, make: Make) -> None:
    event = new_event()
    for namespace in ("billing", "alerts"):
        store = make(redis_server.port, namespace)
        store.commit(store.claim(event))


def test_a_server_that_has_forgotten_the_scripts(redis_server: servers.Server, make: Make, admin: redis.Redis) -> None:
    store = make(redis_server.port)
    for _ in range(2):
        admin.script_flush()
        claim = store.claim(new_event())
        admin.script_flush()
        store.commit(claim)


@pytest.mark.parametrize("settings", [{"decode_responses": True}, {"encoding": "utf-16"}, {"db": 3}], ids=str)
def test_settings_of_the_client(redis_server: servers.Server, make: Make, settings: dict[str, Any]) -> None:
    store = make(redis_server.port, **settings)
    store.check()
    event = new_event()
    store.commit(store.claim(event))
    assert answer(store.claim, event) == "duplicate"
    with redis.Redis(port=redis_server.port, db=settings.get("db", 0)) as by_hand:
        assert by_hand.exists(f"tests:{event}")


def test_pools_of_other_kinds(redis_server: servers.Server) -> None:
    pool = redis.BlockingConnectionPool(port=redis_server.port, max_connections=1, timeout=20)
    with redis.Redis(connection_pool=pool) as client:
        RedisDedupe(client, "tests").check()
    with redis.Redis(port=redis_server.port, single_connection_client=True) as client:
        RedisDedupe(client, "tests").check()


def test_a_client_with_a_cache(redis_server: servers.Server) -> None:
    """The server is too old for it, but the store needs none."""
    from redis.cache import CacheConfig

    RedisDedupe(redis.Redis(port=redis_server.port, protocol=3, cache_config=CacheConfig()), "tests").check()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "redis.sock")
    with servers.redis("--unixsocket", path):
        for client in (redis.Redis(unix_socket_path=path), valkey.Valkey(unix_socket_path=path)):
            RedisDedupe(client, "tests").check()


@pytest.mark.parametrize("package", [redis, valkey], ids=["redis-py", "valkey-py"])
def test_clients_of_sentinel(package: Any, redis_server: servers.Server) -> None:
    """The store asks Sentinel with its own timeout, too."""
    with servers.sentinel(redis_server.port) as server:
        nodes = [("127.0.0.1", server.port)]
        client = package.sentinel.Sentinel(nodes).master_for("primary")
        store = RedisDedupe(client, "tests", timeout=0.5)
        store.check()
        claim = store.claim(new_event())
        store.close()
        server.pause()
        began = time.monotonic()
        assert unavailable(store.commit, claim).detail == "Redis cannot be reached."
        assert time.monotonic() - began < 3
        server.resume()
        assert answer(store.commit, claim) == "ok"

        async def run() -> None:
            client = import_module(f"{package.__name__}.asyncio.sentinel").Sentinel(nodes).master_for("primary")
            store = AsyncRedisDedupe(client, "tests")
            await store.check()
            await store.aclose()

        asyncio.run(run())


# --- Connections that fail --------------------------------------------------------------------------------------------


def test_a_silent_server(make: Make) -> None:
    with servers.redis() as server:
        store = make(server.port, timeout=0.5)
        claim = store.claim(new_event())
        server.pause()
        began = time.monotonic()
        error = unavailable(store.commit, claim)
        assert time.monotonic() - began < 3
        assert error.detail == "Redis did not answer in time."
        assert error.__cause__ is not None
        server.resume()
        assert answer(store.commit, claim) == "ok"


def test_a_lost_answer_of_a_claim(redis_server: servers.Server, make: Make) -> None:
    with proxy(redis_server.port) as between:
        store = make(between.port)
        store.claim(new_event())
        between.lose_next()
        event = new_event()
        claim = store.claim(event)
        assert between.lost == 1
        assert answer(store.claim, event) == "in_progress"
        assert answer(store.commit, claim) == "ok"


def test_a_lost_answer_of_a_commit(redis_server: servers.Server, make: Make) -> None:
    with proxy(redis_server.port) as between:
        store = make(between.port)
        event = new_event()
        claim = store.claim(event)
        between.lose_next()
        assert answer(store.commit, claim) == "ok"
        assert between.lost == 1
        assert answer(store.claim, event) == "duplicate"


def test_a_server_that_was_started_again(make: Make) -> None:
    with servers.redis() as server:
        store = make(server.port)
        event = new_event()
        store.commit(store.claim(event))
        server.stop()
        assert unavailable(store.claim, event).detail == "Redis cannot be reached."
        server.start()
        assert answer(store.claim, event) == "duplicate"


def test_connections_that_all_died_in_silence(redis_server: servers.Server, client_type: Any) -> None:
    """As when a firewall forgets them: the second try must not take another one of them."""
    with proxy(redis_server.port) as between:
        store = RedisDedupe(client_type(port=between.port), "tests", timeout=0.5)
        pool = store._client.connection_pool
        is_old = "command_name=None" not in str(inspect.signature(pool.get_connection))
        words = ("EVALSHA",) if is_old else ()
        for each in [pool.get_connection(*words) for _ in range(4)]:
            pool.release(each)
        between.forget()
        assert answer(store.claim, new_event()) == "ok"


def test_a_cancelled_call_leaves_no_answer_to_the_next(redis_server: servers.Server) -> None:
    """Each event gets its own answer, whenever the call before was cancelled."""

    async def run(client_type: Any) -> None:
        with proxy(redis_server.port) as between:
            store = AsyncRedisDedupe(client_type(port=between.port), "tests")
            done = new_event()
            await store.commit(await store.claim(done))
            for turns in range(60):
                task = asyncio.create_task(store.claim(done))  # whose answer is duplicate
                for _ in range(turns % 12):
                    await asyncio.sleep(0)
                task.cancel()
                fresh = new_event()
                claim = await store.claim(fresh)
                await store.commit(claim)
                with pytest.raises((asyncio.CancelledError, puck.Duplicate)):
                    await task
            await store.aclose()

    for client_type in (redis.asyncio.Redis, valkey.asyncio.Valkey):
        asyncio.run(run(client_type))


def test_more_coroutines_than_connections(redis_server: servers.Server) -> None:
    async def run(client_type: Any) -> None:
        store = AsyncRedisDedupe(client_type(port=redis_server.port), "tests", timeout=5)
        claims = await asyncio.gather(*(store.claim(new_event()) for _ in range(300)))
        await asyncio.gather(*map(store.commit, claims))
        await store.aclose()

    for client_type in (redis.asyncio.Redis, valkey.asyncio.Valkey):
        asyncio.run(run(client_type))


def test_a_forked_child_has_connections_of_its_own(redis_server: servers.Server, client_type: Any) -> None:
    store = RedisDedupe(client_type(port=redis_server.port), "tests")
    event = new_event()
    store.claim(event)
    child = os.fork()
    if child == 0:
        os._exit(0 if [answer(store.claim, event) for _ in range(50)] == ["in_progress"] * 50 else 1)
    for _ in range(50):
        store.commit(store.claim(new_event()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_of_many_threads_one_wins(redis_server: servers.Server, client_type: Any) -> None:
    store = RedisDedupe(client_type(port=redis_server.port), "tests")
    events = [new_event() for _ in range(20)]
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.extend(answer(store.claim, e) for e in events)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said) == ["in_progress"] * 140 + ["ok"] * 20


# --- Errors of the server ---------------------------------------------------------------------------------------------


def test_an_acl_that_suffices(redis_server: servers.Server, make: Make, admin: redis.Redis, caplog: Any) -> None:
    rights = ("~tests:*", "+evalsha", "+eval", "+get", "+set", "+del")
    admin.execute_command("ACL", "SETUSER", "worker", "reset", "on", f">{PASSWORD}", *rights)
    make(redis_server.port, username="worker", password=PASSWORD, health_check_interval=0.0001).check()
    assert [each.levelno for each in caplog.records] == [logging.WARNING]
    assert "+info" in caplog.text and caplog.records[0].name == "puck_webhooks"
    store = make(redis_server.port, "other", username="worker", password=PASSWORD)
    assert "~NAMESPACE:*" in unavailable(store.claim, new_event()).detail


def test_an_acl_that_lets_the_script_run_and_not_write(any_server: servers.Server, make: Make) -> None:
    """The server then calls it an error of the script."""
    rights = ("~tests:*", "+evalsha", "+eval", "+get", "+del")
    servers.ask_redis(any_server.port, "ACL", "SETUSER", "reader", "reset", "on", f">{PASSWORD}", *rights)
    store = make(any_server.port, username="reader", password=PASSWORD)
    assert "~NAMESPACE:*" in unavailable(store.claim, new_event()).detail


@pytest.mark.parametrize("answer", [1, True, False, None, b"OK"])
def test_an_answer_that_the_scripts_do_not_have(redis_server: servers.Server, answer: Any) -> None:
    class Odd(redis.Redis):
        def evalsha(self, *arguments: Any) -> Any:
            return answer

    store = RedisDedupe(redis.Redis(port=redis_server.port), "tests")
    with closing(store):
        claim = store.claim(new_event())
        store.close()
        store._client = Odd(port=redis_server.port)
        for step, given in ((store.claim, new_event()), (store.commit, claim), (store.release, claim)):
            assert unavailable(step, given).detail == "What answered is not a Redis server."


@pytest.mark.parametrize("protocol", [2, 3])
def test_passwords(make: Make, protocol: int) -> None:
    with servers.redis("--requirepass", PASSWORD) as server:
        make(server.port, password=PASSWORD, protocol=protocol).check()
        error = unavailable(make(server.port, password="wrong-" + PASSWORD, protocol=protocol).check)
        assert error.detail == "Redis refused the user name or the password."
        assert PASSWORD not in repr(error.__dict__) + str(error)
        assert unavailable(make(server.port, protocol=protocol).check).detail == "Redis asks for a password."


def test_a_foreign_value(redis_server: servers.Server, make: Make, admin: redis.Redis) -> None:
    store = make(redis_server.port)
    for write in (lambda name: admin.set(name, "something"), lambda name: admin.lpush(name, "something")):
        event = new_event()
        write(f"tests:{event}")
        error = unavailable(store.claim, event)
        assert error.detail == "A key of this namespace holds something else than an event."


def test_a_server_without_memory(make: Make) -> None:
    with servers.redis("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        store = make(server.port)
        store.check()
        claim = store.claim(new_event())
        with redis.Redis(port=server.port) as by_hand:
            by_hand.set("ballast", "x" * 100_000)
            for size in (100_000, 1_000, 1_000, 10, 10):  # a refusal may free some memory
                with pytest.raises(redis.exceptions.OutOfMemoryError):
                    for n in range(100_000):
                        by_hand.append("ballast", "x" * size) if size > 10 else by_hand.set(f"ballast:{n}", "x")
            assert "maxmemory" in unavailable(store.claim, new_event()).detail
            assert answer(store.commit, claim) == "ok"


def test_a_server_that_evicts(make: Make) -> None:
    with servers.redis("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as server:
        assert "noeviction" in unavailable(make(server.port).check).detail
    with servers.redis("--maxmemory-policy", "allkeys-lru") as server:  # which never evicts, without a maxmemory
        make(server.port).check()


def test_a_replica(redis_server: servers.Server, make: Make) -> None:
    with servers.redis("--replicaof", "127.0.0.1", str(redis_server.port)) as server:
        assert unavailable(make(server.port).claim, new_event()).detail == (
            "This Redis is a read-only replica: use its primary."
        )


def test_a_node_of_a_cluster(make: Make) -> None:
    port = servers.free_port()
    with servers.redis("--cluster-enabled", "yes", "--cluster-port", str(port)) as server:
        with redis.Redis(port=server.port) as by_hand:
            by_hand.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            servers.wait_until(lambda: by_hand.cluster("info")["cluster_state"] == "ok", "the cluster is not ready")
        assert "cluster client" in unavailable(make(server.port).check).detail


@pytest.mark.parametrize("package", [redis, valkey], ids=["redis-py", "valkey-py"])
def test_a_cluster(package: Any) -> None:
    name = "RedisCluster" if package is redis else "ValkeyCluster"
    port = servers.free_port()
    with servers.redis("--cluster-enabled", "yes", "--cluster-port", str(port)) as server:
        with redis.Redis(port=server.port) as by_hand:
            by_hand.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            servers.wait_until(lambda: by_hand.cluster("info")["cluster_state"] == "ok", "the cluster is not ready")
        with pytest.raises(ValueError, match="socket_timeout and socket_connect_timeout"):
            RedisDedupe(getattr(package, name)(host="127.0.0.1", port=server.port), "tests")
        client = getattr(package, name)(host="127.0.0.1", port=server.port, socket_timeout=1, socket_connect_timeout=1)
        store = RedisDedupe(client, "tests")
        store.check()
        claim = store.claim(new_event())
        assert answer(store.claim, claim.event_id) == "in_progress"
        store.commit(claim)

        async def run() -> None:
            client = getattr(package.asyncio, name)(host="127.0.0.1", port=server.port)
            store = AsyncRedisDedupe(client, "tests")
            await store.check()
            await store.commit(await store.claim(new_event()))
            await (client.aclose() if hasattr(client, "aclose") else client.close())

        asyncio.run(run())


def test_max_clients(make: Make) -> None:
    with servers.redis("--maxclients", "1") as server, redis.Redis(port=server.port) as by_hand:
        by_hand.ping()
        assert unavailable(make(server.port).claim, new_event()).detail in (
            "Redis takes no more connections (maxclients).",
            "Redis closed the connection.",  # before the answer was read
        )


def test_no_append_only_file(make: Make, caplog: Any) -> None:
    with servers.redis("--appendonly", "no") as server:
        make(server.port).check()
    assert "append-only" in caplog.text


def test_check_leaves_nothing(make: Make) -> None:
    with servers.redis() as server, redis.Redis(port=server.port) as by_hand:
        make(server.port).check()
        assert by_hand.dbsize() == 0


def test_something_else_than_redis(make: Make) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        error = unavailable(make(listener.getsockname()[1], timeout=0.3).claim, new_event())
        assert error.detail in ("What answered is not a Redis server.", "Redis closed the connection.")


# --- Arguments and words ----------------------------------------------------------------------------------------------


def test_repr_shows_the_namespace_only(make: Make, redis_server: servers.Server) -> None:
    assert repr(RedisDedupe(redis.Redis(password=PASSWORD), "billing")) == "RedisDedupe(namespace='billing')"
    store = AsyncRedisDedupe(redis.asyncio.Redis(password=PASSWORD), "billing")
    assert repr(store) == "AsyncRedisDedupe(namespace='billing')"


def test_clients_of_the_other_kind() -> None:
    with pytest.raises(TypeError, match="AsyncRedisDedupe"):
        RedisDedupe(redis.asyncio.Redis(), "tests")
    with pytest.raises(TypeError, match="belongs to RedisDedupe"):
        AsyncRedisDedupe(redis.Redis(), "tests")


@pytest.mark.parametrize("wrong", [None, "redis://localhost", redis.Redis, object()])
def test_what_is_no_client(wrong: object) -> None:
    with pytest.raises(TypeError, match="client must be"):
        RedisDedupe(wrong, "tests")


def test_the_application_keeps_its_own_settings(redis_server: servers.Server) -> None:
    with redis.Redis(port=redis_server.port, decode_responses=True, socket_timeout=17) as client:
        before = dict(client.connection_pool.connection_kwargs)
        RedisDedupe(client, "tests").check()
        assert client.connection_pool.connection_kwargs == before


@pytest.mark.parametrize("client", [redis.asyncio.Redis, valkey.asyncio.Valkey])
def test_a_client_of_another_event_loop(redis_server: servers.Server, client: Any) -> None:
    sentence = "This client belongs to another event loop: make one store for each loop."
    store = AsyncRedisDedupe(client(port=redis_server.port), "billing")

    async def claim() -> str:
        try:
            await store.claim(steps.new_event())
        except puck.StoreError as error:
            return error.detail
        return ""

    with asyncio.Runner() as one, asyncio.Runner() as other:
        assert [each.run(claim()) for each in (one, other)] == ["", sentence]
        one.run(store.aclose())


def test_a_cluster_that_cannot_be_reached() -> None:
    for name in ("ClusterError", "RedisClusterException"):
        error = module._unavailable(module._finding(getattr(redis.exceptions, name)("TTL exhausted.")))
        assert error.detail == "The Redis cluster cannot be reached, or changed its nodes again and again."


def test_the_sentences_are_those_of_cpp() -> None:
    text = re.sub(r'"\s+"', "", (ROOT / "src/stores/redis_errors.hpp").read_text())
    theirs = dict(re.findall(r'redis_error\{"(\w+)",\s*\{reason::store_unavailable,\s*"([^"]+)"', text))
    assert len(theirs) > 20
    assert {name: module._UNAVAILABLE.get(name) for name in theirs} == theirs
