"""Dedupe stores in Redis or Valkey, for any number of machines."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any, NoReturn

from .._core import Claim
from .._errors import Duplicate, InProgress, StoreError
from ._settings import checked_namespace, checked_seconds, checked_timeout, new_claim, probe_event, text_beside, warn

# The sentences are those of src/stores/redis_errors.hpp, by the first word of the server's error, or, in lower case, a
# finding of ours. The last ones are findings that only Python has.
_CLUSTER_NODE = "This Redis is a node of a cluster: it needs a cluster client."
_FOREIGN = "A key of this namespace holds something else than an event."
_UNAVAILABLE = {
    "OOM": "Redis has no memory left for new events (maxmemory).",
    "READONLY": "This Redis is a read-only replica: use its primary.",
    "NOAUTH": "Redis asks for a password.",
    "WRONGPASS": "Redis refused the user name or the password.",
    "NOPERM": "The Redis user lacks a right: ~NAMESPACE:* +evalsha +eval +get +set +del are needed.",
    "MOVED": _CLUSTER_NODE,
    "ASK": _CLUSTER_NODE,
    "CLUSTERDOWN": "The Redis cluster is down.",
    "LOADING": "Redis has just started, and is loading its data.",
    "BUSY": "Redis is busy with a slow script.",
    "MASTERDOWN": "This Redis is a replica that has lost its primary.",
    "NOREPLICAS": "Redis has lost too many of its replicas to write.",
    "MISCONF": "Redis cannot save its data to disk, and so does not write.",
    "WRONGTYPE": _FOREIGN,
    "DENIED": "Redis is in protected mode, and refuses other machines.",
    "foreign": _FOREIGN,
    "max_clients": "Redis takes no more connections (maxclients).",
    "database": "Redis does not have a database of this number.",
    "other": "Redis answered with an error that is not known here.",
    "unreachable": "Redis cannot be reached.",
    "timeout": "Redis did not answer in time.",
    "closed": "Redis closed the connection.",
    "protocol": "What answered is not a Redis server.",
    "eviction": "Redis may evict events before their time: set its maxmemory-policy to noeviction.",
    "too_old": "Redis is older than 7.0, which the scripts need.",
    "tls": "TLS with Redis failed: check the certificate, the name in it, and the port.",
    "all_busy": "All connections of this store to Redis are in use.",
    "loop": "This client belongs to another event loop: make one store for each loop.",
    "cluster": "The Redis cluster cannot be reached, or changed its nodes again and again.",
    "client": "The Redis client failed.",
}

_WORDS = {  # redis-py and valkey-py take the first word away, and choose an exception's class by it
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
    "NoPermissionError": "NOPERM",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "MasterDownError": "MASTERDOWN",
    "ClusterDownError": "CLUSTERDOWN",
    "BusyLoadingError": "LOADING",
    "AuthenticationWrongNumberOfArgsError": "WRONGPASS",
}
_OURS = {"retry", "retry_on_error", "retry_on_timeout", "himport_registry", "cache", "cache_config", "connection_pool"}
_POOL_OF_COROUTINES = 64  # connections; more deliveries at once wait for one of them


class _Script:
    """A script, and the name that the server knows it by."""

    def __init__(self, name: str) -> None:
        from hashlib import sha1

        self.text = text_beside(name)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class _Store:
    """What the two stores have in common."""

    def __init__(
        self, client: Any, namespace: str, *, ttl: int = 86_400, lease: int = 60, timeout: float = 1.0
    ) -> None:
        self._namespace = checked_namespace(namespace)
        self._ttl_ms, self._lease_ms = checked_seconds(ttl, lease)
        self._timeout = checked_timeout(timeout)
        self._library = _Library(client)
        if self._library.is_async != self._is_async:
            other = "AsyncRedisDedupe" if self._library.is_async else "RedisDedupe"
            raise TypeError(f"This client belongs to {other}.")
        self._client = self._library.with_deadline(client, self._timeout)
        self._claim, self._settle = _Script("claim.lua"), _Script("settle.lua")

    _is_async = False

    @property
    def ttl(self) -> int:
        """For how many seconds a committed event is remembered."""
        return self._ttl_ms // 1000

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self._namespace!r})"

    def _key(self, claim: Claim) -> str:
        return f"{self._namespace}:{claim.event_id}"

    def _arguments(self, claim: Claim, milliseconds: int) -> tuple[int, str, str, int]:
        return 1, self._key(claim), f"{claim.token:016x}", milliseconds

    def _pools(self) -> list[Any]:
        """The store's own connections. Those of a cluster are the client's."""
        if self._library.is_cluster:
            return []
        pool = self._client.connection_pool
        sentinels = getattr(getattr(pool, "sentinel_manager", None), "sentinels", ())
        return [pool, *(each.connection_pool for each in sentinels)]

    def _sections(self) -> dict[str, str]:
        """INFO of a cluster is that of its primaries."""
        return {"target_nodes": "primaries"} if self._library.is_cluster else {}


class RedisDedupe(_Store):
    """Remembers events in Redis 7 or Valkey, for all processes of all machines.

    `client` is a client of redis-py (5.0 or later) or valkey-py: `redis.Redis(...)`, also one from Sentinel, or a
    cluster's client. Its settings are used for connections of the store's own, which have the store's timeout and are
    never repeated by the client; so a cluster's client must itself be made with `socket_timeout` and
    `socket_connect_timeout` of at most `timeout`. `namespace` says whose memory it is: 1 to 64 of `A-Z a-z 0-9 _ . -`.
    Two endpoints that share a server need different ones. `ttl` and `lease` are in seconds, as for `LruDedupe`.
    `timeout` is for how many seconds one try waits for the server, 0.01 to 60; there are two tries. Any number of
    threads may use one store. Raises TypeError or ValueError for a wrong argument.
    """

    def claim(self, event_id: str, /) -> Claim:
        """Takes the event. Raises Duplicate, InProgress, or StoreError (store_unavailable)."""
        claim = new_claim(event_id)
        _check_claim(self._ask(self._claim, self._arguments(claim, self._lease_ms)))
        return claim

    def commit(self, claim: Claim, /) -> None:
        """Marks the event as done. Raises StoreError: claim_lost or store_unavailable."""
        _check_settled(self._ask(self._settle, self._arguments(claim, self._ttl_ms)))

    def release(self, claim: Claim, /) -> None:
        """Gives the event back. Raises StoreError: claim_lost or store_unavailable."""
        _check_settled(self._ask(self._settle, self._arguments(claim, 0)))

    def check(self) -> None:
        """Claims, commits and forgets an event that does not exist, to be called when the application starts.

        Raises StoreError if the server does not answer or refuses, and for a server that would lose events: one older
        than 7.0, a node of a cluster without a cluster's client, or one that evicts keys when its memory is full. Two
        things are only logged, on the logger puck_webhooks: that the server keeps no append-only file, so that a
        restart forgets events, and that the user may not ask for INFO, so that this is not known.
        """
        claim = self.claim(probe_event())
        self.commit(claim)
        self._guard(lambda: self._client.delete(self._key(claim)))
        try:
            found = [self._client.info(section, **self._sections()) for section in _SECTIONS]
        except Exception as failure:
            return _cannot_inspect(self._library, failure)
        _inspect(found, self._library.is_cluster)

    def close(self) -> None:
        """Closes the store's connections, at the end of the application. The next call would open new ones."""
        for pool in self._pools():
            pool.disconnect()

    def _ask(self, script: _Script, arguments: tuple[Any, ...]) -> Any:
        """The script's answer. It is asked a second time if the connection failed: the steps may be repeated."""

        def ask() -> Any:
            try:
                return self._client.evalsha(script.sha, *arguments)
            except self._library.no_script:
                return self._client.eval(script.text, *arguments)

        try:
            return ask()
        except Exception as failure:
            if not self._library.may_repeat(failure):
                _raise_unavailable(failure)
        return self._guard(ask)

    def _guard(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Exception as failure:
            _raise_unavailable(failure)


class AsyncRedisDedupe(_Store):
    """`RedisDedupe` for `AsyncReceiver`, over a client of redis.asyncio or valkey.asyncio.

    The arguments are those of `RedisDedupe`; a cluster's client needs no timeouts. One store belongs to one event loop.
    A call that is cancelled may have happened, or may still happen: a claim then ends with its lease.
    """

    _is_async = True

    async def claim(self, event_id: str, /) -> Claim:
        """Takes the event. Raises Duplicate, InProgress, or StoreError (store_unavailable)."""
        claim = new_claim(event_id)
        _check_claim(await self._ask(self._claim, self._arguments(claim, self._lease_ms)))
        return claim

    async def commit(self, claim: Claim, /) -> None:
        """Marks the event as done. Raises StoreError: claim_lost or store_unavailable."""
        _check_settled(await self._ask(self._settle, self._arguments(claim, self._ttl_ms)))

    async def release(self, claim: Claim, /) -> None:
        """Gives the event back. Raises StoreError: claim_lost or store_unavailable."""
        _check_settled(await self._ask(self._settle, self._arguments(claim, 0)))

    async def check(self) -> None:
        """What `RedisDedupe.check` does."""
        claim = await self.claim(probe_event())
        await self.commit(claim)
        await self._guard(lambda: self._client.delete(self._key(claim)))
        import asyncio

        try:
            async with asyncio.timeout(2 * self._timeout):
                found = [await self._client.info(section, **self._sections()) for section in _SECTIONS]
        except Exception as failure:
            return _cannot_inspect(self._library, failure)
        _inspect(found, self._library.is_cluster)

    async def aclose(self) -> None:
        """Closes the store's connections, at the end of the application. The next call would open new ones."""
        for pool in self._pools():
            await pool.disconnect()

    async def _ask(self, script: _Script, arguments: tuple[Any, ...]) -> Any:
        """The script's answer. It is asked a second time if the connection failed: the steps may be repeated."""

        import asyncio  # here, since it takes long to import

        async def ask() -> Any:
            try:
                return await self._client.evalsha(script.sha, *arguments)
            except self._library.no_script:
                return await self._client.eval(script.text, *arguments)

        try:
            async with asyncio.timeout(self._timeout):
                return await ask()
        except Exception as failure:
            if not self._library.may_repeat(failure):
                _raise_unavailable(failure)
        return await self._guard(ask)

    async def _guard(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        import asyncio

        try:
            async with asyncio.timeout(self._timeout):
                return await ask()
        except Exception as failure:
            _raise_unavailable(failure)


class _Library:
    """The package that a client comes from: redis or valkey. Who made the client has imported it."""

    def __init__(self, client: Any) -> None:
        if isinstance(client, type):
            raise TypeError("client must be a client, and not its class")
        base = next((each for each in type(client).__mro__ if each.__name__ in _CLIENTS and _package_of(each)), None)
        if base is None:
            raise TypeError("client must be a client of redis-py or valkey-py, such as redis.Redis(host=...)")
        self._base = base
        self.package = _package_of(base)
        self.is_async = base.__module__.startswith(f"{self.package}.asyncio.")
        self.is_cluster = base.__name__.endswith("Cluster")
        errors = sys.modules[f"{self.package}.exceptions"]
        self.no_script: type[Exception] = errors.NoScriptError
        self._broken = (errors.ConnectionError, errors.TimeoutError, OSError)  # the last one is asyncio's timeout too

    def may_repeat(self, failure: Exception) -> bool:
        """Whether the connection failed, and not the server answered."""
        return isinstance(failure, self._broken) and _word(failure) is None

    def with_deadline(self, client: Any, timeout: float) -> Any:
        """A client with the same settings, but with our timeout, and without repetitions by itself."""
        if not self.is_cluster:
            return self._base(connection_pool=self._pool(client.connection_pool, timeout))
        if not self.is_async:
            given = client.nodes_manager.connection_kwargs
            for name in ("socket_timeout", "socket_connect_timeout"):
                value = given.get(name)
                if value is None or value > timeout:
                    raise ValueError(
                        "A cluster's client must be made with timeouts: pass it socket_timeout and "
                        "socket_connect_timeout, and neither longer than the store's timeout."
                    )
            client = copy.copy(client)  # with the same connections; it would ask a silent node up to eleven times
            client.retry = self._module("retry").Retry(sys.modules[f"{self.package}.backoff"].NoBackoff(), 0)
            client.cluster_error_retry_attempts = 0
        return client

    def _pool(self, pool: Any, timeout: float) -> Any:
        given = {name: value for name, value in pool.connection_kwargs.items() if not _is_dropped(name)}
        given |= {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry": self._module("retry").Retry(sys.modules[f"{self.package}.backoff"].NoBackoff(), 0),
            "health_check_interval": 0,
            "encoding": "utf-8",
            "connection_class": pool.connection_class,
        }
        plain, blocking = (getattr(self._module("connection"), f"{each}ConnectionPool") for each in ("", "Blocking"))
        if "maint_notifications_config" in inspect.signature(plain).parameters:  # they would lengthen the timeouts
            config = import_module(f"{self.package}.maint_notifications").MaintNotificationsConfig
            given["maint_notifications_config"] = config(enabled=False)
        if hasattr(pool, "sentinel_manager"):
            sentinels = copy.copy(pool.sentinel_manager)
            sentinels.sentinels = [self.with_deadline(each, timeout) for each in sentinels.sentinels]
            return type(pool)(pool.service_name, sentinels, is_master=pool.is_master, **given)
        if self.is_async:
            return blocking(max_connections=_POOL_OF_COROUTINES, timeout=timeout, **given)
        return plain(max_connections=2**31, **given)

    def _module(self, name: str) -> Any:
        return sys.modules[f"{self.package}.asyncio.{name}" if self.is_async else f"{self.package}.{name}"]


def _package_of(base: type) -> str:
    package = base.__module__.partition(".")[0]
    return package if package in ("redis", "valkey") else ""


def _is_dropped(name: str) -> bool:
    return name in _OURS or name.startswith(("maint", "oss_cluster_", "orig_"))


def _check_claim(answer: Any) -> None:
    if answer == 301:
        raise Duplicate()
    if answer == 302:
        raise InProgress()
    _check_ok(answer)


def _check_settled(answer: Any) -> None:
    if answer == -6:
        raise StoreError("claim_lost")
    _check_ok(answer)


def _check_ok(answer: Any) -> None:
    if answer != 0 or isinstance(answer, bool):
        raise _unavailable("protocol")


def _unavailable(finding: str) -> StoreError:
    return StoreError("store_unavailable", _UNAVAILABLE[finding])


def _raise_unavailable(failure: Exception) -> NoReturn:
    raise _unavailable(_word(failure) or _finding(failure)) from failure


def _word(failure: BaseException) -> str | None:
    """The first word of the server's error, if it has a sentence."""
    for each in type(failure).__mro__:
        if each.__name__ == "AuthenticationError":
            asks = ("Authentication required", "HELLO must be called with the client already authenticated")
            return "NOAUTH" if str(failure).startswith(asks) else "WRONGPASS"
        if each.__name__ in _WORDS:
            return _WORDS[each.__name__]
    first = str(failure).partition(" ")[0]
    return first if first.isupper() and first in _UNAVAILABLE else None


def _finding(failure: BaseException) -> str:
    """What else went wrong. The text of the failure is looked at, and never shown."""
    names = {each.__name__ for one in _chain(failure) for each in type(one).__mro__}
    text = str(failure)
    for is_it, finding in (
        ("max number of clients" in text, "max_clients"),
        ("DB index is out of range" in text, "database"),
        ("holds no event of puck-webhooks" in text, "foreign"),
        # what a script is not allowed to do, in the words of Redis and of Valkey
        ("can't run this command" in text or "ACL failure in script" in text, "NOPERM"),
        ("'#'" in text and "script" in text, "too_old"),  # the scripts' first line is not Lua for it
        ("MaxConnectionsError" in names or text == "No connection available.", "all_busy"),
        ("SSLError" in names, "tls"),
        ("TimeoutError" in names, "timeout"),
        ("InvalidResponse" in names, "protocol"),
        (names & _UNREACHABLE, "unreachable"),
        ("ResponseError" in names, "other"),
        ("ConnectionError" in names, "closed"),
        ("OSError" in names, "unreachable"),
        ("ClusterError" in names or "RedisClusterException" in names, "cluster"),
        # in asyncio's words
        ("RuntimeError" in names and ("different loop" in text or text == "Event loop is closed"), "loop"),
    ):
        if is_it:
            return finding
    return "client"


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__


_UNREACHABLE = {
    "ConnectionRefusedError",
    "gaierror",
    "FileNotFoundError",
    "PermissionError",
    "MasterNotFoundError",  # Sentinel's
    "SlaveNotFoundError",
}
_CLIENTS = {"Redis", "Valkey", "RedisCluster", "ValkeyCluster"}
_SECTIONS = ("server", "memory", "persistence", "cluster")


def _cannot_inspect(library: _Library, failure: Exception) -> None:
    """INFO failed, but the store itself works."""
    if _word(failure) != "NOPERM":
        _raise_unavailable(failure)
    warn("The Redis user may not ask for INFO, so the server's settings are not checked: add +info.")


def _inspect(found: list[dict[str, Any]], is_cluster: bool) -> None:
    """Refuses a server that would lose events, by its INFO."""
    nodes = [_each_node(section, is_cluster) for section in found]
    for server, memory, persistence, cluster in zip(*nodes, strict=True):
        if int(str(server.get("redis_version", "7")).partition(".")[0]) < 7:
            raise _unavailable("too_old")
        if memory.get("maxmemory") and memory.get("maxmemory_policy") != "noeviction":
            raise _unavailable("eviction")
        if cluster.get("cluster_enabled") and not is_cluster:
            raise _unavailable("MOVED")
        if not persistence.get("aof_enabled"):
            warn("Redis keeps no append-only file, so a restart forgets events: set its appendonly to yes.")


def _each_node(section: dict[str, Any], is_cluster: bool) -> list[dict[str, Any]]:
    """A cluster answers with a section for each node, or with the section if it has one node only."""
    values = list(section.values())
    return values if is_cluster and values and isinstance(values[0], dict) else [section]
