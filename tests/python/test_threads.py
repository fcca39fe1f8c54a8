"""Many threads, and a body that changes under the receiver's hands. Nothing here measures time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import NOW, SECRET, TIMEOUT, PythonStore, envelope, event_id, sign, signed, small_receiver, verdict

THREADS = 16
EVENTS = 50


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """What each of the threads returns, which start together."""
    start, results, failures = threading.Barrier(threads), [None] * threads, []

    def run(n: int) -> None:
        try:
            start.wait(TIMEOUT)
            results[n] = work(n)
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    workers = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT)
    assert not any(worker.is_alive() for worker in workers), "deadlock"
    assert failures == []
    return results


def padded(n: int, size: int) -> bytes:
    body = envelope(event_id=event_id(n), data={"pad": ""})
    return envelope(event_id=event_id(n), data={"pad": "x" * (size - len(body))})


class LockedStore(PythonStore):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def claim(self, event_id: str) -> Any:
        with self.lock:
            return super().claim(event_id)

    def commit(self, claim: Any) -> object:
        with self.lock:
            return super().commit(claim)


@pytest.mark.parametrize("size", [200, 2047, 2048, 100_000])
@pytest.mark.parametrize("store", [lambda: puck.LruDedupe(EVENTS), LockedStore], ids=["built-in", "python"])
def test_each_event_has_one_winner(size: int, store: Callable[[], Any]) -> None:
    receiver = small_receiver(dedupe=store())
    requests = [(signed(body := padded(n, size)), body) for n in range(EVENTS)]
    assert all(len(body) == size for _, body in requests)

    def work(thread: int) -> list[int]:
        won = []
        for step in range(EVENTS):
            n = (step + thread % 3) % EVENTS  # some side by side, and some in another order
            try:
                with receiver.receive(*requests[n], received_at=NOW) as delivery:
                    assert delivery.event.event_id == event_id(n)
                    won.append(n)
            except (puck.Duplicate, puck.InProgress):
                pass
        return won

    winners = sorted(n for won in at_once(work) for n in won)
    assert winners == list(range(EVENTS))


def test_one_verifier_for_all() -> None:
    verifier = puck.Verifier(SECRET)
    bodies = [padded(n, size) for n, size in enumerate((300, 2047, 2048, 100_000))]
    good = [sign(SECRET, NOW, body) for body in bodies]

    def work(thread: int) -> list[str]:
        return [
            verdict(lambda b=body, s=signature: verifier.verify_signature(b, s, received_at=NOW))
            for body in bodies
            for signature in good
        ]

    expected = ["ok" if i == j else "signature_mismatch" for i in range(4) for j in range(4)]
    assert at_once(work) == [expected] * THREADS


def test_one_delivery_may_be_committed_by_many_threads() -> None:
    store = puck.LruDedupe(64)
    receiver = small_receiver(dedupe=store)
    for n in range(EVENTS):
        delivery = receiver.receive(signed(body := padded(n, 200)), body, received_at=NOW)
        answers = at_once(lambda thread, d=delivery: verdict(d.commit), threads=4)
        assert answers == ["ok"] * 4
        assert store.seen(event_id(n))


def test_one_event_is_asked_for_its_data_by_many() -> None:
    event = puck.parse_envelope(padded(1, 100_000))
    assert all(data == event.data for data in at_once(lambda thread: event.data))


def meanwhile(change: Callable[[], object], work: Callable[[], object]) -> bool:
    """Whether another thread has done the one while this one did the other. With a switch interval of an hour no thread
    runs unless another one gives way by itself."""
    go, done = threading.Lock(), []

    def other() -> None:
        with go:
            change()
            done.append(True)

    go.acquire()
    thread = threading.Thread(target=other)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    try:
        go.release()
        work()
        return bool(done)
    finally:
        sys.setswitchinterval(interval)
        thread.join(TIMEOUT)


TRIES = 200  # the other thread has to wake up in time


@pytest.mark.parametrize("name", ["verify", "verify_signature", "receive", "sign", "parse_envelope"])
def test_others_run_while_a_long_body_is_looked_at(name: str) -> None:
    body = padded(1, 4_000_000)
    signature = sign(SECRET, NOW, body)  # before, since hmac gives way too
    verifier = puck.Verifier(SECRET, max_body=2**30)
    receivers = [small_receiver(max_body=2**30) for _ in range(TRIES)]
    work: Callable[[], object] = {
        "verify": lambda: verifier.verify({"X-Puck-Signature": signature}, body, received_at=NOW),
        "verify_signature": lambda: verifier.verify_signature(body, signature, received_at=NOW),
        "receive": lambda: receivers.pop().receive({"X-Puck-Signature": signature}, body, received_at=NOW),
        "sign": lambda: puck.sign(SECRET, body, NOW),
        "parse_envelope": lambda: puck.parse_envelope(body),
    }[name]
    assert any(meanwhile(lambda: None, work) for _ in range(TRIES))


@pytest.mark.parametrize("view", [lambda body: body, memoryview], ids=["bytearray", "memoryview"])
def test_a_body_that_changes_meanwhile_is_judged_as_it_was(view: Callable[[bytearray], Any]) -> None:
    """The verdict and the event come from one copy: what was signed is what is handed out."""
    ours = padded(1, 1_000_000)
    theirs = ours.replace(b"x" * 8, b"y" * 8)
    headers = signed(ours)

    def changed_meanwhile() -> bool:
        body, deliveries = bytearray(ours), []
        changed = meanwhile(
            lambda: body.__setitem__(slice(None), theirs),
            lambda: deliveries.append(small_receiver().receive(headers, view(body), received_at=NOW)),
        )
        assert b"y" not in deliveries[0].event.data_json
        return changed

    assert any(changed_meanwhile() for _ in range(TRIES))
