"""Servers that live for the whole session, and clients for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
import servers
import valkey
import valkey.asyncio

CLIENTS = {
    "redis-py": redis.Redis,
    "valkey-py": valkey.Valkey,
    "async redis-py": redis.asyncio.Redis,
    "async valkey-py": valkey.asyncio.Valkey,
}


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[servers.Server]:
    with servers.valkey() as server:
        yield server


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of a test that is not a coroutine."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def admin(redis_server: servers.Server) -> Iterator[redis.Redis]:
    """A client of the Redis server, for what a test does to it by hand."""
    with redis.Redis(port=redis_server.port) as client:
        yield client


@pytest.fixture(params=["redis", "valkey"])
def any_server(request: pytest.FixtureRequest) -> servers.Server:
    """The Redis server, and then the Valkey server."""
    server: servers.Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture(params=["redis-py", "valkey-py"])
def client_type(request: pytest.FixtureRequest) -> Any:
    """The client of either package."""
    return CLIENTS[request.param]


@pytest.fixture(params=["async redis-py", "async valkey-py"])
def async_client_type(request: pytest.FixtureRequest) -> Any:
    return CLIENTS[request.param]
