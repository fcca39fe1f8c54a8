"""Every face of the stores with the same three calls, for tests that must get the same answers from all of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import uuid
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
import valkey
import valkey.asyncio
from puck_webhooks import WebhookError
from puck_webhooks.stores.redis import AsyncRedisDedupe, RedisDedupe

CLIENTS = ("redis-py", "valkey-py", "async redis-py", "async valkey-py")


@dataclass(frozen=True)
class Answer:
    """`reason` as in the contract. `claim`: what commit and release want, after a claim that is ok."""

    reason: str
    sentence: str
    seconds: float
    claim: Any = None


class Face:
    """A Python store."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def claim(self, event: str) -> Answer:
        return self._ask("claim", event)

    def commit(self, claim: Any) -> Answer:
        return self._ask("commit", claim)

    def release(self, claim: Any) -> Answer:
        return self._ask("release", claim)

    def check(self) -> None:
        self._call("check")

    def _ask(self, step: str, argument: Any) -> Answer:
        began = time.monotonic()
        try:
            claim = self._call(step, argument)
        except WebhookError as error:
            return Answer(error.reason, error.detail, time.monotonic() - began)
        return Answer("ok", "", time.monotonic() - began, claim)

    def _call(self, step: str, *arguments: Any) -> Any:
        return getattr(self.store, step)(*arguments)


class AsyncFace(Face):
    def __init__(self, store: Any, runner: asyncio.Runner) -> None:
        super().__init__(store)
        self._runner = runner

    def _call(self, step: str, *arguments: Any) -> Any:
        return self._runner.run(getattr(self.store, step)(*arguments))


def driver() -> str:
    path = os.environ.get("PUCK_STORE_DRIVER")
    assert path, "PUCK_STORE_DRIVER must name a program: cmake --build --preset dev --target store_driver"
    return path


class Cpp(Face):
    """The store of C++, in a process that reads steps and writes answers. It also tries the store when it starts, so
    what is refused then is the answer to every step."""

    def __init__(self, text: str, stack: ExitStack) -> None:
        pipe = subprocess.PIPE
        self._driver = subprocess.Popen(
            [driver(), text], stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1, restore_signals=False
        )
        stack.callback(self._end)
        self._names, self._began = 0, time.monotonic()

    def claim(self, event: str) -> Answer:
        self._names += 1
        return self._ask("claim", event, f"c{self._names}")

    def _ask(self, step: str, *words: str) -> Answer:
        began = time.monotonic()
        with suppress(BrokenPipeError):
            self._driver.stdin.write(" ".join((step, *words)) + "\n")
        reason, _, sentence = self._driver.stdout.readline().rstrip("\n").partition(" ")
        if not reason:
            return Answer("store_unavailable", self._driver.stderr.read(), time.monotonic() - self._began)
        return Answer(reason, sentence, time.monotonic() - began, words[-1])

    def lives(self) -> bool:
        """Whether the store has started. Waits for its answer."""
        return self._ask("claim", str(uuid.uuid4()), "c0").reason == "ok"

    def _end(self) -> None:
        with suppress(BrokenPipeError):
            self._driver.communicate()


def redis_face(kind: str, stack: ExitStack, namespace: str, settings: dict[str, Any], **client: Any) -> Face:
    """A Python store over a client of this kind. `client`: the client's own arguments, such as port."""
    library = redis if "redis" in kind else valkey
    name = library.__name__.capitalize()
    if not kind.startswith("async"):
        return Face(RedisDedupe(getattr(library, name)(**client), namespace, **settings))
    runner = stack.enter_context(asyncio.Runner())
    asynchronous = getattr(library.asyncio, name)(**client)
    stack.callback(lambda: runner.run(asynchronous.aclose()))
    store = AsyncRedisDedupe(asynchronous, namespace, **settings)
    stack.callback(lambda: runner.run(store.aclose()))
    return AsyncFace(store, runner)


def event() -> str:
    return str(uuid.uuid4())


def claimed(face: Face, id_: str | None = None) -> Any:
    answer = face.claim(id_ or event())
    assert answer.reason == "ok", answer
    return answer.claim
