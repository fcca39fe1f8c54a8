"""Receiver and Delivery: what is claimed, and when it is committed or released."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from email.message import Message
from types import SimpleNamespace
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import (
    EVENT_ID,
    NOW,
    OLD_SECRET,
    SECRET,
    TIMEOUT,
    PythonStore,
    Refusal,
    collect,
    envelope,
    event_id,
    fingerprint,
    receive,
    refused,
    sign,
    signed,
    small_receiver,
    verdict,
)

BODY = envelope()


class Unraisable:
    """What could only be reported, since nobody was there to hear of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kinds: list[str] = []
        monkeypatch.setattr(sys, "unraisablehook", lambda failure: self.kinds.append(failure.exc_type.__name__))


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Unraisable]:
    yield Unraisable(monkeypatch)
    collect()  # a traceback may hold a delivery, whose release must not fail in the middle of another test


@pytest.fixture(params=["built-in", "python"])
def receiver(request: pytest.FixtureRequest) -> puck.Receiver:
    return small_receiver(dedupe=puck.LruDedupe(64) if request.param == "built-in" else PythonStore())


def test_a_delivery() -> None:
    receiver = puck.Receiver([SECRET, OLD_SECRET], dedupe=puck.LruDedupe(1))
    with receiver.receive(signed(BODY, secret=OLD_SECRET, t=NOW - 9), BODY, now=NOW) as delivery:
        assert (delivery.timestamp, delivery.secret_index) == (NOW - 9, 1)
        assert delivery.secret_fingerprint == fingerprint(OLD_SECRET)
        assert delivery.event.event_id == EVENT_ID


def test_the_defaults() -> None:
    receiver = puck.Receiver(SECRET)
    assert receiver.max_body == 1_048_576
    receive(receiver, 1).commit()
    with refused("duplicate"):
        receive(receiver, 1)
    with refused("timestamp_too_old"):
        receiver.receive(signed(BODY, t=NOW - 301), BODY, now=NOW)


@pytest.mark.parametrize("clock", [{}, {"now": None}])
def test_now_is_the_current_time_unless_it_is_given(clock: dict[str, None]) -> None:
    receiver = small_receiver()
    receiver.receive(signed(BODY, t=int(time.time())), BODY, **clock).commit()
    with refused("timestamp_too_old"):
        receiver.receive(signed(BODY, t=NOW - 10**8), BODY, **clock)


def test_receivers_may_share_a_store() -> None:
    store = puck.LruDedupe(4)
    receive(small_receiver(dedupe=store)).commit()
    assert store.seen(event_id(0))
    with refused("duplicate"):
        receive(small_receiver(dedupe=store))


def test_receivers_have_stores_of_their_own() -> None:
    receive(puck.Receiver(SECRET)).commit()
    receive(puck.Receiver(SECRET)).commit()


def test_only_what_is_genuine_is_claimed() -> None:
    store = PythonStore()
    receiver = small_receiver(dedupe=store)
    for reason, headers, body in [
        ("missing_signature", {}, BODY),
        ("signature_mismatch", signed(BODY, secret=OLD_SECRET), BODY),
        ("timestamp_too_old", signed(BODY, t=NOW - 301), BODY),
        ("invalid_json", signed(b"{"), b"{"),
        ("header_mismatch", signed(BODY, X_Puck_Event_Id=event_id(1)), BODY),
        ("payload_too_large", {}, bytes(1_048_577)),
    ]:
        with refused(reason):
            receiver.receive(headers, body, now=NOW)
    assert store.calls == []


# --- headers ------------------------------------------------------------------------------------------------------

PAIRS = [("x-puck-signature", sign(SECRET, NOW, BODY)), ("X-PUCK-EVENT-ID", EVENT_ID), ("Host", "a"), ("host", "b")]


class Pairs:
    """Like the headers of some frameworks: neither a dict nor a list, with one line for each pair."""

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(PAIRS)


def as_message() -> Message:
    message = Message()
    for name, value in PAIRS:
        message[name] = value
    return message


HEADERS: dict[str, Callable[[], Any]] = {
    "a dict": lambda: dict(PAIRS),
    "a dict of bytes": lambda: {name.encode(): value.encode() for name, value in PAIRS},
    "a mapping of its own kind": Pairs,
    "a list of tuples": lambda: PAIRS,
    "a list of lists": lambda: [list(pair) for pair in PAIRS],
    "a tuple of bytes": lambda: tuple((name.encode(), value.encode()) for name, value in PAIRS),
    "an iterator": lambda: iter(PAIRS),
    "a generator": lambda: ((name, value) for name, value in PAIRS),
    "a view": lambda: dict(PAIRS).items(),
    "email.message.Message": as_message,
}


@pytest.mark.parametrize("kind", HEADERS)
def test_forms_of_headers(kind: str) -> None:
    assert small_receiver().receive(HEADERS[kind](), BODY, now=NOW).event.event_id == EVENT_ID


@pytest.mark.parametrize("same", [True, False])
def test_a_doubled_signature_is_seen(same: bool) -> None:
    value = sign(SECRET, NOW, BODY)
    pairs = [("X-Puck-Signature", value), ("x-puck-signature", value if same else sign(SECRET, NOW - 1, BODY))]
    for headers in (pairs, dict(pairs)):
        with refused("malformed_signature"):
            small_receiver().receive(headers, BODY, now=NOW)


# --- the end of a block -------------------------------------------------------------------------------------------


def test_what_ends_well_is_committed(receiver: puck.Receiver) -> None:
    with receive(receiver) as delivery:
        assert isinstance(delivery, puck.Delivery)
        with refused("in_progress"):
            receive(receiver)
    with refused("duplicate"):
        receive(receiver)


@pytest.mark.parametrize(
    "kind", [Refusal, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, StopIteration, MemoryError]
)
def test_whatever_is_raised_releases_and_is_raised_on(receiver: puck.Receiver, kind: type[BaseException]) -> None:
    raised = kind("what the handler says")
    with pytest.raises(kind) as caught, receive(receiver):
        raise raised
    assert caught.value is raised
    assert raised.__context__ is None
    receive(receiver).commit()


def test_return_break_and_continue_are_good_ends(receiver: puck.Receiver) -> None:
    def handler() -> str:
        with receive(receiver, 1):
            return "done"

    assert handler() == "done"
    for n in (2, 3):
        with receive(receiver, n):
            if n == 2:
                continue
            break
    for n in (1, 2, 3):
        with refused("duplicate"):
            receive(receiver, n)


def test_a_generator_that_is_closed_releases(receiver: puck.Receiver) -> None:
    def handler() -> Iterator[None]:
        with receive(receiver):
            yield

    running = handler()
    next(running)
    running.close()
    receive(receiver).commit()


def test_a_generator_that_is_dropped_releases(receiver: puck.Receiver) -> None:
    def handler() -> Iterator[None]:
        with receive(receiver):
            yield

    next(running := handler())
    del running
    collect()
    receive(receiver).commit()


def test_blocks_in_blocks(receiver: puck.Receiver) -> None:
    with pytest.raises(Refusal), receive(receiver, 1):
        with receive(receiver, 2), refused("in_progress"):
            receive(receiver, 1)
        raise Refusal
    with refused("duplicate"):
        receive(receiver, 2)
    receive(receiver, 1).commit()


def test_a_delivery_that_is_settled_inside_is_left_alone(receiver: puck.Receiver) -> None:
    with pytest.raises(Refusal), receive(receiver, 1) as delivery:
        delivery.commit()
        raise Refusal
    with refused("duplicate"):
        receive(receiver, 1)
    with receive(receiver, 2) as delivery:
        delivery.release()
    receive(receiver, 2).commit()


@pytest.mark.parametrize("first", ["commit", "release"])
@pytest.mark.parametrize("second", ["commit", "release"])
def test_a_delivery_is_settled_once(receiver: puck.Receiver, first: str, second: str) -> None:
    delivery = receive(receiver)
    assert getattr(delivery, first)() is None
    for _ in range(2):
        with refused("claim_lost"):
            getattr(delivery, second)()
    if first == "release":
        receive(receiver).commit()
    else:
        with refused("duplicate"):
            receive(receiver)


def test_a_delivery_that_is_dropped_is_released(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    with refused("in_progress"):
        receive(receiver)
    del delivery
    receive(receiver).commit()


# --- async --------------------------------------------------------------------------------------------------------


def test_async_with_commits_and_releases(receiver: puck.Receiver) -> None:
    async def handler() -> None:
        async with receive(receiver, 1) as delivery:
            await asyncio.sleep(0)
            assert delivery.event.event_id == event_id(1)
        with pytest.raises(Refusal):
            async with receive(receiver, 2):
                await asyncio.sleep(0)
                raise Refusal

    asyncio.run(handler())
    with refused("duplicate"):
        receive(receiver, 1)
    receive(receiver, 2).commit()


@pytest.mark.parametrize("form", ["with", "async with"])
def test_a_cancelled_task_releases(receiver: puck.Receiver, form: str) -> None:
    async def handler(started: asyncio.Event) -> None:
        if form == "with":
            with receive(receiver):
                started.set()
                await asyncio.Event().wait()
        else:
            async with receive(receiver):
                started.set()
                await asyncio.Event().wait()

    async def main() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(handler(started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    receive(receiver).commit()


def test_async_with_tells_of_a_store_that_fails() -> None:
    store = PythonStore()

    async def handler() -> None:
        async with receive(small_receiver(dedupe=store)):
            store.held.clear()

    with refused("claim_lost"):
        asyncio.run(handler())


# --- stores that are written in Python ----------------------------------------------------------------------------


def test_a_python_store_is_asked_in_this_order() -> None:
    store = PythonStore()
    with receive(small_receiver(dedupe=store)):
        claim = store.held[event_id(0)]
        assert store.calls == [("claim", event_id(0))]
    assert store.calls[1:] == [("commit", claim)]
    assert store.calls[1][1] is claim


@pytest.mark.parametrize("claim", [0, "", [], {}, object(), 1.5, b"token", NotImplemented])
def test_a_claim_may_be_anything(claim: object) -> None:
    settled: list[object] = []
    store = SimpleNamespace(claim=lambda event_id: claim, commit=settled.append, release=settled.append)
    with receive(small_receiver(dedupe=store)):
        pass
    receive(small_receiver(dedupe=store)).release()
    assert [id(each) for each in settled] == [id(claim)] * 2


async def coroutine(*args: object) -> object:
    return object()


@pytest.mark.parametrize(
    "answer",
    [lambda event_id: None, lambda event_id: True, lambda event_id: False, lambda event_id: coroutine()],
    ids=["None", "True", "False", "coroutine"],
)
def test_answers_that_are_no_claims(answer: Callable[[str], object]) -> None:
    settled: list[object] = []
    receiver = small_receiver(dedupe=SimpleNamespace(claim=answer, commit=settled.append, release=settled.append))
    with refused("store_unavailable"):
        receive(receiver)
    collect()  # would warn of a coroutine that was not awaited
    assert not settled


@pytest.mark.parametrize("settle", ["commit", "release"])
def test_a_store_that_wants_to_be_awaited_has_not_answered(settle: str, unraisable: Unraisable) -> None:
    store = PythonStore()
    setattr(store, settle, lambda claim: coroutine())
    delivery = receive(small_receiver(dedupe=store))
    with refused("store_unavailable") as caught:
        getattr(delivery, settle)()
    assert "asynchronous" in str(caught.value)
    del delivery
    collect()
    assert unraisable.kinds == (["StoreError"] if settle == "release" else [])
    assert not store.done


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (puck.Duplicate, "duplicate"),
        (puck.InProgress, "in_progress"),
        (puck.StoreError, "store_unavailable"),
        (lambda: puck.StoreError("store_full"), "store_full"),
    ],
)
def test_what_claim_may_raise(make: Callable[[], puck.WebhookError], reason: str) -> None:
    store, raised = PythonStore(), make()

    def claim(event_id: str) -> object:
        raise raised

    store.claim = claim  # type: ignore[method-assign]
    with refused(reason) as caught:
        receive(small_receiver(dedupe=store))
    assert caught.value is raised
    assert store.names == []


@pytest.mark.parametrize("method", ["claim", "commit", "release"])
@pytest.mark.parametrize(
    "kind", [Refusal, OSError, KeyError, TypeError, RecursionError, TimeoutError, StopIteration, puck.SignatureError]
)
def test_anything_else_is_store_unavailable(method: str, kind: type[Exception], unraisable: Unraisable) -> None:
    store, raised = PythonStore(), kind("signature_mismatch")

    def fail(argument: object) -> object:
        raise raised

    setattr(store, method, fail)
    receiver = small_receiver(dedupe=store)
    if method == "claim":
        with refused("store_unavailable") as caught:
            receive(receiver)
    else:
        delivery = receive(receiver)
        with refused("store_unavailable") as caught:
            getattr(delivery, method)()
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize("method", ["claim", "commit", "release"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_who_interrupts_a_store_is_heard(method: str, kind: type[BaseException], unraisable: Unraisable) -> None:
    store = PythonStore()

    def interrupt(argument: object) -> object:
        raise kind

    setattr(store, method, interrupt)
    receiver = small_receiver(dedupe=store)
    with pytest.raises(kind):
        delivery = receive(receiver)
        getattr(delivery, method)()
    if method == "commit":
        del delivery
        assert store.names == ["claim", "release"]


def test_a_commit_that_failed_may_be_tried_again() -> None:
    store = PythonStore()
    right, failures = store.commit, [Refusal("1"), Refusal("2")]

    def commit(claim: object) -> object:
        if failures:
            raise failures.pop()
        return right(claim)

    store.commit = commit  # type: ignore[method-assign]
    delivery = receive(small_receiver(dedupe=store))
    for _ in range(2):
        with refused("store_unavailable"):
            delivery.commit()
    delivery.commit()
    assert store.done == {event_id(0)}


def test_a_commit_that_failed_at_the_end_of_a_block_leads_to_a_release() -> None:
    store = PythonStore()
    store.commit = lambda claim: 1 / 0  # type: ignore[method-assign]
    with refused("store_unavailable"), receive(small_receiver(dedupe=store)):
        pass
    collect()
    assert store.names == ["claim", "release"]
    assert not store.held


@pytest.mark.parametrize("settle", ["commit", "release"])
def test_a_lost_claim_is_settled(settle: str, unraisable: Unraisable) -> None:
    """Another worker has the event now: nothing that happens to this delivery may touch it."""
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    store.held[event_id(0)] = [event_id(0)]
    with refused("claim_lost"):
        getattr(delivery, settle)()
    with refused("claim_lost"):
        delivery.commit()
    del delivery
    assert store.names == ["claim", settle]
    assert unraisable.kinds == []


def test_a_release_that_fails_hides_no_exception(unraisable: Unraisable) -> None:
    store = PythonStore()
    store.release = lambda claim: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(Refusal) as caught, receive(small_receiver(dedupe=store)):
        raise Refusal
    assert caught.value.__context__ is None
    assert unraisable.kinds == ["StoreError"]


@pytest.mark.parametrize("missing", ["claim", "commit", "release"])
def test_what_is_no_store(missing: str) -> None:
    methods = {name: print for name in ("claim", "commit", "release") if name != missing}
    for store in (SimpleNamespace(**methods), SimpleNamespace(**methods, **{missing: None})):
        with pytest.raises(TypeError, match=missing):
            small_receiver(dedupe=store)
    with pytest.raises(TypeError, match="coroutine"):
        small_receiver(dedupe=SimpleNamespace(**methods, **{missing: coroutine}))


@pytest.mark.parametrize("store", [False, 0, "", "lru", puck.LruDedupe, dict, object()])
def test_other_things_that_are_no_store(store: object) -> None:
    with pytest.raises(TypeError, match="must (have a method|be a store)"):
        small_receiver(dedupe=store)


@pytest.mark.parametrize("method", ["claim", "commit", "release"])
def test_stores_may_block(method: str) -> None:
    """Two threads are inside of the store at once, or neither comes out."""
    store, meeting = PythonStore(), threading.Barrier(2)
    right = getattr(store, method)

    def blocking(argument: Any) -> object:
        meeting.wait(TIMEOUT)
        return right(argument)

    setattr(store, method, blocking)
    receiver, failures = small_receiver(dedupe=store), []

    def work(n: int) -> None:
        try:
            delivery = receive(receiver, n)
            delivery.release() if method == "release" else delivery.commit()
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert failures == []
    assert sorted(store.names) == sorted(["claim", "release" if method == "release" else "commit"] * 2)


def test_a_store_may_use_the_receiver() -> None:
    store = PythonStore()
    receiver = small_receiver(dedupe=store)
    right = store.claim

    def claim(event: str) -> object:
        if event == event_id(0):
            receive(receiver, 1).commit()
        return right(event)

    store.claim = claim  # type: ignore[method-assign]
    receive(receiver).commit()
    assert store.done == {event_id(0), event_id(1)}


@pytest.mark.parametrize("outcome", ["ok", "store_unavailable"])
def test_a_block_that_ends_while_its_delivery_is_committed(outcome: str) -> None:
    """Nobody knows yet how the commit ends, so the block does not say that the event was handled."""
    store = PythonStore()
    right = store.commit

    def commit(claim: object) -> object:
        with refused("store_unavailable"):
            delivery.__exit__(None, None, None)
        with refused("store_unavailable"):
            delivery.release()
        if outcome != "ok":
            raise puck.StoreError(outcome)
        return right(claim)

    store.commit = commit  # type: ignore[method-assign]
    delivery = receive(small_receiver(dedupe=store))
    assert verdict(delivery.commit) == outcome
    assert bool(store.done) == (outcome == "ok")
    assert store.names == (["claim", "commit"] if outcome == "ok" else ["claim"])


# --- garbage ------------------------------------------------------------------------------------------------------


def test_a_store_that_knows_its_receiver_is_collected() -> None:
    store: Any = PythonStore()
    store.receiver = small_receiver(dedupe=store)
    gone = weakref.ref(store)
    del store
    collect()
    assert gone() is None


def test_a_claim_that_knows_its_delivery_is_released_whole() -> None:
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    store.held[event_id(0)].append(delivery)
    claim = list(store.held[event_id(0)])
    seen: list[list[object]] = []
    store.held.clear()
    store.calls.clear()
    store.release = lambda given: seen.append(list(given))  # type: ignore[method-assign]
    del delivery, claim[1:]
    collect()
    assert [each[:1] for each in seen] == [claim]
    assert len(seen[0]) == 2


def test_a_delivery_is_released_while_its_store_is_whole(unraisable: Unraisable) -> None:
    """All of them are garbage at once: the store must be asked before it is taken apart."""
    settled: list[str] = []

    class Store:
        def __init__(self) -> None:
            self.log = settled

        def claim(self, event_id: str) -> object:
            return [event_id]

        def commit(self, claim: object) -> None:
            self.log.append("commit")

        def release(self, claim: object) -> None:
            self.log.append("release")

    store: Any = Store()
    store.delivery = receive(small_receiver(dedupe=store))
    gone = weakref.ref(store)
    del store
    collect()
    assert settled == ["release"]
    assert unraisable.kinds == []
    assert gone() is None


def test_the_collector_sees_what_these_hold() -> None:
    store = PythonStore()
    receiver = small_receiver(dedupe=store)
    delivery = receive(receiver)
    assert store in gc.get_referents(receiver)
    assert store in gc.get_referents(delivery)
    assert delivery.event in gc.get_referents(delivery)
    assert delivery.event.data in gc.get_referents(delivery.event)
    delivery.commit()


def test_a_receiver_shows_its_limit_and_its_store() -> None:
    store = puck.LruDedupe(4)
    receiver = puck.Receiver(SECRET, max_body=1000, dedupe=store)
    assert (receiver.max_body, receiver.dedupe) == (1000, store)
    assert isinstance(puck.Receiver(SECRET).dedupe, puck.LruDedupe)


def test_a_claim_that_is_lost_before_it_was_made_is_no_reason_to_tell_puck_to_stop() -> None:
    class Store:
        def claim(self, event_id: str) -> object:
            raise puck.StoreError("claim_lost")

        def commit(self, claim: object) -> None: ...

        def release(self, claim: object) -> None: ...

    with refused("store_unavailable"):
        puck.Receiver(SECRET, dedupe=Store()).receive(signed(BODY), BODY, now=NOW)


def test_a_store_s_methods_must_be_callable() -> None:
    class Store:
        claim = commit = release = "text"

    with pytest.raises(TypeError, match="claim"):
        puck.Receiver(SECRET, dedupe=Store())


def test_a_block_does_not_begin_with_a_delivery_that_is_settled() -> None:
    receiver = small_receiver()
    delivery = receive(receiver)
    delivery.release()
    with refused("claim_lost"), delivery:
        pytest.fail("the handler must not run")


def test_a_store_is_not_its_class() -> None:
    with pytest.raises(TypeError, match="class"):
        puck.Receiver(SECRET, dedupe=puck.LruDedupe)  # type: ignore[arg-type]
