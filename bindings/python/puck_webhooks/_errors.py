"""Why a delivery was not accepted: one exception for each family of reasons."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from ._core import REASONS, Event, Proof, Verified

_PROOF = ("timestamp", "skew_seconds", "secret_index", "secret_fingerprint")
_EVENT = ("event_id", "event_type", "emitted_at_text", "api_version", "severity")


class WebhookError(Exception):
    """A delivery was refused, or could not be judged.

    `reason` is one of the closed set, `http_status` the status to answer Puck with, and `retryable` says whether Puck's
    next attempt may succeed. `detail` is a sentence that says what is wrong and what to do; so is str(error).

    The other fields are what was known of the delivery by then, or None: those of the proof once its signature has
    matched, and those of the event once its envelope was parsed. A stale delivery's TimestampError has no event_id: the
    window is checked before the envelope is parsed. All can be logged: none ever holds a secret, a MAC or the event's
    data.
    """

    reason: str
    http_status: int
    retryable: bool
    detail: str

    timestamp: int | None = None
    skew_seconds: int | None = None
    secret_index: int | None = None
    secret_fingerprint: str | None = None

    event_id: str | None = None
    event_type: str | None = None
    emitted_at: datetime | None = None  # also None for a moment that datetime cannot hold
    emitted_at_text: str | None = None
    api_version: str | None = None
    severity: str | None = None

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in REASONS or reason == "ok":
            raise ValueError("this is not a reason: see the README for the reasons, and give a sentence as detail=")
        _, self.http_status, self.retryable, message = REASONS[reason]
        self.reason = reason
        self.detail = detail or message
        super().__init__(self.detail)

    def __reduce__(self) -> tuple[type[WebhookError], tuple[str, str], dict[str, Any]]:
        return type(self), (self.reason, self.detail), self.__dict__


class SignatureError(WebhookError):
    """Puck did not sign this, or not with a secret that is known here."""


class TimestampError(WebhookError):
    """Puck signed this, but too long ago or in the future."""


class PayloadError(WebhookError):
    """The body is too large, or not an envelope, or a header contradicts it."""


class Duplicate(WebhookError):
    """This event was already handled: answer 200 without handling it again. Stores raise it from `claim`."""

    def __init__(self, reason: str = "duplicate", detail: str = "") -> None:
        super().__init__(reason, detail)


class InProgress(WebhookError):
    """Another worker holds this event: if that one fails, Puck must come again. Stores raise it from `claim`."""

    def __init__(self, reason: str = "in_progress", detail: str = "") -> None:
        super().__init__(reason, detail)


class StoreError(WebhookError):
    """The dedupe store did not answer (`store_unavailable`), is full (`store_full`), or another worker took the event
    meanwhile (`claim_lost`). So says a delivery that is used once more: `claim_lost` after its commit, and
    `store_unavailable` for a block that begins after its release."""

    def __init__(self, reason: str = "store_unavailable", detail: str = "") -> None:
        super().__init__(reason, detail)


def _family(number: int) -> type[WebhookError]:
    if number in (105, 106):
        return TimestampError
    if 100 < number < 200:
        return SignatureError
    if 200 < number < 300:
        return PayloadError
    return {301: Duplicate, 302: InProgress, -4: StoreError, -5: StoreError, -6: StoreError}.get(number, WebhookError)


def error_for(reason: str, detail: str, proof: Proof | Verified | None, event: Event | None) -> WebhookError:
    """The exception that belongs to a reason, with the fields of the proof and of the event."""
    error = _family(REASONS[reason][0])(reason, detail)
    for source, names in ((proof, _PROOF), (event, _EVENT)):
        if source is not None:
            for name in names:
                setattr(error, name, getattr(source, name))
    if event is not None:
        with suppress(OverflowError):
            error.emitted_at = event.emitted_at
    return error
