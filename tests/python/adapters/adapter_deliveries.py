"""What the adapters' tests have in common: deliveries, signed with Python's own hmac, and receivers that judge them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from puck_webhooks import (
    AsyncReceiver,
    Delivery,
    Duplicate,
    InProgress,
    LruDedupe,
    Receiver,
    StoreError,
)

NOW = 1777818121
SECRET = "whsec_5f1d0c2be7a94c6fb3d8"
FINGERPRINT = hashlib.sha256(b"puck-webhooks/secret-fingerprint/v1\0" + SECRET.encode()).hexdigest()[:8]
EVENT_ID = "018f2e3a-1c47-7a12-b321-aabbccddeeff"
OTHER_ID = "018f2e3a-1c47-7a12-b321-aabbccddee00"
LIMIT = 4096
PATIENCE = 60.0  # seconds until what hangs is a failure


def envelope(event_id: str = EVENT_ID, **data: Any) -> bytes:
    fields = {
        "event_id": event_id,
        "event_type": "finding.discovered",
        "emitted_at": "2026-05-03T14:22:01Z",
        "api_version": "v1",
        "data": {"severity": "high", "note": "é", **data},
    }
    return json.dumps(fields, ensure_ascii=False).encode()


BODY = envelope()


def signature(body: bytes = BODY, secret: str = SECRET, t: int = NOW) -> str:
    mac = hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={t},v1={mac}"


def signed(body: bytes = BODY, secret: str = SECRET, t: int = NOW, **more: str) -> dict[str, str]:
    headers = {"X-Puck-Signature": signature(body, secret, t), "Content-Type": "application/json"}
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


FORGED = signed(secret="whsec_of_somebody_else")
STALE = signed(t=NOW - 301)


class ReceiverAtNow:
    """A receiver for which it is always NOW."""

    def __init__(self, secrets: Any = SECRET, *, max_body: int = LIMIT, **settings: Any) -> None:
        self._real = Receiver(secrets, max_body=max_body, **settings)
        self.max_body = max_body
        self.dedupe = self._real.dedupe

    def receive(self, headers: Any, body: Any) -> Delivery:
        return self._real.receive(headers, body, received_at=NOW)

    def seen(self, event_id: str = EVENT_ID) -> bool:
        return bool(self.dedupe.seen(event_id))

    @property
    def in_progress(self) -> int:
        return int(self.dedupe.stats().in_progress)


class PythonStore:
    """A dedupe store in Python, which notes in which thread it is asked, and fails at will."""

    ttl = 86_400

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.names_of_threads: set[str] = set()
        self.claimed: dict[str, object] = {}
        self.done: set[str] = set()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        self.names_of_threads.add(threading.current_thread().name.rpartition("_")[0])
        if call in self.failing:
            raise ConnectionError("the store is away")

    def claim(self, event_id: str) -> tuple[str, object]:
        self._note("claim")
        if event_id in self.done:
            raise Duplicate()
        if event_id in self.claimed:
            raise InProgress()
        self.claimed[event_id] = object()
        return event_id, self.claimed[event_id]

    def commit(self, claim: tuple[str, object]) -> None:
        self._note("commit")
        self._forget(claim)
        self.done.add(claim[0])

    def release(self, claim: tuple[str, object]) -> None:
        self._note("release")
        self._forget(claim)

    def _forget(self, claim: tuple[str, object]) -> None:
        if self.claimed.get(claim[0]) is not claim[1]:
            raise StoreError("claim_lost")
        del self.claimed[claim[0]]

    def seen(self, event_id: str) -> bool:
        return event_id in self.done


class SlowStore(PythonStore):
    """A store that answers when it may: each step in `slow` waits until the test lets it go on."""

    def __init__(self, *slow: str) -> None:
        super().__init__()
        self.begun = {step: threading.Event() for step in slow}
        self.may_end = {step: threading.Event() for step in slow}
        self.ended = {step: threading.Event() for step in ("claim", "commit", "release")}

    def claim(self, event_id: str) -> tuple[str, object]:
        claimed: tuple[str, object] = self._slowly("claim", super().claim, event_id)
        return claimed

    def commit(self, claim: tuple[str, object]) -> None:
        self._slowly("commit", super().commit, claim)

    def release(self, claim: tuple[str, object]) -> None:
        self._slowly("release", super().release, claim)

    def _slowly(self, step: str, ask: Any, argument: Any) -> Any:
        if step in self.begun:
            self.begun[step].set()
            assert self.may_end[step].wait(PATIENCE)
        try:
            return ask(argument)
        finally:
            self.ended[step].set()


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


class Awaited:
    """An asynchronous store, made of one that is not. Each of its steps lets other tasks run."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.ttl = store.ttl

    async def claim(self, event_id: str) -> Any:
        return await self._ask(self.store.claim, event_id)

    async def commit(self, claim: Any) -> None:
        await self._ask(self.store.commit, claim)

    async def release(self, claim: Any) -> None:
        await self._ask(self.store.release, claim)

    async def _ask(self, ask: Any, argument: Any) -> Any:
        await asyncio.sleep(0)
        answer = ask(argument)
        await asyncio.sleep(0)
        return answer


class AsyncReceiverAtNow(AsyncReceiver):
    """An asynchronous receiver for which it is always NOW."""

    def __init__(self, *, dedupe: Any) -> None:
        super().__init__(SECRET, max_body=LIMIT, dedupe=Awaited(dedupe))
        self.store = dedupe

    def receive(self, headers: Any, body: Any, *, received_at: int | None = None) -> Any:
        return super().receive(headers, body, received_at=NOW)

    def seen(self, event_id: str = EVENT_ID) -> bool:
        return bool(self.store.seen(event_id))

    @property
    def in_progress(self) -> int:
        return int(self.store.stats().in_progress)


class Handler:
    """What the handlers of the tests do: note the event, and then fail or answer as the test says."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.threads: set[int] = set()
        self.raises: BaseException | None = None
        self.returns: Any = None
        self.rejected: list[str] = []
        self.errors: list[Any] = []

    def __call__(self, event: Any) -> Any:
        self.events.append(event)
        self.threads.add(threading.get_ident())
        if self.raises is not None:
            raise self.raises
        return self.returns

    def on_reject(self, error: Any) -> None:
        self.rejected.append(error.reason)
        self.errors.append(error)


class Answer:
    def __init__(self, status: int, body: bytes, headers: Any = ()) -> None:
        self.status, self.body, self.headers = status, body, headers


class AdapterTests:
    """What holds for every adapter. A subclass makes an app in `app`, and posts to it with `post`."""

    handler: Handler
    receiver: Any

    def app(self, receiver: Any, on_reject: Any) -> None:
        raise NotImplementedError

    def post(self, body: bytes, headers: Any, *, method: str = "POST", chunked: bool = False) -> Answer:
        raise NotImplementedError

    def error_response(self, status: int) -> Any:
        raise NotImplementedError

    def receiver_at_now(self, **settings: Any) -> Any:
        return ReceiverAtNow(**settings)

    def handle_before(self) -> None:
        """The event was handled, but not by this app."""
        self.receiver.receive(signed(), BODY).commit()

    def http_exception(self) -> Exception | None:
        """One that the framework would turn into a 4xx."""
        return None

    @pytest.fixture(autouse=True)
    def _set_up(self) -> None:
        self.handler = Handler()
        self.start(self.receiver_at_now())

    def start(self, receiver: Any, on_reject: Any = None) -> None:
        self.receiver = receiver
        self.app(receiver, on_reject or self.handler.on_reject)

    def check(self, status: int, body: bytes = BODY, headers: Any = None, *, rejected: str = "", **how: Any) -> None:
        """Posts; the answer must have this status and no body, and on_reject must hear of it if it was rejected."""
        heard = len(self.handler.rejected)
        handled = len(self.handler.events)
        answer = self.post(body, signed(body) if headers is None else headers, **how)
        assert answer.status == status
        assert answer.body == b""
        assert self.handler.rejected[heard:] == ([rejected] if rejected else [])
        if rejected:
            assert len(self.handler.events) == handled, "the handler did not run"

    def fails(self) -> None:
        """Posts what the handler will fail at."""
        answer = self.post(BODY, signed())
        assert answer.status == 500
        for secret in (SECRET, signature().partition("v1=")[2], "finding.discovered"):
            assert secret not in answer.body.decode(), "a framework may say what it likes, but not that"

    def test_an_event_is_handled_once(self) -> None:
        self.check(200)
        self.check(200, rejected="duplicate")
        (event,) = self.handler.events
        assert (event.event_id, event.event_type, event.data["note"]) == (EVENT_ID, "finding.discovered", "é")
        assert self.receiver.seen()

    def test_a_forged_delivery(self) -> None:
        self.check(401, headers=FORGED, rejected="signature_mismatch")
        self.check(401, headers={}, rejected="missing_signature")

    def test_a_stale_delivery(self) -> None:
        self.check(503, headers=STALE, rejected="timestamp_too_old")

    def test_on_reject_can_log_what_was_refused(self) -> None:
        self.check(503, headers=STALE, rejected="timestamp_too_old")
        self.check(200)
        self.check(200, headers=signed(t=NOW - 7), rejected="duplicate")
        stale, duplicate = self.handler.errors
        assert (stale.skew_seconds, stale.secret_fingerprint, stale.event_id) == (301, FINGERPRINT, None)
        assert (duplicate.skew_seconds, duplicate.secret_fingerprint) == (7, FINGERPRINT)
        assert (duplicate.event_id, duplicate.event_type) == (EVENT_ID, "finding.discovered")
        assert duplicate.emitted_at == datetime(2026, 5, 3, 14, 22, 1, tzinfo=UTC)

    def test_on_reject_can_log_what_a_store_has_refused(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        for store.failing in ({"claim"}, {"commit"}):
            assert self.post(BODY, signed(t=NOW - 7)).status == 503
        for error in self.handler.errors:
            assert (error.reason, error.skew_seconds, error.event_id) == ("store_unavailable", 7, EVENT_ID)
            assert error.secret_fingerprint == FINGERPRINT
        assert len(self.handler.errors) == 2

    def test_json_that_was_written_again(self) -> None:
        again = json.dumps(json.loads(BODY)).encode()
        self.check(401, again, headers=signed(BODY), rejected="signature_mismatch")

    def test_bytes_that_are_no_text(self) -> None:
        self.check(400, b"\xff\x00\xfe", rejected="invalid_json")

    def test_an_empty_body(self) -> None:
        self.check(400, b"", rejected="invalid_json")

    def test_a_form_is_a_body_like_any_other(self) -> None:
        headers = signed(Content_Type="application/x-www-form-urlencoded")
        self.check(200, headers=headers)

    def test_a_large_body(self) -> None:
        body = envelope(filling="")
        body = envelope(filling="x" * (LIMIT - len(body)))
        assert len(body) == LIMIT
        self.check(200, body)
        self.check(413, body + b" ", rejected="payload_too_large")
        self.check(413, b"x" * 300_000, headers={}, rejected="payload_too_large")

    def test_a_chunked_body(self) -> None:
        self.check(413, b"x" * 300_000, headers={}, rejected="payload_too_large", chunked=True)
        self.check(200, chunked=True)

    def test_every_header_counts(self) -> None:
        self.check(400, headers=signed(X_Puck_Event_Id=OTHER_ID), rejected="header_mismatch")
        self.check(400, headers=signed(X_Puck_Event_Type="agent.registered"), rejected="header_mismatch")
        self.check(200, headers=signed(X_Puck_Event_Id=EVENT_ID))

    def test_two_signatures(self) -> None:
        twice = [*signed().items(), ("X-Puck-Signature", signature())]
        self.check(401, headers=twice, rejected="malformed_signature")
        other = [*FORGED.items(), ("X-Puck-Signature", signature())]
        self.check(401, headers=other, rejected="malformed_signature")

    def test_an_exception_of_the_handler_releases(self) -> None:
        self.handler.raises = ValueError("the handler's")
        self.fails()
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)
        self.handler.raises = None
        self.check(200)
        assert len(self.handler.events) == 2

    def test_exceptions_that_are_answers_elsewhere_are_failures_here(self) -> None:
        for raised in (self.http_exception(), Duplicate(), StoreError("claim_lost")):
            if raised is not None:
                self.handler.raises = raised
                self.fails()
        assert self.handler.rejected == [], "the handler's own are no rejections"
        assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)

    def test_an_error_response_of_the_handler_releases(self) -> None:
        for status in (404, 503, 302):
            self.handler.returns = self.error_response(status)
            assert self.post(BODY, signed()).status == status
            assert (self.receiver.in_progress, self.receiver.seen()) == (0, False)
        self.handler.returns = self.error_response(202)
        assert self.post(BODY, signed()).status == 202
        assert self.receiver.seen()

    def test_an_answer_of_another_type_is_a_failure(self) -> None:
        self.handler.returns = object()
        self.fails()
        assert not self.receiver.seen()

    def test_an_on_reject_that_raises_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        def on_reject(error: Any) -> None:
            raise KeyError("of the hook")

        self.start(self.receiver_at_now(), on_reject)
        self.check(401, headers=FORGED)
        assert "on_reject raised" in caplog.text
        assert signature() not in caplog.text and "finding.discovered" not in caplog.text

    def test_a_store_that_fails(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        store.failing = {"claim"}
        self.check(503, rejected="store_unavailable")
        store.failing = {"commit"}
        heard = self.handler.rejected
        heard.clear()
        assert self.post(BODY, signed()).status == 503
        assert heard == ["store_unavailable"]
        assert store.calls[-2:] == ["commit", "release"] and not store.claimed
        store.failing = set()
        self.check(200)
        self.check(200, rejected="duplicate")

    def test_a_claim_that_was_lost(self) -> None:
        store = PythonStore()
        self.start(self.receiver_at_now(dedupe=store))
        self.handler.returns = None

        def lose(claim: Any) -> None:
            raise StoreError("claim_lost")

        store.commit = lose  # type: ignore[method-assign]
        assert self.post(BODY, signed()).status == 200
        assert self.handler.rejected == ["claim_lost"]

    def test_misuse_is_refused_at_once(self) -> None:
        async def later(error: Any) -> None: ...

        class Later:
            async def __call__(self, error: Any) -> None: ...

        for receiver in (object(), Receiver):
            with pytest.raises(TypeError, match="Receiver"):
                self.app(receiver, None)
        for on_reject in (later, Later(), "on_reject"):
            with pytest.raises(TypeError, match="on_reject"):
                self.app(self.receiver, on_reject)

    def test_an_on_reject_that_would_have_to_be_awaited(self, caplog: pytest.LogCaptureFixture) -> None:
        async def later(error: Any) -> None: ...

        self.start(self.receiver_at_now(), lambda error: later(error))
        self.check(401, headers=FORGED)
        assert "nobody awaits" in caplog.text

    def test_a_commit_that_fails_releases_though_its_error_is_kept(self) -> None:
        store = PythonStore()
        kept: list[Any] = []
        self.start(self.receiver_at_now(dedupe=store), kept.append)
        store.failing = {"commit"}
        assert self.post(BODY, signed()).status == 503
        assert (len(kept), store.calls[-1], store.claimed) == (1, "release", {})


class WithAsyncReceiver:
    """Makes tests of an adapter use an AsyncReceiver."""

    def receiver_at_now(self, *, dedupe: Any = None) -> Any:
        return AsyncReceiverAtNow(dedupe=dedupe or LruDedupe(64))

    def handle_before(self: Any) -> None:
        async def handle() -> None:
            async with self.receiver.receive(signed(), BODY):
                pass

        asyncio.run(handle())

    # What follows is about synchronous stores.
    test_a_store_in_python_is_asked_in_a_thread = None
    test_a_store_in_python_is_asked_in_another_thread = None
    test_the_store_is_not_asked_in_the_loop = None
    test_an_app_that_does_not_answer_releases_in_a_thread = None
    test_a_silent_store_keeps_no_other_thread_waiting = None
    test_a_claim_that_waited_too_long_for_a_thread_is_not_asked = None
    test_a_cancelled_step_of_a_slow_store_goes_on = None
    test_a_cancelled_handler_does_not_wait_for_a_slow_release = None


def check_that_it_is_refused(webhook: Any) -> None:
    """A webhook() that awaits nothing takes no AsyncReceiver."""
    with pytest.raises(TypeError, match="nothing awaits an AsyncReceiver"):
        webhook(AsyncReceiverAtNow(dedupe=LruDedupe(64)))
