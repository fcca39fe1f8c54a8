"""Why a delivery was not accepted: one exception for each family of reasons."""

from __future__ import annotations

from ._core import REASONS


class WebhookError(Exception):
    """A delivery was refused, or could not be judged.

    `reason` is one of the closed set, `http_status` the status to answer Puck with, and `retryable` says whether Puck's
    next attempt may succeed. The text is a sentence that says what is wrong and what to do. It never holds a secret, a
    MAC or bytes of the body.
    """

    reason: str
    http_status: int
    retryable: bool

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in REASONS or reason == "ok":
            raise ValueError("this is not a reason")
        _, self.http_status, self.retryable, message = REASONS[reason]
        self.reason = reason
        super().__init__(detail or message)

    def __reduce__(self) -> tuple[type[WebhookError], tuple[str, str]]:
        return type(self), (self.reason, str(self))


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
    """The dedupe store did not answer (`store_unavailable`), is full (`store_full`), or has given the event to another
    worker meanwhile (`claim_lost`)."""

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


def error_for(reason: str, detail: str) -> WebhookError:
    """The exception that belongs to a reason."""
    return _family(REASONS[reason][0])(reason, detail)
