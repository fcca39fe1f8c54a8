"""Dedupe stores that several processes or machines share. See docs/stores.md."""

from __future__ import annotations

from ._text import open_async_dedupe, open_dedupe
from .postgres import PostgresDedupe, PostgresInbox, SqlAlchemyInbox
from .redis import AsyncRedisDedupe, RedisDedupe
from .sqlite import SqliteDedupe

__all__ = [
    "AsyncRedisDedupe",
    "PostgresDedupe",
    "PostgresInbox",
    "RedisDedupe",
    "SqlAlchemyInbox",
    "SqliteDedupe",
    "open_async_dedupe",
    "open_dedupe",
]
