"""Receive Puck's webhooks: verified, parsed, deduplicated.

    receiver = Receiver("whsec_...")                        # as Puck handed it out

    try:
        with receiver.receive(request.headers, request.body) as delivery:
            handle(delivery.event)                          # if it raises, the event is released: Puck comes again
        status = 200
    except WebhookError as error:
        status = error.http_status
"""

from . import _interpreter as _interpreter  # comes first: it refuses where the extension cannot work
from ._core import (
    Claim,
    DedupeStats,
    Delivery,
    Event,
    LruDedupe,
    Receiver,
    Verified,
    Verifier,
    parse_envelope,
    sign,
)
from ._core import version as __version__
from ._errors import Duplicate, InProgress, PayloadError, SignatureError, StoreError, TimestampError, WebhookError
from ._stores import DedupeStore

__all__ = [
    "Claim",
    "DedupeStats",
    "DedupeStore",
    "Delivery",
    "Duplicate",
    "Event",
    "InProgress",
    "LruDedupe",
    "PayloadError",
    "Receiver",
    "SignatureError",
    "StoreError",
    "TimestampError",
    "Verified",
    "Verifier",
    "WebhookError",
    "__version__",
    "parse_envelope",
    "sign",
]
