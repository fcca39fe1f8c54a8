"""Dedupe stores by their texts: what a text says, and the stores that are made of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import puck_webhooks as puck
import pytest
import redis
import servers
import steps
from puck_webhooks import _core
from puck_webhooks.stores import AsyncRedisDedupe, RedisDedupe, SqliteDedupe, open_async_dedupe, open_dedupe
from steps import Case, answer, new_event, unavailable

SECRET = "whsec_the-secret-of-these-tests"
PASSWORD = "hunter2 @:/?#%é"
ESCAPED = "hunter2%20%40%3A%2F%3F%23%25%C3%A9"


@steps.cases("dedupe_urls.json")
def test_what_a_text_says(case: Case) -> None:
    if "error" in case["expect"]:
        for parse in (_core.parse_dedupe_url, open_dedupe, open_async_dedupe):
            with pytest.raises(ValueError) as refused:
                parse(case["text"])
            assert str(refused.value) == case["expect"]["error"]
        return
    assert _core.parse_dedupe_url(case["text"]) == case["expect"]


def kwargs(store: Any) -> dict[str, Any]:
    found: dict[str, Any] = store._client.connection_pool.connection_kwargs
    return found


def test_memory() -> None:
    store = open_dedupe("memory:?capacity=1&ttl=700")
    assert isinstance(store, puck.LruDedupe) and store.ttl == 700
    store.claim(new_event())
    assert answer(store.claim, new_event()) == "store_full"


def test_sqlite(tmp_path: Path) -> None:
    text = f"sqlite:{tmp_path}/a%20b.db?namespace=billing&ttl=700"
    store = open_dedupe(text)
    assert isinstance(store, SqliteDedupe) and store.ttl == 700
    event = new_event()
    store.commit(store.claim(event))
    assert (tmp_path / "a b.db").exists()
    assert answer(SqliteDedupe(tmp_path / "a b.db", "billing").claim, event) == "duplicate"


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_redis(redis_server: servers.Server, scheme: str) -> None:
    text = f"{scheme}://127.0.0.1:{redis_server.port}/2?namespace=billing&ttl=700&timeout=0.5"
    store = open_dedupe(text)
    assert isinstance(store, RedisDedupe) and store.ttl == 700
    assert type(store._client).__module__.partition(".")[0] == scheme
    assert kwargs(store)["socket_timeout"] == 0.5
    event = new_event()
    store.commit(store.claim(event))
    with redis.Redis(port=redis_server.port, db=2) as by_hand:
        assert by_hand.exists(f"billing:{event}")
        assert by_hand.pttl(f"billing:{event}") <= 700_000

    async def run() -> None:
        store = open_async_dedupe(text)
        assert isinstance(store, AsyncRedisDedupe)
        with pytest.raises(puck.Duplicate):
            await store.claim(event)
        await store.aclose()

    asyncio.run(run())


def test_a_unix_socket(tmp_path: Path) -> None:
    with servers.redis("--unixsocket", str(tmp_path / "r.sock")):
        open_dedupe(f"unix:{tmp_path}/r.sock?namespace=billing&db=1").claim(new_event())


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls(scheme: str) -> None:
    """The certificate and the name in it are checked."""
    text = f"{scheme}://cache.example?namespace=billing"
    for store in (open_dedupe(text), open_async_dedupe(text)):
        assert store._client.connection_pool.connection_class.__name__ == "SSLConnection"  # type: ignore[union-attr]
        assert kwargs(store)["ssl_cert_reqs"] == "required" and kwargs(store)["ssl_check_hostname"] is True


@pytest.mark.parametrize("package", ["redis", "valkey"])
@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_either_package_will_do(monkeypatch: pytest.MonkeyPatch, package: str, scheme: str) -> None:
    monkeypatch.setitem(sys.modules, {"redis": "valkey", "valkey": "redis"}[package], None)
    store = open_dedupe(f"{scheme}://cache.example?namespace=billing")
    assert isinstance(store, RedisDedupe)
    assert type(store._client).__module__.partition(".")[0] == package


def test_neither_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis", "valkey", "redis.asyncio", "valkey.asyncio"):
        monkeypatch.setitem(sys.modules, name, None)
    for make in (open_dedupe, open_async_dedupe):
        with pytest.raises(ValueError, match=r"install puck-webhooks\[redis\]"):
            make("redis://cache.example?namespace=billing")


def test_a_module_of_the_package_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a folder named redis, which Python imports as a package without contents."""
    monkeypatch.setitem(sys.modules, "redis", ModuleType("redis"))
    client = open_dedupe("redis://cache.example?namespace=billing")._client  # type: ignore[union-attr]
    assert type(client).__module__.partition(".")[0] == "valkey"


@pytest.mark.parametrize("text", ["memory:", "sqlite:x.db?namespace=billing"])
def test_only_redis_is_asynchronous(text: str) -> None:
    with pytest.raises(ValueError, match="asynchronous store"):
        open_async_dedupe(text)


# --- Passwords --------------------------------------------------------------------------------------------------------


def test_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.redis("--requirepass", PASSWORD) as server:
        host = f"127.0.0.1:{server.port}"
        monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
        (tmp_path / "password").write_text(PASSWORD + "\n")
        for text in (
            f"redis://:{ESCAPED}@{host}?namespace=billing",
            f"valkey://default:{ESCAPED}@{host}?namespace=billing",
            f"redis://{host}?namespace=billing&password_env=REDIS_PASSWORD",
            f"redis://default@{host}?namespace=billing&password_file={tmp_path}/password",
        ):
            store = open_dedupe(text)
            store.check()
            assert "hunter2" not in repr(store)
        wrong = open_dedupe(f"redis://:{ESCAPED}x@{host}?namespace=billing")
        assert unavailable(wrong.check).detail == "Redis refused the user name or the password."


def test_passwords_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_PASSWORD", raising=False)
    with pytest.raises(ValueError, match="environment variable"):
        open_dedupe("redis://h?namespace=n&password_env=REDIS_PASSWORD")
    with pytest.raises(ValueError, match="cannot be read"):
        open_dedupe(f"redis://h?namespace=n&password_file={tmp_path}/none")
    for wrong in ("", "\n", "x" * 4097):
        (tmp_path / "password").write_text(wrong)
        with pytest.raises(ValueError, match="empty, or longer"):
            open_dedupe(f"redis://h?namespace=n&password_file={tmp_path}/password")


# --- Receivers --------------------------------------------------------------------------------------------------------


def test_a_receiver_opens_the_store(tmp_path: Path) -> None:
    receiver = puck.Receiver(SECRET, dedupe=f"sqlite:{tmp_path}/x.db?namespace=billing")
    assert isinstance(receiver.dedupe, SqliteDedupe)
    assert isinstance(puck.Receiver(SECRET, dedupe="memory:").dedupe, puck.LruDedupe)


def test_a_receiver_refuses_what_the_text_refuses() -> None:
    with pytest.raises(ValueError, match="twice the tolerance"):
        puck.Receiver(SECRET, dedupe="memory:?ttl=600", tolerance=301)
    for wrong in ("", "redis://hunter2@h", "mysql://hunter2@h"):
        with pytest.raises(ValueError) as refused:
            puck.Receiver(SECRET, dedupe=wrong)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("wrong", [None, b"memory:", 7])
def test_a_text_is_a_str(wrong: Any) -> None:
    with pytest.raises(TypeError):
        open_dedupe(wrong)
