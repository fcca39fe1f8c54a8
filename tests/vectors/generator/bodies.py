"""Rightly signed bodies: what the cases of envelope.json are made with."""

from __future__ import annotations

from dataclasses import replace

from generator.delivery import GENUINE, SIGNATURE, TINY, Body, Case, Event, envelope, judged, sign

UUID = GENUINE.event_id


def refused(case_id: str, reason: str, comment: str, body: Body) -> Case:
    """An envelope that is not accepted, so that nobody looks at the headers beside it."""
    return judged(case_id, comment, reason, body=body, headers=[(SIGNATURE, sign(body))])


def accepted(case_id: str, comment: str, event: Event = TINY, *, body: Body | None = None) -> Case:
    """An envelope that is accepted without any headers beside it."""
    body = envelope(event) if body is None else body
    return judged(case_id, comment, event=event, body=body, headers=[(SIGNATURE, sign(body))])


def with_data(case_id: str, comment: str, data: bytes, *, severity: str | None = None) -> Case:
    """An accepted envelope whose data is these bytes."""
    return accepted(case_id, comment, replace(TINY, data=data, severity=severity))


def string(value: str | bytes) -> bytes:
    """A JSON string with this raw inside."""
    return b'"' + (value if isinstance(value, bytes) else value.encode()) + b'"'
