"""Forked, spawned and interpreted elsewhere."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import traceback
from collections.abc import Callable

import puck_webhooks as puck
import pytest
from deliveries import (
    NOW,
    SECRET,
    TIMEOUT,
    PythonStore,
    envelope,
    event_id,
    receive,
    refused,
    sign,
    signed,
    small_receiver,
    verdict,
)
from puck_webhooks import _processes

BODY = envelope(data={"pad": "x" * 100_000})
SIGNATURE = sign(SECRET, NOW, BODY)


def in_a_fork(work: Callable[[], None]) -> None:
    """Runs it in a forked child, and fails as the child does."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            work()
        except BaseException:  # noqa: BLE001
            os.write(writing, traceback.format_exc().encode()[:60_000])
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as report:
        words = report.read().decode()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, words


def test_a_forked_child_builds_its_own() -> None:
    puck.Verifier(SECRET).verify_signature(BODY, SIGNATURE, received_at=NOW)  # OpenSSL is in use before

    def work() -> None:
        assert puck.Verifier(SECRET).verify_signature(BODY, SIGNATURE, received_at=NOW).skew_seconds == 0
        receiver = small_receiver()
        with receive(receiver):
            pass
        with refused("duplicate"):
            receive(receiver)

    in_a_fork(work)
    in_a_fork(lambda: in_a_fork(work))
    work()


def test_a_forked_child_uses_what_its_parent_built() -> None:
    """Each process has its own memory of what it has seen, from the fork on."""
    verifier, receiver = puck.Verifier(SECRET), small_receiver()
    receive(receiver, 1).commit()
    held = receive(receiver, 2)

    def work() -> None:
        verifier.verify_signature(BODY, SIGNATURE, received_at=NOW)
        with refused("signature_mismatch"):
            verifier.verify_signature(BODY + b" ", SIGNATURE, received_at=NOW)
        for n, reason in ((1, "duplicate"), (2, "in_progress"), (3, "ok")):
            with_reason = verdict(lambda n=n: receive(receiver, n).commit())
            assert with_reason == reason
        held.commit()

    in_a_fork(work)
    receive(receiver, 3).commit()
    held.release()
    receive(receiver, 2).commit()


def test_a_forked_childs_copy_does_not_release_what_its_parent_handles() -> None:
    """Whether the copy's block ends by an exception, or the copy is dropped."""
    store = PythonStore()
    receiver = puck.Receiver(SECRET, dedupe=store)
    held = [receive(receiver, 1)]

    def leave() -> None:
        with pytest.raises(SystemExit), held[0]:
            sys.exit()
        assert store.names == ["claim"]

    def drop() -> None:
        held.clear()
        assert store.names == ["claim"]

    def release() -> None:
        held[0].release()
        assert store.names == ["claim", "release"]

    in_a_fork(leave)
    in_a_fork(drop)
    in_a_fork(release)
    held.clear()
    assert store.names == ["claim", "release"]


def test_the_server_is_looked_for_twice_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first receiver is made, and at the first delivery: a search takes long. A forked child begins anew."""
    searches: list[int] = []
    monkeypatch.setattr(_processes, "_known", {})
    monkeypatch.setattr(_processes, "_server_has_several", lambda: searches.append(os.getpid()))

    def work() -> None:
        searches.clear()
        for _ in range(3):
            with receive(small_receiver()):
                pass
        assert searches == [os.getpid()] * 2

    work()
    in_a_fork(work)


def judge(n: int) -> tuple[str, str]:
    """What the children of multiprocessing do: the reason, and an error that travels back."""
    body = envelope(event_id=event_id(n))
    receiver = small_receiver()
    receiver.receive(signed(body), body, received_at=NOW).commit()
    return verdict(lambda: receiver.receive(signed(body), body, received_at=NOW)), puck.sign(SECRET, body, NOW)


def fail(n: int) -> None:
    receive(small_receiver(), n).event.data.clear()
    puck.Verifier(SECRET).verify_signature(BODY, None, received_at=NOW)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        answers = pool.map_async(judge, range(4)).get(TIMEOUT)
        assert answers == [("duplicate", sign(SECRET, NOW, envelope(event_id=event_id(n)))) for n in range(4)]
        with refused("missing_signature"):
            pool.apply_async(fail, (1,)).get(TIMEOUT)
        pool.close()
        pool.join()


INSIDE = f"""
try:
    import puck_webhooks
except ImportError as error:
    print("refused" if "subinterpreter" in str(error) else "silent")
else:
    receiver = puck_webhooks.Receiver({SECRET!r}, dedupe=puck_webhooks.LruDedupe(4))
    try:
        receiver.receive({{}}, b"", received_at=0)
    except puck_webhooks.SignatureError as error:
        print("works" if error.reason == "missing_signature" else error.reason)
"""
INTERPRETERS = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

BEFORE
for _ in range(3):
    other = interpreters.create()
    failed = interpreters.run_string(other, INSIDE)
    assert failed is None, failed
    interpreters.destroy(other)
exec(INSIDE)
"""


@pytest.mark.parametrize("before", ["", "import puck_webhooks"])
def test_subinterpreters(before: str) -> None:
    """They are refused in words, and the main one goes on as if nothing had been."""
    program = f"INSIDE = {INSIDE!r}\n" + INTERPRETERS.replace("BEFORE", before)
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    *others, here = done.stdout.split()
    assert (others, here) == (["refused"] * 3, "works")


def test_an_interpreter_ends_well_with_a_delivery_in_its_hands() -> None:
    """At the end modules are taken apart; the event is released before, or not at all, but nothing crashes."""
    program = f"""
import puck_webhooks
from puck_webhooks.testing import TEST_SECRET, signed_delivery

class Store:
    ttl = 86_400
    def claim(self, event_id): return [event_id]
    def commit(self, claim): print("commit")
    def release(self, claim): print("release")

delivery = signed_delivery(timestamp={NOW})
built_in = puck_webhooks.Receiver(TEST_SECRET).receive(*delivery, received_at={NOW})
python = puck_webhooks.Receiver(TEST_SECRET, dedupe=Store()).receive(*delivery, received_at={NOW})
python.event.data["cycle"] = [python, built_in]
plain = puck_webhooks.Receiver(TEST_SECRET, dedupe=Store()).receive(*delivery, received_at={NOW})
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert "commit" not in done.stdout
    assert done.stderr == "", "nanobind would report leaks there, and Python a release that failed"


ENDING = f"""
import sys, threading, time
import puck_webhooks
from puck_webhooks.testing import TEST_SECRET, signed_delivery

work = sys.argv[1]
headers, body = signed_delivery(data={{"pad": "x" * (200_000 if work == "long body" else 0)}}, timestamp={NOW})
inside = threading.Semaphore(0)

class Store:
    ttl = 86_400
    def claim(self, event_id):
        inside.release()
        time.sleep(0)
        return [event_id]
    def commit(self, claim): ...
    def release(self, claim):
        time.sleep(0)
        raise OSError("away")

class LazyHeaders:
    def __init__(self, headers):
        self._headers = headers
    def __getattr__(self, name):
        time.sleep(0)
        return getattr(self._headers, name)

class SlowToGo:
    def __del__(self, time=time):
        for _ in range(2_000):
            time.sleep(0)

receiver = puck_webhooks.Receiver(TEST_SECRET, dedupe=Store())
sys.modules["slow_to_go"] = SlowToGo()  # modules are taken apart last, and then the threads still want to run
sys.unraisablehook = lambda failure, time=time: time.sleep(0)
if work == "lazy headers":
    headers = LazyHeaders(headers)

def run():
    while True:
        delivery = receiver.receive(headers, body, received_at={NOW})
        if work == "failing release":
            del delivery
        else:
            delivery.event.emitted_at
            delivery.commit()

for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
for _ in range(20):
    inside.acquire()
"""


@pytest.mark.parametrize("work", ["slow store", "long body", "failing release", "lazy headers"])
def test_an_interpreter_ends_well_while_threads_are_at_work(work: str) -> None:
    """Python stops a daemon thread when it comes back from where it needs no GIL: from the core, or out of Python code
    that the core has called."""
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", ENDING, work], check=False, capture_output=True, text=True, timeout=TIMEOUT
        )
        assert (done.returncode, done.stderr) == (0, "")
