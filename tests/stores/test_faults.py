"""What the Redis stores answer when something breaks, how long it takes, and what Puck's next attempt gets.

Each face that a fault can reach is tried. PostgreSQL's faults are in test_postgres.py, and SQLite's in
test_sqlite_faults.py.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis.asyncio.cluster
import redis.cluster
import servers
from faces import CLIENTS, Answer, AsyncFace, Cpp, Face, claimed, event, redis_face
from puck_webhooks import StoreError
from puck_webhooks.stores import AsyncRedisDedupe, RedisDedupe
from servers import Server, ask_redis, wait_until

TIMEOUT = 0.5  # seconds for a try; there are two
BOUND = 2 * TIMEOUT + 2  # seconds within which an answer must come, with room for a slow machine
LEASE = 60

Connect = Callable[..., Face]


@pytest.fixture(params=["C++", *CLIENTS])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a store: connect(port, lease=60, username="", password="")."""
    with ExitStack() as stack:

        def connected(port: int, lease: int = LEASE, username: str = "", password: str = "", **client: Any) -> Face:
            if request.param == "C++":
                return Cpp(url(port, lease, username, password), stack)
            given = {name: value for name, value in (("username", username), ("password", password)) if value}
            settings = {"ttl": 600, "lease": lease, "timeout": TIMEOUT}
            return redis_face(request.param, stack, "faults", settings, port=port, **given, **client)

        yield connected


def url(port: int, lease: int, username: str, password: str) -> str:
    login = f"{quote(username)}:{quote(password, safe='')}@" if password else ""
    return f"redis://{login}127.0.0.1:{port}/0?namespace=faults&ttl=600&lease={lease}&timeout={TIMEOUT}"


def is_unavailable(answer: Answer, word: str) -> None:
    """The reason, a sentence that says what the engine said, and the deadline."""
    assert answer.reason == "store_unavailable", answer
    assert word in answer.sentence, answer
    assert answer.seconds < BOUND, answer


def value(server: Server, id_: str) -> str:
    """What the server holds for an event: $-1, or a line with the length and one with p or d and the token."""
    return ask_redis(server.port, "GET", f"faults:{id_}")


def info(port: int, section: str, name: str) -> str:
    lines = ask_redis(port, "INFO", section).splitlines()
    return next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:"))


# --- A server that is away or silent ----------------------------------------------------------------------------------


def test_down(connect: Connect) -> None:
    with servers.redis() as server:
        face = connect(server.port)
        id_, held = event(), claimed(face)
        server.kill()
        is_unavailable(face.claim(id_), "cannot be reached")
        assert face.commit(held).reason == "store_unavailable"
        server.start()
        assert face.claim(id_).reason == "ok"
        assert face.commit(held).reason == "ok"


def test_silent_while_claiming(connect: Connect) -> None:
    """The claim happens when the server wakes: nobody holds the event, and the lease ends that."""
    with servers.redis() as server:
        face, id_ = connect(server.port, lease=2), event()
        claimed(face)
        server.pause()
        is_unavailable(face.claim(id_), "did not answer in time")
        server.resume()
        wait_until(lambda: value(server, id_) != "$-1\r\n", "the late claim")
        assert face.claim(id_).reason == "in_progress"
        wait_until(lambda: face.claim(id_).reason == "ok", "the end of the lease", 10)


def test_silent_while_committing(connect: Connect) -> None:
    """The commit happens when the server wakes, and its repetition says so."""
    with servers.redis() as server:
        face, id_ = connect(server.port), event()
        assert face.commit(claimed(face)).reason == "ok"  # the server knows both scripts now
        held = claimed(face, id_)
        server.pause()
        answer = face.commit(held)
        assert answer.reason == "store_unavailable" and answer.seconds < BOUND
        server.resume()
        wait_until(lambda: "\r\nd" in value(server, id_), "the late commit")
        assert face.claim(id_).reason == "duplicate"
        assert face.commit(held).reason == "ok"
        assert face.release(held).reason == "claim_lost"
        assert face.claim(id_).reason == "duplicate"


def test_black_hole(connect: Connect) -> None:
    """The connection is made by the kernel, and nobody ever reads from it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        face = connect(listener.getsockname()[1])
        is_unavailable(face.claim(event()), "did not answer in time")


@pytest.mark.parametrize("step", ["claim", "commit", "release"])
def test_the_answer_is_lost(connect: Connect, step: str) -> None:
    """The repetition, with the same token, gets the answer again."""
    with servers.redis() as server, Proxy(server.port) as proxy:
        face, id_ = connect(proxy.port), event()
        held = claimed(face, id_)
        proxy.drop_one_answer()
        if step == "claim":
            held = claimed(face)
        else:
            assert getattr(face, step)(held).reason == "ok"
        assert proxy.dropped == 1
        assert face.claim(id_).reason == {"claim": "in_progress", "commit": "duplicate", "release": "ok"}[step]


def test_slow_answers_do_not_add_up(connect: Connect) -> None:
    """Each answer comes within the timeout, but a new connection asks more than once."""
    with servers.redis() as server, Proxy(server.port) as proxy:
        face = connect(proxy.port)
        claimed(face)
        proxy.delay = 0.8 * TIMEOUT
        proxy.close_connections()
        answer = face.claim(event())
        assert answer.reason in ("ok", "store_unavailable") and answer.seconds < BOUND, answer


# --- What a server forgets --------------------------------------------------------------------------------------------


def test_killed_with_append_only_file(connect: Connect) -> None:
    """appendfsync everysec. The server may answer before it writes while a sync is under way, so there is none here."""
    with servers.redis() as server:
        face = connect(server.port)
        done, held = [event() for _ in range(50)], [event() for _ in range(50)]
        for id_ in done:
            assert face.commit(claimed(face, id_)).reason == "ok"
        claims = [claimed(face, id_) for id_ in held]
        wait_until(lambda: info(server.port, "persistence", "aof_pending_bio_fsync") == "0"
                   and info(server.port, "persistence", "aof_buffer_length") == "0", "the append-only file")
        server.kill()
        server.start()
        assert {face.claim(id_).reason for id_ in done} == {"duplicate"}
        assert {face.claim(id_).reason for id_ in held} == {"in_progress"}
        assert {face.commit(claim).reason for claim in claims} == {"ok"}


def test_restart_without_persistence_forgets(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with servers.redis("--appendonly", "no") as server:
        face, id_ = connect(server.port), event()
        held = claimed(face, id_)
        assert face.commit(held).reason == "ok"
        server.kill()
        server.start()
        assert face.claim(id_).reason == "ok"  # documented: this loses what was done
        assert face.commit(held).reason == "claim_lost"
        if not isinstance(face, Cpp):
            with caplog.at_level(logging.WARNING):
                face.check()
            assert "append-only file" in caplog.text


def test_scripts_are_flushed(connect: Connect) -> None:
    with servers.redis() as server:
        face = connect(server.port)
        held = claimed(face)
        ask_redis(server.port, "SCRIPT", "FLUSH")
        assert face.commit(held).reason == "ok"
        assert face.claim(event()).reason == "ok"


# --- Replicas ---------------------------------------------------------------------------------------------------------


@contextmanager
def replica_of(primary: Server, *options: str) -> Iterator[Server]:
    with servers.redis("--replicaof", f"127.0.0.1 {primary.port}", *options) as replica:
        wait_until(lambda: info(replica.port, "replication", "master_link_status") == "up", "the replica")
        yield replica


def test_failover_before_the_replica_has_all(connect: Connect) -> None:
    with servers.redis("--repl-diskless-sync-delay", "0") as primary, replica_of(primary) as replica:
        old = connect(primary.port)
        done, held, done_late, held_late = (event() for _ in range(4))
        assert old.commit(claimed(old, done)).reason == "ok"
        late = claimed(old, done_late)
        held_claim = claimed(old, held)
        assert ask_redis(primary.port, "WAIT", "1", "5000") == ":1\r\n"
        ask_redis(replica.port, "REPLICAOF", "127.0.0.1", str(servers.free_port()))  # it lags from now on
        assert old.commit(late).reason == "ok"
        claimed(old, held_late)
        primary.kill()
        ask_redis(replica.port, "REPLICAOF", "NO", "ONE")

        new = connect(replica.port)
        assert new.claim(done).reason == "duplicate"
        assert new.claim(held).reason == "in_progress"
        assert new.claim(done_late).reason == "in_progress"  # until its lease ends; documented
        assert new.claim(held_late).reason == "ok"  # a second holder; documented
        if not isinstance(new, Cpp):  # its claims belong to the process that made them
            assert new.commit(held_claim).reason == "ok"
            assert new.commit(late).reason == "ok"
            assert new.claim(done_late).reason == "duplicate"


def test_too_few_replicas(connect: Connect) -> None:
    with servers.redis() as server:
        face = connect(server.port)
        held = claimed(face)
        ask_redis(server.port, "CONFIG", "SET", "min-replicas-to-write", "1")
        is_unavailable(face.claim(event()), "replicas to write")
        assert face.commit(held).reason == "store_unavailable"
        ask_redis(server.port, "CONFIG", "SET", "min-replicas-to-write", "0")
        assert face.commit(held).reason == "ok"


def test_read_only_replica(connect: Connect) -> None:
    with servers.redis() as server, servers.redis() as primary:
        face = connect(server.port)
        held, id_ = claimed(face), event()
        ask_redis(server.port, "REPLICAOF", "127.0.0.1", str(primary.port))
        is_unavailable(face.claim(id_), "read-only replica")
        assert face.release(held).reason == "store_unavailable"
        ask_redis(server.port, "REPLICAOF", "NO", "ONE")
        assert face.claim(id_).reason == "ok"


def test_replica_without_its_primary(connect: Connect) -> None:
    with servers.redis("--replica-serve-stale-data", "no", "--replica-read-only", "no") as server:
        face = connect(server.port)
        claimed(face)
        ask_redis(server.port, "REPLICAOF", "127.0.0.1", str(servers.free_port()))
        is_unavailable(face.claim(event()), "lost its primary")


# --- A server that cannot, or may not ---------------------------------------------------------------------------------


def test_out_of_memory(connect: Connect) -> None:
    """Nothing new is begun, and what runs is still committed."""
    with servers.redis("--maxmemory-policy", "noeviction") as server:
        face, id_ = connect(server.port), event()
        held, other = claimed(face), claimed(face)
        ask_redis(server.port, "CONFIG", "SET", "maxmemory", "100kb")
        is_unavailable(face.claim(id_), "no memory left")
        assert face.commit(held).reason == "ok"
        assert face.release(other).reason == "ok"
        ask_redis(server.port, "CONFIG", "SET", "maxmemory", "0")
        assert face.claim(id_).reason == "ok"


def refusal(face: Face) -> str:
    """What check() says, and in C++ the start of the store."""
    if isinstance(face, Cpp):
        return face.claim(event()).sentence
    with pytest.raises((ValueError, StoreError)) as refused:
        face.check()
    return str(refused.value)


def test_a_server_that_evicts_is_refused(connect: Connect) -> None:
    with servers.redis("--maxmemory", "4mb", "--maxmemory-policy", "volatile-ttl") as server:
        assert "noeviction" in refusal(connect(server.port))


def says(port: int, word: str) -> bool:
    try:
        return ask_redis(port, "PING").startswith(word)
    except OSError:
        return False


def test_loading(connect: Connect) -> None:
    slow = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    with servers.redis("--enable-debug-command", "local", *slow) as server:
        face, id_ = connect(server.port), event()
        claimed(face)
        assert ask_redis(server.port, "DEBUG", "POPULATE", "5000", "other", "100") == "+OK\r\n"
        ask_redis(server.port, "BGREWRITEAOF")
        wait_until(lambda: info(server.port, "persistence", "aof_rewrite_in_progress") == "0", "the rewrite")
        server.kill()
        starting = threading.Thread(target=server.start)
        starting.start()
        wait_until(lambda: says(server.port, "-LOADING"), "the start of the loading")
        is_unavailable(face.claim(id_), "loading")
        ask_redis(server.port, "CONFIG", "SET", "key-load-delay", "0")
        starting.join()
        assert face.claim(id_).reason == "ok"


def test_busy_with_a_script(connect: Connect) -> None:
    with servers.redis("--busy-reply-threshold", "50") as server:
        face, id_ = connect(server.port), event()
        claimed(face)
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(b"EVAL 'while true do end' 0\r\n")
            wait_until(lambda: says(server.port, "-BUSY"), "the script")
            is_unavailable(face.claim(id_), "busy")
            ask_redis(server.port, "SCRIPT", "KILL")
            other.recv(1000)
        assert face.claim(id_).reason == "ok"


def test_the_disk_fails(connect: Connect) -> None:
    with servers.redis() as server:
        face, id_ = connect(server.port), event()
        claimed(face)
        (server.folder / "dump.rdb").mkdir()
        ask_redis(server.port, "CONFIG", "SET", "save", "3600 1")
        ask_redis(server.port, "BGSAVE")
        wait_until(lambda: info(server.port, "persistence", "rdb_last_bgsave_status") == "err", "the failure")
        is_unavailable(face.claim(id_), "cannot save its data")
        ask_redis(server.port, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        assert face.claim(id_).reason == "ok"


def test_too_many_clients(connect: Connect) -> None:
    with servers.redis() as server:
        face, id_ = connect(server.port), event()
        claimed(face)
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(b"CONFIG SET maxclients 1\r\n")
            assert other.recv(100) == b"+OK\r\n"
            other.sendall(b"CLIENT KILL TYPE normal SKIPME yes\r\n")
            assert other.recv(100) == b":1\r\n"
            is_unavailable(face.claim(id_), "Redis")  # takes no more connections, or closed it if that came first
            other.sendall(b"CONFIG SET maxclients 100\r\n")
            assert other.recv(100) == b"+OK\r\n"
        assert face.claim(id_).reason == "ok"


def test_the_password_is_missing_or_wrong(connect: Connect) -> None:
    with servers.redis("--requirepass", "right horse/@") as server:
        is_unavailable(connect(server.port).claim(event()), "asks for a password")
        wrong = connect(server.port, password="wrong-horse").claim(event())
        is_unavailable(wrong, "refused the user name or the password")
        assert "wrong-horse" not in wrong.sentence
        assert connect(server.port, password="right horse/@").claim(event()).reason == "ok"


def test_the_user_may_not(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    enough = ("~faults:*", "+evalsha", "+eval", "+get", "+set", "+del")
    with servers.redis() as server:
        users = {"enough": enough, "too-little": ("~faults:*", "+eval", "+get"), "elsewhere": ("~x:*", "+@all")}
        for name, rights in users.items():
            assert ask_redis(server.port, "ACL", "SETUSER", name, "on", ">secret", *rights) == "+OK\r\n"
        for name in ("too-little", "elsewhere"):
            is_unavailable(connect(server.port, username=name, password="secret").claim(event()), "user lacks a right")
        face = connect(server.port, username="enough", password="secret")
        held, other = claimed(face), claimed(face)
        assert face.commit(held).reason == "ok"
        assert face.release(other).reason == "ok"
        if not isinstance(face, Cpp):
            with caplog.at_level(logging.WARNING):
                face.check()
            assert "INFO" in caplog.text


def test_the_key_is_somebody_elses(connect: Connect) -> None:
    with servers.redis() as server:
        face = connect(server.port)
        text, list_ = event(), event()
        ask_redis(server.port, "SET", f"faults:{text}", "hello")
        ask_redis(server.port, "RPUSH", f"faults:{list_}", "hello")
        for id_ in (text, list_):
            is_unavailable(face.claim(id_), "holds something else")
        assert value(server, text) == "$5\r\nhello\r\n"


# --- Clusters ---------------------------------------------------------------------------------------------------------

SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


@contextmanager
def cluster_nodes(count: int) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(servers.redis(
                "--cluster-enabled", "yes", "--cluster-port", str(servers.free_port()), "--cluster-node-timeout", "2000"
            ))
            for _ in range(count)
        ]


@contextmanager
def cluster() -> Iterator[list[Server]]:
    with cluster_nodes(3) as nodes:
        for number, (node, (first, last)) in enumerate(zip(nodes, SLOTS, strict=True)):
            ask_redis(node.port, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            assert ask_redis(node.port, "CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == "+OK\r\n"
        for node in nodes[1:]:
            bus = ask_redis(node.port, "CONFIG", "GET", "cluster-port").split()[-1]
            ask_redis(nodes[0].port, "CLUSTER", "MEET", "127.0.0.1", str(node.port), bus)
        for node in nodes:
            wait_until(lambda port=node.port: "cluster_state:ok" in ask_redis(port, "CLUSTER", "INFO")
                       and "cluster_known_nodes:3" in ask_redis(port, "CLUSTER", "INFO"), "the cluster")
        yield nodes


def test_a_cluster_that_is_down(connect: Connect) -> None:
    with cluster_nodes(1) as (node,):
        face = connect(node.port)
        is_unavailable(face.claim(event()), "cluster client" if isinstance(face, Cpp) else "cluster is down")


def test_a_cluster_needs_its_client(connect: Connect) -> None:
    with cluster() as nodes:
        face = connect(nodes[0].port)
        assert "cluster client" in refusal(face)
        if not isinstance(face, Cpp):  # which does not start
            answers = [face.claim(event()) for _ in range(40)]
            assert {each.reason for each in answers} == {"ok", "store_unavailable"}
            for each in answers:
                if each.reason != "ok":
                    is_unavailable(each, "cluster client")


def test_a_cluster_client_across_a_move_of_slots() -> None:
    with cluster() as nodes, ExitStack() as stack:
        face = cluster_face("redis-py", nodes[0].port, stack)
        face.check()
        events = [event() for _ in range(60)]
        claims = [claimed(face, id_) for id_ in events]
        moving = [id_ for id_ in events if slot_of(nodes[0], id_) <= SLOTS[0][1]]
        for id_ in moving:
            move_slot(nodes, f"faults:{id_}", half=True)  # ASK
        assert {face.commit(claim).reason for claim in claims[:30]} == {"ok"}
        for id_ in moving:
            move_slot(nodes, f"faults:{id_}", half=False)  # MOVED
        assert {face.commit(claim).reason for claim in claims[30:]} == {"ok"}
        answers = [face.claim(id_) for id_ in events]
        assert {each.reason for each in answers} == {"duplicate"}, answers


@pytest.mark.parametrize("kind", ["redis-py", "async redis-py"])
@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_a_cluster_without_one_of_its_nodes(kind: str, fault: str) -> None:
    """The events of this node are refused within the deadline. When it is back, all goes on."""
    with cluster() as nodes, ExitStack() as stack:
        for node in nodes:
            ask_redis(node.port, "CONFIG", "SET", "cluster-require-full-coverage", "no")
        face = cluster_face(kind, nodes[0].port, stack)
        ids = [event() for _ in range(12)]
        away = [id_ for id_ in ids if slot_of(nodes[0], id_) > SLOTS[1][1]]
        assert away and len(away) < len(ids), "the dice fell badly"
        claimed(face)
        getattr(nodes[2], fault)()
        for id_ in ids:
            answer = face.claim(id_)
            assert (answer.reason == "store_unavailable") == (id_ in away), answer
            assert answer.seconds < BOUND, answer
        nodes[2].start() if fault == "kill" else nodes[2].resume()
        wait_until(lambda: face.claim(away[0]).reason in ("ok", "in_progress"), "the node", 15)


def cluster_face(kind: str, port: int, stack: ExitStack) -> Face:
    settings = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    if kind == "redis-py":
        client = stack.enter_context(redis.cluster.RedisCluster(host="127.0.0.1", port=port, **settings))
        return Face(RedisDedupe(client, "faults", timeout=TIMEOUT))
    runner = stack.enter_context(asyncio.Runner())

    async def make() -> Any:
        return redis.asyncio.cluster.RedisCluster(host="127.0.0.1", port=port, **settings)

    asynchronous = runner.run(make())
    stack.callback(lambda: runner.run(asynchronous.aclose()))
    return AsyncFace(AsyncRedisDedupe(asynchronous, "faults", timeout=TIMEOUT), runner)


def slot_of(node: Server, id_: str) -> int:
    return int(ask_redis(node.port, "CLUSTER", "KEYSLOT", f"faults:{id_}")[1:])


def move_slot(nodes: list[Server], key: str, half: bool) -> None:
    """Moves the slot of a key from the first node to the second. half: the slot is on its way."""
    slot = int(ask_redis(nodes[0].port, "CLUSTER", "KEYSLOT", key)[1:])
    source, target = nodes[:2]
    ids = [ask_redis(node.port, "CLUSTER", "MYID").split()[1] for node in (source, target)]
    if half:
        ask_redis(target.port, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[0])
        ask_redis(source.port, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[1])
        ask_redis(source.port, "MIGRATE", "127.0.0.1", str(target.port), key, "0", "5000")
    else:
        for node in (target, source, *nodes):
            ask_redis(node.port, "CLUSTER", "SETSLOT", str(slot), "NODE", ids[1])
        for node in nodes:
            wait_until(lambda port=node.port: ask_redis(port, "GET", key).startswith("$" if port == target.port else
                       f"-MOVED {slot} 127.0.0.1:{target.port}"), "the nodes' agreement")


# --- TLS --------------------------------------------------------------------------------------------------------------


def make_certificates(folder: Path) -> None:
    """A certificate of 127.0.0.1, its own authority, and another one that has signed nothing."""
    for name in ("server", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"], check=True, capture_output=True)


@pytest.mark.parametrize("kind", CLIENTS)
def test_tls(kind: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    port = servers.free_port()
    certificate, key, other = (str(tmp_path / name) for name in ("server.crt", "server.key", "other.crt"))
    options = ("--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key,
               "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no")
    with servers.redis(*options) as server, ExitStack() as stack:

        def claim(port: int, **client: Any) -> Answer:
            settings = {"timeout": TIMEOUT}
            return redis_face(kind, stack, "faults", settings, host="127.0.0.1", port=port, **client).claim(event())

        assert claim(port, ssl=True, ssl_ca_certs=certificate).reason == "ok"
        is_unavailable(claim(port, ssl=True, ssl_ca_certs=other), "TLS")
        plain, encrypted = claim(port), claim(server.port, ssl=True, ssl_ca_certs=certificate)
        for answer in (plain, encrypted):  # the sentence depends on who gives up first
            is_unavailable(answer, "Redis")


# --- Through the receivers --------------------------------------------------------------------------------------------


def test_the_sentence_reaches_on_reject() -> None:
    from flask import Flask
    from puck_webhooks import Receiver
    from puck_webhooks.flask import webhook
    from puck_webhooks.testing import TEST_SECRET, signed_delivery

    rejected: list[Any] = []
    with servers.redis() as server, ExitStack() as stack:
        store = redis_face("redis-py", stack, "faults", {"timeout": TIMEOUT}, port=server.port).store
        receiver, app = Receiver(TEST_SECRET, dedupe=store), Flask(__name__)

        @app.post("/puck")
        @webhook(receiver, on_reject=rejected.append)
        def handle(delivery: Any) -> tuple[str, int]:
            return "", 204

        def post(delivery: Any) -> int:
            headers, body = delivery
            return app.test_client().post("/puck", headers=headers, data=body).status_code

        delivery = signed_delivery()
        ask_redis(server.port, "CONFIG", "SET", "min-replicas-to-write", "1")
        assert post(delivery) == 503
        assert (rejected[-1].reason, rejected[-1].http_status) == ("store_unavailable", 503)
        assert "replicas to write" in rejected[-1].detail
        ask_redis(server.port, "CONFIG", "SET", "min-replicas-to-write", "0")
        assert post(delivery) == 204
        assert post(delivery) == 200
        server.kill()
        assert post(signed_delivery()) == 503
        assert "cannot be reached" in rejected[-1].detail


def test_the_sentence_reaches_on_reject_of_an_asynchronous_receiver() -> None:
    from puck_webhooks import AsyncReceiver
    from puck_webhooks.starlette import webhook
    from puck_webhooks.testing import TEST_SECRET, signed_delivery
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route
    from starlette.testclient import TestClient

    rejected: list[Any] = []
    with servers.redis() as server, ExitStack() as stack:
        store = AsyncRedisDedupe(redis.asyncio.Redis(port=server.port), "faults", timeout=TIMEOUT)
        receiver = AsyncReceiver(TEST_SECRET, dedupe=store)

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[None]:
            yield
            await store.aclose()

        @webhook(receiver, on_reject=rejected.append)
        async def handle(event: Any) -> Response:
            return Response(status_code=204)

        app = Starlette(routes=[Route("/puck", handle, methods=["POST"])], lifespan=lifespan)
        web = stack.enter_context(TestClient(app))

        def post(delivery: Any) -> int:
            headers, body = delivery
            return web.post("/puck", headers=headers, content=body).status_code

        delivery = signed_delivery()
        assert post(delivery) == 204
        assert post(delivery) == 200
        server.pause()
        began = time.monotonic()
        assert post(signed_delivery()) == 503
        assert time.monotonic() - began < BOUND
        assert "did not answer in time" in rejected[-1].detail
        server.resume()
        ask_redis(server.port, "CONFIG", "SET", "min-replicas-to-write", "1")
        assert post(signed_delivery()) == 503
        assert "replicas to write" in rejected[-1].detail


# --- A proxy that loses answers ---------------------------------------------------------------------------------------


class Proxy:
    """Passes bytes on to a server. It can close a connection in place of an answer, or delay each answer."""

    def __init__(self, port: int) -> None:
        self._target, self._armed = port, False
        self.delay = 0.0  # seconds
        self.dropped = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []

    def drop_one_answer(self) -> None:
        """Drops the next answer, and its connection. Nothing else is under way when this is called."""
        self._armed = True

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        close(self._listener)
        self.close_connections()

    def close_connections(self) -> None:
        for each in self._sockets:
            close(each)

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for pump in (self._questions, self._answers):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()
        except OSError:
            return  # closed

    def _questions(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass
        close(server)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                if self._armed:
                    self._armed = False
                    self.dropped += 1
                    break
                time.sleep(self.delay)
                client.sendall(data)
        except OSError:
            pass
        close(client)


def close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was closed before
    connection.close()
