"""Receiver and Delivery: what is claimed, and when it is committed or released."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import Message
from types import SimpleNamespace
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import (
    EVENT_ID,
    NOW,
    OLD_SECRET,
    REASONS,
    RECORD,
    SECRET,
    TIMEOUT,
    PythonStore,
    Refusal,
    check_error,
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
    with receiver.receive(signed(BODY, secret=OLD_SECRET, t=NOW - 9), BODY, received_at=NOW) as delivery:
        assert (delivery.timestamp, delivery.skew_seconds, delivery.secret_index) == (NOW - 9, 9, 1)
        assert delivery.secret_fingerprint == fingerprint(OLD_SECRET)
        assert delivery.event.event_id == EVENT_ID


def test_the_defaults() -> None:
    receiver = puck.Receiver(SECRET)
    assert receiver.max_body == 1_048_576
    receive(receiver, 1).commit()
    with refused("duplicate"):
        receive(receiver, 1)
    with refused("timestamp_too_old"):
        receiver.receive(signed(BODY, t=NOW - 301), BODY, received_at=NOW)


@pytest.mark.parametrize("clock", [{}, {"received_at": None}])
def test_received_at_is_the_current_time_unless_it_is_given(clock: dict[str, None]) -> None:
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
            receiver.receive(headers, body, received_at=NOW)
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
    assert small_receiver().receive(HEADERS[kind](), BODY, received_at=NOW).event.event_id == EVENT_ID


@pytest.mark.parametrize("same", [True, False])
def test_a_doubled_signature_is_seen(same: bool) -> None:
    value = sign(SECRET, NOW, BODY)
    pairs = [("X-Puck-Signature", value), ("x-puck-signature", value if same else sign(SECRET, NOW - 1, BODY))]
    for headers in (pairs, dict(pairs)):
        with refused("malformed_signature"):
            small_receiver().receive(headers, BODY, received_at=NOW)


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


def test_a_repeated_commit_is_good_again(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    for _ in range(3):
        assert delivery.commit() is None
    with refused("duplicate"):
        receive(receiver)


def test_a_release_never_undoes_a_commit(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    delivery.commit()
    for _ in range(2):
        with refused("claim_lost"):
            delivery.release()
    delivery.commit()
    with refused("duplicate"):
        receive(receiver)


def test_a_repeated_release_is_good_again(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    for _ in range(2):
        assert delivery.release() is None
    receive(receiver).commit()
    with refused("claim_lost"):
        delivery.release()


def test_a_commit_after_a_release_counts_unless_another_worker_was_there(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    delivery.release()
    delivery.commit()
    with refused("duplicate"):
        receive(receiver)
    late = receive(receiver, 1)
    late.release()
    other = receive(receiver, 1)
    with refused("claim_lost"):
        late.commit()
    other.commit()
    with refused("claim_lost"):
        late.commit()


@pytest.mark.parametrize("first", ["commit", "release"])
def test_a_block_does_not_settle_again_what_is_settled(first: str) -> None:
    store = PythonStore()
    with receive(small_receiver(dedupe=store)) as delivery:
        getattr(delivery, first)()
    with pytest.raises(Refusal), receive(small_receiver(dedupe=store), 1) as delivery:
        getattr(delivery, first)()
        raise Refusal
    assert store.names == ["claim", first] * 2


def test_the_store_is_asked_again_with_the_same_claim_but_never_to_undo_a_commit() -> None:
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    claim = store.held[event_id(0)]
    delivery.release()
    delivery.commit()
    delivery.commit()
    with refused("claim_lost"):
        delivery.release()
    assert store.names == ["claim", "release", "commit", "commit"]
    assert all(given is claim for _, given in store.calls[1:])


def test_a_delivery_that_is_dropped_is_released(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    with refused("in_progress"):
        receive(receiver)
    del delivery
    receive(receiver).commit()


def test_a_delivery_that_is_dropped_in_a_frame_without_builtins_is_released() -> None:
    """The garbage collector may run in one, such as the one in which a namedtuple is made."""
    store = PythonStore()
    held = [receive(small_receiver(dedupe=store))]
    exec("held.clear()", {"__builtins__": {}, "held": held})
    assert store.names == ["claim", "release"]


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


def test_async_with_raises_what_a_store_has_failed_with() -> None:
    store = PythonStore()

    async def handler() -> None:
        async with receive(small_receiver(dedupe=store)):
            store.held[event_id(0)] = [event_id(0)]  # another worker's

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
    store = SimpleNamespace(claim=lambda event_id: claim, commit=settled.append, release=settled.append, ttl=600)
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
    store = SimpleNamespace(claim=answer, commit=settled.append, release=settled.append, ttl=600)
    receiver = small_receiver(dedupe=store)
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
    assert caught.value.__cause__ is raised
    assert caught.value.detail == raised.detail
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


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("method", ["claim", "commit", "release"])
def test_which_answers_of_a_store_count(method: str, reason: str, unraisable: Unraisable) -> None:
    store = PythonStore()
    receiver = small_receiver(dedupe=store)

    def fail(argument: object) -> object:
        raise REASONS[reason][0](reason)

    setattr(store, method, fail)
    count = {"duplicate", "in_progress", "store_full"} if method == "claim" else {"claim_lost"}
    with refused(reason if reason in count else "store_unavailable"):
        getattr(receive(receiver), method)()


def test_a_repeated_commit_that_fails_leaves_the_event_done(unraisable: Unraisable) -> None:
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    delivery.commit()
    store.commit = lambda claim: 1 / 0  # type: ignore[method-assign]
    with refused("store_unavailable"):
        delivery.commit()
    with refused("claim_lost"):
        delivery.release()
    delivery.__exit__(Refusal, Refusal(), None)
    del delivery
    assert store.names == ["claim", "commit"]
    assert unraisable.kinds == []


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
    assert store.done.keys() == {event_id(0)}


def test_a_commit_that_failed_at_the_end_of_a_block_releases_though_its_error_is_kept() -> None:
    store = PythonStore()
    right = store.commit
    store.commit = lambda claim: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(puck.StoreError) as kept, receive(small_receiver(dedupe=store)) as delivery:
        pass
    assert (kept.value.reason, store.names) == ("store_unavailable", ["claim", "release"])
    store.commit = right  # type: ignore[method-assign]
    delivery.commit()
    assert store.done.keys() == {event_id(0)}, "it may still be repeated"


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
    """Another worker has the event now: nobody releases it for this delivery, when it is dropped or a block ends."""
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    store.held[event_id(0)] = [event_id(0)]
    with refused("claim_lost"):
        getattr(delivery, settle)()
    with refused("claim_lost"), delivery:
        pytest.fail("the handler must not run")
    delivery.__exit__(Refusal, Refusal(), None)
    del delivery
    assert store.names == ["claim", settle]
    assert unraisable.kinds == []


def test_a_claim_that_is_lost_at_the_end_of_a_block(unraisable: Unraisable) -> None:
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    store.held[event_id(0)] = [event_id(0)]
    delivery.__exit__(Refusal, Refusal(), None)
    assert unraisable.kinds == ["StoreError"]
    with refused("claim_lost") as caught, delivery:
        pytest.fail("the handler must not run")
    assert caught.value.detail == puck.StoreError("claim_lost").detail


def test_a_lost_claim_does_not_undo_a_commit() -> None:
    """Of a store that does not repeat its answers."""
    store = PythonStore()
    delivery = receive(small_receiver(dedupe=store))
    delivery.commit()
    store.done[event_id(0)] = [event_id(0)]
    with refused("claim_lost"):
        delivery.commit()
    with refused("claim_lost"):
        delivery.release()
    assert store.names == ["claim", "commit", "commit"]


def test_a_release_that_fails_hides_no_exception(unraisable: Unraisable) -> None:
    store = PythonStore()
    store.release = lambda claim: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(Refusal) as caught, receive(small_receiver(dedupe=store)):
        raise Refusal
    assert caught.value.__context__ is None
    assert unraisable.kinds == ["StoreError"]


@pytest.mark.parametrize("missing", ["claim", "commit", "release"])
def test_what_is_no_store(missing: str) -> None:
    methods: dict[str, Any] = {name: print for name in ("claim", "commit", "release") if name != missing}
    methods["ttl"] = 600
    for store in (SimpleNamespace(**methods), SimpleNamespace(**methods, **{missing: None})):
        with pytest.raises(TypeError, match=missing):
            small_receiver(dedupe=store)
    with pytest.raises(TypeError, match="coroutine"):
        small_receiver(dedupe=SimpleNamespace(**methods, **{missing: coroutine}))


@pytest.mark.parametrize("store", [False, 0, b"memory:", puck.LruDedupe, dict, object()])
def test_other_things_that_are_no_store(store: object) -> None:
    with pytest.raises(TypeError, match="must (have a method|be a store)"):
        small_receiver(dedupe=store)


@pytest.mark.parametrize("ttl", [None, True, 600.0, "600", [600]], ids=repr)
def test_a_store_that_does_not_say_how_long_it_remembers(ttl: object) -> None:
    store = PythonStore()
    store.ttl = ttl  # type: ignore[assignment]
    with pytest.raises(TypeError, match="ttl"):
        small_receiver(dedupe=store)


def test_a_store_without_a_ttl() -> None:
    with pytest.raises(TypeError, match="ttl"):
        small_receiver(dedupe=SimpleNamespace(claim=print, commit=print, release=print))


@pytest.mark.parametrize("kind", ["built-in", "python"])
def test_a_store_must_remember_for_twice_the_tolerance(kind: str) -> None:
    """For that long a captured delivery lives: it may be signed a tolerance ahead, and come a tolerance late."""

    def store(ttl: int) -> Any:
        if kind == "built-in":
            return puck.LruDedupe(4, ttl=ttl)
        written = PythonStore()
        written.ttl = ttl
        return written

    for tolerance, ttl in ((300, 600), (301, 602), (86_400, 172_800), (1, 600)):
        small_receiver(dedupe=store(ttl), tolerance=tolerance)
    for tolerance, ttl in ((301, 601), (86_400, 172_799), (3_600, 600)):
        with pytest.raises(ValueError, match="twice the tolerance"):
            small_receiver(dedupe=store(ttl), tolerance=tolerance)


def test_the_default_store_remembers_for_a_day() -> None:
    puck.Receiver(SECRET, tolerance=43_200)
    with pytest.raises(ValueError, match="twice the tolerance"):
        puck.Receiver(SECRET, tolerance=43_201)


def test_a_ttl_may_be_a_property() -> None:
    class Store(PythonStore):
        @property
        def ttl(self) -> int:  # type: ignore[override]
            return 600

    receive(small_receiver(dedupe=Store())).commit()


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
    assert store.done.keys() == {event_id(0), event_id(1)}


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


# --- what an error carries ----------------------------------------------------------------------------------------

KNOWN_PROOF = {
    "timestamp": NOW - 9,
    "skew_seconds": 9,
    "secret_index": 1,
    "secret_fingerprint": fingerprint(OLD_SECRET),
}
KNOWN_EVENT = {
    "event_id": EVENT_ID,
    "event_type": "investigation.completed",
    "emitted_at": datetime(2026, 5, 3, 14, 22, 1, tzinfo=UTC),
    "emitted_at_text": "2026-05-03T14:22:01Z",
    "api_version": "v1",
    "severity": "high",
}
UNKNOWN = dict.fromkeys(RECORD)


def rotated(body: bytes = BODY, skew: int = 9, **others: str) -> dict[str, str]:
    return signed(body, secret=OLD_SECRET, t=NOW - skew, **others)


def check_record(error: puck.WebhookError, known: dict[str, Any]) -> None:
    """All that is known, also after the error has travelled to another process; and a bare one knows nothing."""
    for each in (error, pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert {name: getattr(each, name) for name in RECORD} == UNKNOWN | known
        check_error(each, error.reason)


def rotating_receiver(store: Any) -> puck.Receiver:
    return puck.Receiver([SECRET, OLD_SECRET], dedupe=store)


REFUSALS: dict[str, tuple[dict[str, str], bytes, dict[str, Any]]] = {
    "payload_too_large": ({}, bytes(1_048_577), {}),
    "missing_signature": ({}, BODY, {}),
    "malformed_signature": ({"X-Puck-Signature": "t"}, BODY, {}),
    "unsupported_scheme": ({"X-Puck-Signature": f"t={NOW},v2=x"}, BODY, {}),
    "signature_mismatch": (signed(BODY, secret="whsec_of-somebody-else"), BODY, {}),
    "timestamp_too_old": (rotated(skew=301), BODY, KNOWN_PROOF | {"timestamp": NOW - 301, "skew_seconds": 301}),
    "timestamp_too_new": (rotated(skew=-301), BODY, KNOWN_PROOF | {"timestamp": NOW + 301, "skew_seconds": -301}),
    "invalid_json": (rotated(b"{"), b"{", KNOWN_PROOF),
    "unsupported_api_version": (rotated(b := envelope(api_version="v2")), b, KNOWN_PROOF),
    "header_mismatch": (rotated(X_Puck_Event_Type="other"), BODY, KNOWN_PROOF | KNOWN_EVENT),
}


@pytest.mark.parametrize("reason", REFUSALS)
@pytest.mark.parametrize("call", ["verify", "receive"])
def test_a_refusal_carries_what_is_known(reason: str, call: str) -> None:
    headers, body, known = REFUSALS[reason]
    judge = puck.Verifier([SECRET, OLD_SECRET]).verify if call == "verify" else rotating_receiver(None).receive
    with refused(reason) as caught:
        judge(headers, body, received_at=NOW)
    check_record(caught.value, known)


def test_a_refused_signature_carries_what_is_known() -> None:
    verifier = puck.Verifier([SECRET, OLD_SECRET])
    with refused("timestamp_too_old") as caught:
        verifier.verify_signature(BODY, sign(OLD_SECRET, NOW - 301, BODY), received_at=NOW)
    check_record(caught.value, KNOWN_PROOF | {"timestamp": NOW - 301, "skew_seconds": 301})


@pytest.mark.parametrize("make_store", [lambda: puck.LruDedupe(4), PythonStore], ids=["built-in", "python"])
def test_a_duplicate_carries_all(make_store: Callable[[], Any]) -> None:
    receiver = rotating_receiver(make_store())
    delivery = receiver.receive(signed(BODY), BODY, received_at=NOW)
    with refused("in_progress") as caught:
        receiver.receive(rotated(), BODY, received_at=NOW)
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT)
    delivery.commit()
    with refused("duplicate") as caught:
        receiver.receive(rotated(), BODY, received_at=NOW)
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT)


def test_a_full_store_s_error_carries_all() -> None:
    store = puck.LruDedupe(1)
    held = store.claim(event_id(1))
    with refused("store_full") as caught:
        rotating_receiver(store).receive(rotated(), BODY, received_at=NOW)
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT)
    store.release(held)


@pytest.mark.parametrize("raised", [puck.StoreError("store_full"), puck.StoreError("claim_lost"), OSError("away")])
@pytest.mark.parametrize("method", ["claim", "commit", "release"])
def test_the_error_of_a_python_store_carries_all(
    method: str, raised: Exception, monkeypatch: pytest.MonkeyPatch, unraisable: Unraisable
) -> None:
    store = PythonStore()

    def fail(argument: object) -> object:
        raise raised

    with monkeypatch.context() as patch, pytest.raises(puck.StoreError) as caught:
        patch.setattr(store, method, fail)
        delivery = rotating_receiver(store).receive(rotated(), BODY, received_at=NOW)
        getattr(delivery, method)()
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT)


@pytest.mark.parametrize("make_store", [lambda: puck.LruDedupe(4), PythonStore], ids=["built-in", "python"])
def test_a_lost_claim_s_error_carries_all(make_store: Callable[[], Any]) -> None:
    receiver = rotating_receiver(make_store())
    delivery = receiver.receive(rotated(), BODY, received_at=NOW)
    delivery.commit()
    for late in (delivery.release, delivery.__enter__):
        with refused("claim_lost") as caught:
            late()
        check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT)
    other = receiver.receive(rotated(b := envelope(event_id=event_id(1))), b, received_at=NOW)
    other.release()
    receiver.receive(signed(b), b, received_at=NOW).commit()
    with refused("claim_lost") as caught:
        other.commit()
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT | {"event_id": event_id(1)})


def test_a_moment_that_datetime_has_not_is_none_in_an_error() -> None:
    body = envelope(emitted_at="0000-01-01T00:00:00Z", data={})
    receiver = rotating_receiver(None)
    receiver.receive(rotated(body), body, received_at=NOW).commit()
    with refused("duplicate") as caught:
        receiver.receive(rotated(body), body, received_at=NOW)
    known = {"emitted_at": None, "emitted_at_text": "0000-01-01T00:00:00Z", "severity": None}
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT | known)


def test_an_error_that_a_store_raises_twice_is_left_alone() -> None:
    """Two threads may raise it at once."""
    store, raised = PythonStore(), puck.InProgress("in_progress", "In other words.")

    def claim(event_id: str) -> object:
        raise raised

    store.claim = claim  # type: ignore[method-assign]
    first = envelope()
    second = envelope(event_id=event_id(1), emitted_at="0000-01-01T00:00:00Z")
    before = dict(vars(raised))
    for body, known in ((first, {}), (second, {"event_id": event_id(1), "emitted_at": None})):
        with refused("in_progress") as caught:
            rotating_receiver(store).receive(rotated(body), body, received_at=NOW)
        text = json.loads(body)["emitted_at"]
        check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT | known | {"emitted_at_text": text})
        assert caught.value.detail == "In other words."
        assert caught.value.__cause__ is raised
    assert vars(raised) == before


class WithoutReason(puck.StoreError):
    """Like an error of a store whose author has forgotten super().__init__()."""

    def __init__(self) -> None: ...


class OddReason(WithoutReason):
    reason = ["claim_lost"]  # type: ignore[assignment]


class OwnLost(WithoutReason):
    reason = "claim_lost"


@pytest.mark.parametrize("method", ["claim", "commit", "release"])
@pytest.mark.parametrize("make", [WithoutReason, OddReason, OwnLost])
def test_an_error_of_a_store_that_is_not_whole(
    method: str, make: Callable[[], Exception], unraisable: Unraisable
) -> None:
    store, raised = PythonStore(), make()

    def fail(argument: object) -> object:
        raise raised

    setattr(store, method, fail)
    reason = "claim_lost" if make is OwnLost and method != "claim" else "store_unavailable"
    with refused(reason) as caught:
        getattr(rotating_receiver(store).receive(rotated(), BODY, received_at=NOW), method)()
    check_record(caught.value, KNOWN_PROOF | KNOWN_EVENT)
    assert caught.value.detail == puck.StoreError(reason).detail
    assert caught.value.__cause__ is raised


def test_an_error_does_not_keep_the_event() -> None:
    """Whoever collects errors must not collect bodies with them."""
    store = PythonStore()
    store.done[EVENT_ID] = []
    with refused("duplicate") as caught:
        rotating_receiver(store).receive(rotated(), BODY, received_at=NOW)
    assert {type(each) for each in vars(caught.value).values()} <= {str, int, bool, datetime}


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
        ttl = 600

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


def test_a_signal_that_meets_a_claim_gives_it_back() -> None:
    class Interrupted:
        @property  # type: ignore[misc]
        def __class__(self) -> Any:
            raise KeyboardInterrupt

    class Store:
        ttl = 600
        released: list[object] = []

        def claim(self, event_id: str) -> object:
            return Interrupted()

        def commit(self, claim: object) -> None: ...

        def release(self, claim: object) -> None:
            self.released.append(type(claim))

    store = Store()
    with pytest.raises(KeyboardInterrupt):
        receive(small_receiver(dedupe=store))
    assert store.released == [Interrupted]


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
        ttl = 600

        def claim(self, event_id: str) -> object:
            raise puck.StoreError("claim_lost")

        def commit(self, claim: object) -> None: ...

        def release(self, claim: object) -> None: ...

    with refused("store_unavailable"):
        puck.Receiver(SECRET, dedupe=Store()).receive(signed(BODY), BODY, received_at=NOW)


def test_a_store_s_methods_must_be_callable() -> None:
    class Store:
        claim = commit = release = "text"

    with pytest.raises(TypeError, match="claim"):
        puck.Receiver(SECRET, dedupe=Store())


def test_a_block_does_not_begin_with_a_delivery_that_was_given_back(receiver: puck.Receiver) -> None:
    """Nobody has handled the event, so Puck must come again."""
    released, left = receive(receiver, 0), receive(receiver, 1)
    released.release()
    with pytest.raises(Refusal), left:
        raise Refusal
    for delivery in (released, left):
        with refused("store_unavailable") as caught, delivery:
            pytest.fail("the handler must not run")
        assert caught.value.detail == "The delivery was given back: wait for Puck's next attempt."


def test_a_block_does_not_begin_with_a_delivery_whose_release_failed(unraisable: Unraisable) -> None:
    store = PythonStore()
    store.release = lambda claim: 1 / 0  # type: ignore[method-assign]
    delivery = receive(small_receiver(dedupe=store))
    delivery.__exit__(Refusal, Refusal(), None)
    with refused("store_unavailable"), delivery:
        pytest.fail("the handler must not run")


def test_a_delivery_that_was_committed_says_so(receiver: puck.Receiver) -> None:
    delivery = receive(receiver)
    with delivery:
        pass
    for late in (delivery.release, delivery.__enter__, delivery.__aenter__):
        with refused("claim_lost") as caught:
            late()
        assert caught.value.detail == "The delivery is already committed."


def test_a_store_is_not_its_class() -> None:
    with pytest.raises(TypeError, match="class"):
        puck.Receiver(SECRET, dedupe=puck.LruDedupe)  # type: ignore[arg-type]
