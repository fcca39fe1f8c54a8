"""Receive Puck's webhooks: verified, parsed, deduplicated.

    receiver = Receiver("whsec_...")                        # as Puck handed it out

    try:
        delivery = receiver.receive(request.headers, request.body)
    except WebhookError as error:
        return error.http_status
    with delivery:
        handle(delivery.event)                              # if it raises, the event is released: answer 500
    return 200
"""

from . import _interpreter as _interpreter  # comes first: it refuses where the extension cannot work
from . import _processes as _processes  # early, so that it sees each fork
from ._async import AsyncDelivery, AsyncReceiver
from ._core import (
    Claim,
    DedupeStats,
    Delivery,
    Event,
    LruDedupe,
    Proof,
    Receiver,
    Verified,
    Verifier,
    parse_envelope,
    sign,
)
from ._core import version as __version__
from ._errors import Duplicate, InProgress, PayloadError, SignatureError, StoreError, TimestampError, WebhookError
from ._stores import AsyncDedupeStore, DedupeStore
from .stores import AsyncRedisDedupe, RedisDedupe, SqliteDedupe

__all__ = [
    "AsyncDedupeStore",
    "AsyncDelivery",
    "AsyncReceiver",
    "AsyncRedisDedupe",
    "Claim",
    "DedupeStats",
    "DedupeStore",
    "Delivery",
    "Duplicate",
    "Event",
    "InProgress",
    "LruDedupe",
    "PayloadError",
    "Proof",
    "Receiver",
    "RedisDedupe",
    "SignatureError",
    "SqliteDedupe",
    "StoreError",
    "TimestampError",
    "Verified",
    "Verifier",
    "WebhookError",
    "__version__",
    "parse_envelope",
    "sign",
]
