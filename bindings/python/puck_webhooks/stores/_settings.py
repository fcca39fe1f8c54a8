"""What the shared stores have in common: their settings, and the tokens of their claims."""

from __future__ import annotations

import os
import re

from .._core import Claim

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


def new_claim(event_id: str) -> Claim:
    """A claim with a new token. The token comes from the operating system, so a forked child never repeats one."""
    return Claim(event_id, int.from_bytes(os.urandom(8)) >> 1 or 1)


def probe_event() -> str:
    """The id of an event that does not exist, for check()."""
    return f"00000000-0000-4000-8000-{os.urandom(6).hex()}"


def checked_namespace(namespace: str) -> str:
    """The namespace: whose memory this is. Two endpoints that share an engine must not share it."""
    if not isinstance(namespace, str):
        raise TypeError("namespace must be a str, such as the name of the endpoint: billing")
    if not _NAMESPACE.match(namespace):
        raise ValueError("The dedupe namespace is not 1 to 64 of these characters: A-Z a-z 0-9 _ . -")
    return namespace


def checked_seconds(ttl: int, lease: int) -> tuple[int, int]:
    """ttl and lease in milliseconds."""
    for name, value in (("ttl", ttl), ("lease", lease)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} must be an int, in seconds")
    if not 600 <= ttl <= 2_592_000:
        raise ValueError("The dedupe ttl is not within 600 to 2592000 seconds.")
    if not 1 <= lease <= 3_600 or lease >= ttl:
        raise ValueError("The dedupe lease is not within 1 to 3600 seconds and below the ttl.")
    return ttl * 1000, lease * 1000


def checked_timeout(timeout: float) -> float:
    """For how many seconds one try may last."""
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise TypeError("timeout must be a number, in seconds")
    if not 0.01 <= timeout <= 60:
        raise ValueError("The dedupe timeout is not within 0.01 to 60 seconds.")
    return float(timeout)


def text_beside(name: str) -> str:
    """A script or a file of statements, which C++ has as well."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="ascii") as file:
        return file.read()


def warn(sentence: str) -> None:
    import logging  # here, since it takes long to import

    logging.getLogger("puck_webhooks").warning(sentence)
