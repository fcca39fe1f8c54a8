"""Dedupe stores by their texts, for configuration: redis://cache.example?namespace=billing"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from .._core import LruDedupe, parse_dedupe_url
from .redis import AsyncRedisDedupe, RedisDedupe
from .sqlite import SqliteDedupe

_LONGEST_PASSWORD = 4096  # bytes


def open_dedupe(text: str) -> LruDedupe | SqliteDedupe | RedisDedupe:
    """The store that a text names. It is asked nothing yet: see its `check`.

        memory:[?capacity=N]
        sqlite:PATH?namespace=N
        redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]?namespace=N     rediss:// (TLS), valkey:// and valkeys:// alike
        unix:PATH?namespace=N[&db=N][&username=U]                  Redis or Valkey on a unix socket

    Parameters of all: `ttl` and `lease`, in seconds. Of memory only: `capacity`. Of all others: `namespace`, which they
    need, and `timeout`, in seconds. Of Redis and Valkey only: `password_env=NAME` or `password_file=PATH`, and of unix
    only: `db` and `username`. Needs redis-py or valkey-py for Redis and Valkey. Raises TypeError or ValueError with a
    sentence that shows nothing of the text.
    """
    url = parse_dedupe_url(text)
    if url["engine"] == "memory":
        return LruDedupe(**_pick(url, "capacity", "ttl", "lease"))
    settings = _pick(url, "ttl", "lease", "timeout")
    if url["engine"] == "sqlite":
        return SqliteDedupe(url["path"], url["namespace"], **settings)
    return RedisDedupe(_client(text, url, ""), url["namespace"], **settings)


def open_async_dedupe(text: str) -> AsyncRedisDedupe:
    """`open_dedupe` for `AsyncReceiver`: only Redis and Valkey have asynchronous stores."""
    url = parse_dedupe_url(text)
    if url["engine"] != "redis":
        raise ValueError(
            "An asynchronous receiver needs an asynchronous store: redis, rediss, valkey, valkeys or unix. "
            "For memory and sqlite use Receiver."
        )
    return AsyncRedisDedupe(_client(text, url, ".asyncio"), url["namespace"], **_pick(url, "ttl", "lease", "timeout"))


def _pick(url: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: url[name] for name in names if name in url}


def _client(text: str, url: dict[str, Any], kind: str) -> Any:
    """A client of valkey-py for a text that says valkey, and of redis-py for any other, if both are installed."""
    packages = [("redis", "Redis"), ("valkey", "Valkey")]
    if text[:6].lower() == "valkey":
        packages.reverse()
    for package, name in packages:
        try:
            client = getattr(import_module(package + kind), name)
        except (ImportError, AttributeError):  # or a folder or a module of that name that is not the package
            continue
        given = {"username": _bytes(url.get("username")), "password": _password(url), "db": url["db"]}
        if "path" in url:
            return client(unix_socket_path=url["path"], **given)
        if url["tls"]:  # older clients check the certificate, but not the name in it
            given |= {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        return client(host=url["host"], port=url["port"], **given)
    raise ValueError("This dedupe store needs a client library: install puck-webhooks[redis] or puck-webhooks[valkey].")


def _bytes(text: str | None) -> bytes | None:
    """What was percent-encoded need not be UTF-8."""
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _password(url: dict[str, Any]) -> bytes | None:
    """The password, from where the text says. A line end after it is not part of it."""
    if name := url.get("password_env"):
        password = os.environb.get(_bytes(name) or b"", b"")
        if not password:
            raise ValueError("The environment variable of password_env is not set, or is empty.")
    elif path := url.get("password_file"):
        try:
            with open(path, "rb") as file:
                password = file.read(_LONGEST_PASSWORD + 1).rstrip(b"\r\n")
        except OSError as failure:
            raise ValueError("The file of password_file cannot be read.") from failure
        if not password or len(password) > _LONGEST_PASSWORD:
            raise ValueError("The file of password_file is empty, or longer than 4096 bytes.")
    else:
        return _bytes(url.get("password"))
    return password
