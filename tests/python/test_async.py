"""AsyncReceiver and AsyncDelivery: the rules of Receiver, and what a cancellation must not lose."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import anyio
import puck_webhooks as puck
import pytest
from deliveries import (
    NOW,
    PROOF,
    REASONS,
    RECORD,
    SECRET,
    TIMEOUT,
    VECTORS,
    PythonStore,
    Refusal,
    check_error,
    collect,
    envelope,
    event_id,
    fingerprint,
    refused,
    signed,
)


class AsyncStore:
    """An LruDedupe whose answers are awaited. A step in `slow` waits before it is done, and one in `late` after it,
    until the test lets it go on; one in `raises` fails."""

    ttl = 86_400

    def __init__(self, store: Any = None) -> None:
        self.store = store or puck.LruDedupe(64)
        self.calls: list[str] = []
        self.slow: dict[str, asyncio.Event] = {}
        self.late: dict[str, asyncio.Event] = {}
        self.raises: dict[str, BaseException] = {}
        self.begun: dict[str, asyncio.Event] = {}

    async def claim(self, event_id: str) -> Any:
        return await self._ask("claim", event_id)

    async def commit(self, claim: Any) -> None:
        await self._ask("commit", claim)

    async def release(self, claim: Any) -> None:
        await self._ask("release", claim)

    async def _ask(self, step: str, argument: Any) -> Any:
        self.calls.append(step)
        if step in self.slow:
            self.has_begun(step).set()
            await self.slow[step].wait()
        if step in self.raises:
            raise self.raises[step]
        answer = getattr(self.store, step)(argument)
        if step in self.late:
            self.has_begun(step).set()
            await self.late[step].wait()
        return answer

    def has_begun(self, step: str) -> asyncio.Event:
        return self.begun.setdefault(step, asyncio.Event())


def receiver_of(store: Any = None, **settings: Any) -> puck.AsyncReceiver:
    return puck.AsyncReceiver(SECRET, dedupe=store or AsyncStore(), **settings)


def receive(receiver: puck.AsyncReceiver, n: int = 0) -> Any:
    body = envelope(event_id=event_id(n))
    return receiver.receive(signed(body), body, received_at=NOW)


async def settle_all() -> None:
    """Every task that can go on has done so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def state(receiver: puck.AsyncReceiver, n: int = 0) -> str:
    """What Puck's next attempt would meet."""
    try:
        delivery = await receive(receiver, n)
    except puck.WebhookError as error:
        return error.reason
    await delivery.release()
    return "absent"


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        problems: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, problem: problems.append(problem))
        await asyncio.wait_for(test, TIMEOUT)
        await settle_all()
        collect()
        await settle_all()
        assert problems == [], "nothing is reported to the event loop"

    asyncio.run(bounded())


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Makes a test of a coroutine function."""
    import functools

    @functools.wraps(test)
    def synchronous(*args: Any, **named: Any) -> None:
        run(test(*args, **named))

    return synchronous


# --- what is received -------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_delivery() -> None:
    body = envelope()
    delivery = await receiver_of().receive(signed(body), bytearray(body), received_at=NOW + 7)
    assert type(delivery) is puck.AsyncDelivery
    assert delivery.event.data == json.loads(body)["data"]
    assert tuple(getattr(delivery, name) for name in PROOF) == (NOW, 7, 0, fingerprint(SECRET))
    await delivery.commit()


@in_a_loop
async def test_a_block_that_ends_well_commits_and_an_exception_releases() -> None:
    receiver = receiver_of()
    with pytest.raises(Refusal):
        async with receive(receiver) as delivery:
            assert delivery.event.event_id == event_id(0)
            assert await state(receiver) == "in_progress"
            raise Refusal
    assert await state(receiver) == "absent"
    async with receive(receiver):
        pass
    assert await state(receiver) == "duplicate"
    delivery = await receive(receiver, 1)
    async with delivery as same:
        assert same is delivery
    assert await state(receiver, 1) == "duplicate"


@in_a_loop
async def test_what_is_refused() -> None:
    receiver = receiver_of(max_body=len(envelope()))
    body = envelope()
    for reason, headers, sent in (
        ("missing_signature", {}, body),
        ("signature_mismatch", signed(body + b" "), body),
        ("timestamp_too_old", signed(body, t=NOW - 301), body),
        ("payload_too_large", signed(body + b" "), body + b" "),
    ):
        with refused(reason):
            await receiver.receive(headers, sent, received_at=NOW)
        with refused(reason):
            async with receiver.receive(headers, sent, received_at=NOW):
                raise AssertionError
    assert receiver.dedupe.calls == []  # type: ignore[attr-defined]


@in_a_loop
async def test_wrong_arguments() -> None:
    receiver = receiver_of()
    with pytest.raises(TypeError, match="raw bytes"):
        await receiver.receive({}, "text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="received_at"):
        await receiver.receive({}, b"", received_at=1.5)  # type: ignore[arg-type]


def test_the_defaults() -> None:
    store = AsyncStore()
    receiver = puck.AsyncReceiver(SECRET, dedupe=store)
    assert (receiver.max_body, receiver.dedupe) == (1_048_576, store)
    with pytest.raises(TypeError):
        puck.AsyncReceiver(SECRET)  # type: ignore[call-arg]
    for settings in ({"tolerance": 0}, {"max_body": -1}):
        with pytest.raises(ValueError):
            receiver_of(**settings)


def test_what_is_no_store() -> None:
    class Partly(AsyncStore):
        def release(self, claim: Any) -> None:  # type: ignore[override]
            ...

    class Brief(AsyncStore):
        ttl = 599

    for store, sentence in (
        (puck.LruDedupe(64), "use Receiver with LruDedupe"),
        (PythonStore(), "claim must be a coroutine function: a synchronous store is for Receiver"),
        (Partly(), "release must be a coroutine function"),
        (AsyncStore, "not its class"),
        (object(), "must have a method claim"),
        (None, "must have a method claim"),
    ):
        with pytest.raises(TypeError, match=sentence):
            puck.AsyncReceiver(SECRET, dedupe=store)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="twice the tolerance"):
        receiver_of(Brief())
    puck.AsyncReceiver(SECRET, dedupe=Brief(), tolerance=299)


def test_a_receiver_that_does_not_await_refuses_the_store() -> None:
    with pytest.raises(TypeError, match="must not be a coroutine function"):
        puck.Receiver(SECRET, dedupe=AsyncStore())


@in_a_loop
async def test_with_has_to_be_async() -> None:
    receiver = receiver_of()
    with pytest.raises(TypeError, match="async with"):
        with receive(receiver):
            raise AssertionError
    delivery = await receive(receiver)
    with pytest.raises(TypeError, match="async with"):
        with delivery:
            raise AssertionError
    await delivery.release()


def test_outside_of_asyncio() -> None:
    receiving = receive(receiver_of()).__await__()
    with pytest.raises(RuntimeError, match="asyncio.*Trio"):
        receiving.send(None)


# --- what the store answers -------------------------------------------------------------------------------------------


CASES = [
    case
    for case in json.loads((VECTORS / "stores.json").read_text(encoding="ascii"))["cases"]
    if all(step["do"] != "wait" for step in case["steps"])
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
@in_a_loop
async def test_the_vectors(case: dict[str, Any]) -> None:
    """Through deliveries: each has its claim. What a delivery refuses by itself, the store is asked directly."""
    store = AsyncStore(puck.LruDedupe(64, ttl=case["ttl"], lease=case["lease"]))
    receiver = receiver_of(store)
    held: dict[str, puck.AsyncDelivery] = {}
    for step in case["steps"]:
        try:
            if step["do"] == "claim":
                held[step["as"]] = await receive(receiver, step.get("event", 1))
            elif step["do"] == "commit":
                await held[step["as"]].commit()
            else:
                await held[step["as"]].release()
            answer = "ok"
        except puck.WebhookError as error:
            check_error(error, error.reason)
            answer = error.reason
        assert answer == step["expect"], step
    for delivery in held.values():
        try:
            await delivery.release()
        except puck.StoreError:
            pass


def test_there_are_vectors() -> None:
    assert len(CASES) > 20


@pytest.mark.parametrize("reason", [*REASONS])
@pytest.mark.parametrize("step", ["claim", "commit", "release"])
@in_a_loop
async def test_which_answers_of_a_store_count(step: str, reason: str) -> None:
    """The same as those of a store that is not awaited."""

    class Failing(PythonStore):
        def fail(self, _: Any) -> Any:
            raise raised

    raised = REASONS[reason][0](reason, "A sentence of the store.")
    failing = Failing()
    setattr(failing, step, failing.fail)
    with pytest.raises(puck.WebhookError) as expected:
        body = envelope(event_id=event_id(0))
        delivery: Any = puck.Receiver(SECRET, dedupe=failing).receive(signed(body), body, received_at=NOW)
        getattr(delivery, step)()
    del failing.__dict__[step]

    store = AsyncStore()
    store.raises[step] = raised
    with pytest.raises(puck.WebhookError) as caught:
        awaited = await receive(receiver_of(store))
        await getattr(awaited, step)()
    assert caught.value.__cause__ is raised and caught.value is not raised
    assert (caught.value.reason, caught.value.detail) == (expected.value.reason, expected.value.detail)
    assert [getattr(caught.value, name) for name in RECORD] == [getattr(expected.value, name) for name in RECORD]
    assert caught.value.event_id == event_id(0)
    store.raises.clear()


@pytest.mark.parametrize("step", ["claim", "commit", "release"])
@in_a_loop
async def test_anything_else_is_store_unavailable(step: str) -> None:
    store = AsyncStore()
    store.raises[step] = failure = ConnectionError("with the password")
    with refused("store_unavailable") as caught:
        delivery = await receive(receiver_of(store))
        await getattr(delivery, step)()
    assert caught.value.__cause__ is failure
    assert "password" not in str(caught.value)
    store.raises.clear()


@pytest.mark.parametrize("claim", [None, True, False])
@in_a_loop
async def test_answers_that_are_no_claims(claim: object) -> None:
    class Store(AsyncStore):
        async def claim(self, event_id: str) -> Any:
            return claim

    with refused("store_unavailable") as caught:
        await receive(receiver_of(Store()))
    assert "returned no claim" in str(caught.value)


# --- the states of a delivery -----------------------------------------------------------------------------------------


@in_a_loop
async def test_a_block_does_not_begin_with_what_is_settled() -> None:
    receiver = receiver_of()
    committed, released, lost = await receive(receiver, 1), await receive(receiver, 2), await receive(receiver, 3)
    await committed.commit()
    await released.release()
    receiver.dedupe.raises["commit"] = puck.StoreError("claim_lost")  # type: ignore[attr-defined]
    with refused("claim_lost"):
        await lost.commit()
    for delivery, reason, sentence in (
        (committed, "claim_lost", "The delivery is already committed."),
        (released, "store_unavailable", "The delivery was given back: wait for Puck's next attempt."),
        (lost, "claim_lost", None),
    ):
        with refused(reason) as caught:
            async with delivery:
                raise AssertionError
        assert sentence is None or str(caught.value) == sentence
        assert (caught.value.event_id, caught.value.timestamp) == (delivery.event.event_id, NOW)


@in_a_loop
async def test_a_release_never_undoes_a_commit() -> None:
    receiver = receiver_of()
    async with receive(receiver) as delivery:
        await delivery.commit()
        await delivery.commit()
        with refused("claim_lost") as caught:
            await delivery.release()
        assert str(caught.value) == "The delivery is already committed."
    assert receiver.dedupe.calls == ["claim", "commit", "commit"]  # type: ignore[attr-defined]
    assert await state(receiver) == "duplicate"


@in_a_loop
async def test_a_release_in_the_block_stands() -> None:
    receiver = receiver_of()
    async with receive(receiver) as delivery:
        await delivery.release()
        await delivery.release()
    assert await state(receiver) == "absent"
    await delivery.commit()
    assert await state(receiver) == "duplicate"


@in_a_loop
async def test_a_commit_that_failed_may_be_repeated() -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    delivery = await receive(receiver)
    store.raises["commit"] = ConnectionError()
    with refused("store_unavailable"):
        await delivery.commit()
    store.raises.clear()
    await delivery.commit()
    assert await state(receiver) == "duplicate"


@in_a_loop
async def test_a_commit_that_fails_at_the_end_of_a_block_leads_to_a_release() -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    store.raises["commit"] = ConnectionError()
    with refused("store_unavailable"):
        async with receive(receiver):
            pass
    collect()
    await settle_all()
    assert store.calls == ["claim", "commit", "release"]
    assert await state(receiver) == "absent"


@in_a_loop
async def test_a_delivery_that_another_task_settles() -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    store.slow["commit"] = asyncio.Event()
    delivery = await receive(receiver)
    first = asyncio.create_task(delivery.commit())
    await store.has_begun("commit").wait()
    for again in (delivery.commit, delivery.release, delivery.__aenter__):
        with refused("store_unavailable") as caught:
            await again()
        assert str(caught.value) == "The delivery is being settled by another task, and the result is not known yet."
    await delivery.__aexit__(Refusal, Refusal(), None)
    store.slow["commit"].set()
    await first
    assert store.calls == ["claim", "commit"]


@in_a_loop
async def test_two_commits_at_once_ask_the_store_once() -> None:
    store = AsyncStore()
    delivery = await receive(receiver_of(store))
    answers = await asyncio.gather(delivery.commit(), delivery.commit(), return_exceptions=True)
    assert [getattr(answer, "reason", None) for answer in answers] == [None, "store_unavailable"]
    assert store.calls == ["claim", "commit"]


def test_a_release_that_fails_hides_no_exception() -> None:
    problems: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, problem: problems.append(problem))
        store = AsyncStore()
        store.raises["release"] = ConnectionError("with the password")
        with pytest.raises(Refusal):
            async with receive(receiver_of(store)) as delivery:
                raise Refusal
        with refused("store_unavailable"):
            async with delivery:
                raise AssertionError

    asyncio.run(main())
    (problem,) = problems
    assert "could not be released" in problem["message"] and problem["exception"].reason == "store_unavailable"


# --- cancellation -----------------------------------------------------------------------------------------------------


async def cancelled_by_asyncio(work: Callable[[], Coroutine[Any, Any, Any]], when: Awaitable[Any]) -> None:
    task = asyncio.create_task(work())
    await when
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


async def cancelled_twice(work: Callable[[], Coroutine[Any, Any, Any]], when: Awaitable[Any]) -> None:
    task = asyncio.create_task(work())
    await when
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()


async def cancelled_by_anyio(work: Callable[[], Coroutine[Any, Any, Any]], when: Awaitable[Any]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(work)
        await when
        group.cancel_scope.cancel()


async def cancelled_by_a_timeout(work: Callable[[], Coroutine[Any, Any, Any]], when: Awaitable[Any]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as timeout:

            async def expire() -> None:
                await when
                timeout.reschedule(0)

            expiring = asyncio.create_task(expire())
            await work()
    await expiring


@pytest.fixture(params=[cancelled_by_asyncio, cancelled_twice, cancelled_by_anyio, cancelled_by_a_timeout])
def cancelled(request: pytest.FixtureRequest) -> Any:
    return request.param


async def handle_at_once(receiver: puck.AsyncReceiver) -> None:
    async with receive(receiver):
        pass


@pytest.mark.parametrize("is_granted_before", [False, True])
@in_a_loop
async def test_a_claim_that_is_granted_after_the_cancellation_is_given_back(
    cancelled: Any, is_granted_before: bool
) -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    gate = asyncio.Event()
    (store.late if is_granted_before else store.slow)["claim"] = gate
    await cancelled(lambda: handle_at_once(receiver), store.has_begun("claim").wait())
    assert store.calls == ["claim"]
    gate.set()
    await settle_all()
    assert store.calls == ["claim", "release"]
    assert await state(receiver) == "absent"


@in_a_loop
async def test_a_cancelled_claim_that_fails_is_not_reported(cancelled: Any) -> None:
    store = AsyncStore()
    store.slow["claim"] = asyncio.Event()
    store.raises["claim"] = ConnectionError()
    await cancelled(lambda: handle_at_once(receiver_of(store)), store.has_begun("claim").wait())
    store.slow["claim"].set()
    await settle_all()
    assert store.calls == ["claim"]


@in_a_loop
async def test_a_cancellation_that_meets_the_grant(cancelled: Any) -> None:
    """The claim is granted in the same round of the loop in which its caller is cancelled."""
    store = AsyncStore()
    receiver = receiver_of(store)
    store.late["claim"] = asyncio.Event()

    for rounds in range(6):
        store.late["claim"].clear()
        store.has_begun("claim").clear()

        async def when(rounds: int = rounds) -> None:
            await store.has_begun("claim").wait()
            store.late["claim"].set()
            for _ in range(rounds):
                await asyncio.sleep(0)

        handled = asyncio.Event()

        async def handle(handled: asyncio.Event = handled) -> None:
            async with receive(receiver):
                handled.set()
                await asyncio.Event().wait()

        await cancelled(handle, when())
        await settle_all()
        del store.late["claim"]
        assert await state(receiver) == "absent"
        store.late["claim"] = asyncio.Event()


@in_a_loop
async def test_a_cancelled_handler_releases(cancelled: Any) -> None:
    receiver = receiver_of()
    handling = asyncio.Event()

    async def handle() -> None:
        async with receive(receiver):
            handling.set()
            await asyncio.Event().wait()

    await cancelled(handle, handling.wait())
    await settle_all()
    assert receiver.dedupe.calls == ["claim", "release"]  # type: ignore[attr-defined]
    assert await state(receiver) == "absent"


@in_a_loop
async def test_a_handler_that_is_cancelled_once_has_released_when_it_ends() -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    handling = asyncio.Event()
    store.slow["release"] = asyncio.Event()

    async def handle() -> None:
        async with receive(receiver):
            handling.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(handle())
    await handling.wait()
    task.cancel()
    await store.has_begun("release").wait()
    assert not task.done()
    store.slow["release"].set()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert await state(receiver) == "absent"


@pytest.mark.parametrize("is_done_before", [False, True])
@in_a_loop
async def test_a_cancelled_commit_is_finished(cancelled: Any, is_done_before: bool) -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    gate = asyncio.Event()
    (store.late if is_done_before else store.slow)["commit"] = gate
    await cancelled(lambda: handle_at_once(receiver), store.has_begun("commit").wait())
    gate.set()
    await settle_all()
    assert store.calls == ["claim", "commit"]
    assert await state(receiver) == "duplicate"


@in_a_loop
async def test_a_cancelled_commit_that_fails_leads_to_a_release(cancelled: Any) -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    store.slow["commit"] = asyncio.Event()
    store.raises["commit"] = ConnectionError()
    kept: list[Any] = []

    async def handle() -> None:
        async with receive(receiver) as delivery:
            kept.append(delivery)

    await cancelled(handle, store.has_begun("commit").wait())
    store.slow["commit"].set()
    await settle_all()
    assert store.calls == ["claim", "commit", "release"], "though somebody keeps the delivery"
    assert await state(receiver) == "absent"


@in_a_loop
async def test_a_cancelled_release_is_finished(cancelled: Any) -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    store.slow["release"] = asyncio.Event()

    async def handle() -> None:
        await (await receive(receiver)).release()

    await cancelled(handle, store.has_begun("release").wait())
    store.slow["release"].set()
    await settle_all()
    assert store.calls == ["claim", "release"]
    del store.slow["release"]
    assert await state(receiver) == "absent"


@in_a_loop
async def test_steps_live_though_nobody_holds_them() -> None:
    class Store(AsyncStore):
        async def commit(self, claim: Any) -> None:
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.answer = weakref.ref(answer)
            self.has_begun("commit").set()
            await answer
            await super().commit(claim)

    store = Store()
    receiver = receiver_of(store)
    task = asyncio.create_task(handle_at_once(receiver))
    await store.has_begun("commit").wait()
    task.cancel()
    await asyncio.wait((task,))
    del task
    collect()
    answer = store.answer()
    assert answer is not None
    answer.set_result(None)
    await settle_all()
    assert await state(receiver) == "duplicate"


# --- what is dropped --------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_delivery_that_is_dropped_is_released() -> None:
    receiver = receiver_of()
    await receive(receiver)
    collect()
    await settle_all()
    assert receiver.dedupe.calls == ["claim", "release"]  # type: ignore[attr-defined]


@in_a_loop
async def test_a_delivery_that_is_dropped_in_another_thread_is_released() -> None:
    receiver = receiver_of()
    held = [await receive(receiver)]
    asyncio.get_running_loop().set_debug(True)  # it says what is not safe in another thread
    await asyncio.to_thread(held.clear)
    await settle_all()
    assert await state(receiver) == "absent"


@in_a_loop
async def test_a_settled_delivery_that_is_dropped_asks_nothing() -> None:
    receiver = receiver_of()
    await (await receive(receiver)).commit()
    collect()
    await settle_all()
    assert receiver.dedupe.calls == ["claim", "commit"]  # type: ignore[attr-defined]


def test_a_delivery_that_is_dropped_after_its_loop_is_left_to_its_lease() -> None:
    receiver = receiver_of()

    async def main() -> Any:
        return await receive(receiver)

    delivery = asyncio.run(main())
    del delivery
    collect()
    assert receiver.dedupe.calls == ["claim"]  # type: ignore[attr-defined]


@in_a_loop
async def test_a_coroutine_that_is_closed_releases() -> None:
    receiver = receiver_of()

    async def handle() -> None:
        async with receive(receiver):
            await Pause()

    for _ in range(2):
        handling = handle().__await__()
        while True:  # as a loop would, until the handler waits
            step = handling.send(None)
            if step is Pause:
                break
            step._asyncio_future_blocking = False
            await asyncio.wait((step,))
        handling.close()
        await settle_all()
        assert await state(receiver) == "absent"


class Pause:
    def __await__(self) -> Generator[Any, Any, None]:
        yield Pause


def test_what_is_never_awaited_is_said_by_python() -> None:
    with pytest.warns(RuntimeWarning, match="AsyncReceiver.*never awaited"):
        receive(receiver_of())
        gc.collect()


@pytest.mark.parametrize("step", ["claim", "commit", "release"])
def test_the_end_of_the_loop_in_the_middle_of_a_step(step: str, caplog: pytest.LogCaptureFixture) -> None:
    store = AsyncStore()
    receiver = receiver_of(store)

    async def handle() -> None:
        async with receive(receiver):
            if step == "release":
                raise Refusal

    async def main() -> None:
        store.slow[step] = asyncio.Event()
        task = asyncio.create_task(handle())
        await store.has_begun(step).wait()
        del task

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())
        collect()
    assert store.calls == {"claim": ["claim"], "commit": ["claim", "commit"], "release": ["claim", "release"]}[step]
    assert caplog.text == "", "asyncio has nothing to complain of"


@pytest.mark.parametrize("step", ["claim", "commit", "release"])
@in_a_loop
async def test_a_store_that_is_cancelled_by_itself_is_unavailable(step: str) -> None:
    """Nobody cancelled the receiver's caller, so that nobody would expect that exception there."""
    store = AsyncStore()
    receiver = receiver_of(store)
    store.raises[step] = asyncio.CancelledError()
    with refused("store_unavailable"):
        if step == "release":
            await (await receive(receiver)).release()
        else:
            async with receive(receiver):
                pass
    store.raises.clear()
    await settle_all()
    collect()
    await settle_all()
    assert await state(receiver) == "absent"


@in_a_loop
async def test_a_commit_that_fails_at_the_end_of_a_block_releases_though_its_error_is_kept() -> None:
    store = AsyncStore()
    receiver = receiver_of(store)
    store.raises["commit"] = OSError("away")
    with pytest.raises(puck.StoreError) as kept:
        async with receive(receiver) as delivery:
            pass
    assert store.calls == ["claim", "commit", "release"]
    assert kept.value.reason == "store_unavailable"
    store.raises.clear()
    await delivery.commit()
    assert await state(receiver) == "duplicate", "it may still be repeated"


@in_a_loop
async def test_many_deliveries_at_once() -> None:
    receiver = receiver_of()
    handled: list[int] = []

    async def deliver(n: int) -> None:
        try:
            async with receive(receiver, n % 20):
                await asyncio.sleep(0)
                handled.append(n % 20)
        except (puck.Duplicate, puck.InProgress):
            pass

    await asyncio.gather(*(deliver(n) for n in range(100)))
    assert sorted(handled) == [*range(20)]


@pytest.mark.parametrize("is_dropped", [False, True])
def test_a_forked_childs_copy_does_not_release_what_its_parent_handles(is_dropped: bool) -> None:
    store = AsyncStore()
    held: list[puck.AsyncDelivery] = []

    async def take() -> None:
        held.append(await receive(receiver_of(store)))

    async def leave() -> None:
        if is_dropped:
            held.clear()
        else:
            with pytest.raises(Refusal):
                async with held[0]:
                    raise Refusal
        await settle_all()

    with asyncio.Runner() as runner:
        runner.run(take())
        child = os.fork()
        if child == 0:
            runner.run(leave())
            os._exit(store.calls != ["claim"])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        runner.run(leave())
    assert store.calls == ["claim", "release"]
