"""dedupe_urls.json: the texts of dedupe stores. What the good ones say is read with Python's urllib.parse."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from urllib.parse import unquote, urlsplit

from generator.delivery import Case

ABOUT = (
    "Texts of dedupe stores. For a good one, expect holds what it says: engine is memory, sqlite or redis; what the "
    "text does not say is left out, but for the port of a host, and db and tls of redis. For a bad one, expect holds the "
    "sentence of the error."
)

NUMBERS = ("ttl", "lease", "capacity", "db")


def cases() -> list[Case]:
    return [*good(), *bad()]


def said(text: str) -> dict[str, Any]:
    """What a good text says."""
    parts = urlsplit(text)
    fields: dict[str, Any] = {"engine": parts.scheme if parts.scheme in ("memory", "sqlite") else "redis"}
    if fields["engine"] == "redis":
        fields |= {"db": 0, "tls": parts.scheme in ("rediss", "valkeys")}
        user, _, host = parts.netloc.rpartition("@")
        for name, value in zip(("username", "password"), user.split(":", 1), strict=False):
            if value:
                fields[name] = unquote(value)
        if host:
            fields |= {"host": parts.hostname if host[0] == "[" else host.partition(":")[0], "port": parts.port or 6379}
    if fields.get("host"):
        if parts.path.strip("/"):
            fields["db"] = int(parts.path[1:])
    elif parts.path:
        fields["path"] = unquote(parts.path)
    for name, _, value in (one.partition("=") for one in parts.query.split("&") if one):
        if name == "timeout":
            fields[name] = float(Fraction(value))
        else:
            fields[name] = int(value) if name in NUMBERS else unquote(value)
    return fields


def good() -> list[Case]:
    at = "redis://cache.example?namespace=billing"
    texts = {
        "memory": "memory:",
        "memory-empty-query": "memory:?",
        "memory-capacity": "memory:?capacity=1000",
        "memory-all": "memory:?capacity=67108864&ttl=2592000&lease=3600",
        "memory-smallest": "memory:?capacity=1&ttl=600&lease=1",
        "sqlite-absolute": "sqlite:/var/lib/x.db?namespace=billing",
        "sqlite-relative": "sqlite:events.db?namespace=billing",
        "sqlite-all": "sqlite:events.db?namespace=billing&ttl=601&lease=600&timeout=2",
        "sqlite-escaped-path": "sqlite:/var/my%20events%3f%23%25.db?namespace=n",
        "sqlite-utf-8": "sqlite:/srv/%C3%A9v%c3%a9nements.db?namespace=n",
        "sqlite-utf-8-as-it-is": "sqlite:/srv/\u00e9v\u00e9nements.db?namespace=n",
        "sqlite-path-with-colon-and-at": "sqlite:./a:b@c/d.db?namespace=n",
        "sqlite-plus-is-a-plus": "sqlite:a+b.db?namespace=n",
        "sqlite-slashes-inside": "sqlite:a//b.db?namespace=n",
        "namespace-longest": "sqlite:x.db?namespace=" + "n" * 64,
        "namespace-characters": "sqlite:x.db?namespace=AZaz09_.-",
        "namespace-escaped": "sqlite:x.db?namespace=%62illing",
        "query-with-question-mark-in-value": "redis://h?namespace=n&password_file=/run/a?b",
        "parameters-with-empty-ones-around": "redis://h?namespace=n&",
        "redis-host": at,
        "redis-port": "redis://cache.example:6380?namespace=billing",
        "redis-slash": "redis://cache.example/?namespace=billing",
        "redis-db": "redis://cache.example/3?namespace=billing",
        "redis-last-db": "redis://cache.example:1/1000000?namespace=billing",
        "redis-password": "redis://:hunter2@cache.example?namespace=billing",
        "redis-user-and-password": "redis://worker:hunter2@cache.example:65535/0?namespace=billing",
        "redis-escaped-user-and-password": "redis://w%40rk:p%3Aa%2Fs%3Fs%40%C3%A9@cache.example?namespace=billing",
        "redis-password-with-colon-and-at": "redis://worker:a:b@c@cache.example?namespace=billing",
        "redis-password-env": at + "&password_env=REDIS_PASSWORD",
        "redis-user-and-password-env": "redis://worker@cache.example?namespace=billing&password_env=REDIS_PASSWORD",
        "redis-user-and-password-file": "redis://worker@cache.example?password_file=/run/pw&namespace=billing",
        "redis-all": "redis://u:p@10.0.0.7:7000/2?namespace=b&ttl=86400&lease=60&timeout=0.25",
        "redis-host-of-a-container": "redis://redis_1:6379?namespace=billing",
        "redis-host-keeps-its-case": "redis://Cache.Example?namespace=billing",
        "redis-ipv4": "redis://127.0.0.1:6379?namespace=billing",
        "redis-ipv6": "redis://[::1]?namespace=billing",
        "redis-ipv6-port-db": "redis://[2001:db8::7]:6380/1?namespace=billing",
        "redis-ipv6-user": "redis://u:p@[::1]:6380?namespace=billing",
        "rediss": "rediss://cache.example?namespace=billing",
        "valkey": "valkey://cache.example?namespace=billing",
        "valkeys": "valkeys://u:p@cache.example:6380/1?namespace=billing",
        "unix-absolute": "unix:/run/redis.sock?namespace=billing",
        "unix-relative": "unix:redis.sock?namespace=billing",
        "unix-slashes": "unix:///run/redis.sock?namespace=billing",
        "unix-db": "unix:/run/redis.sock?namespace=billing&db=7",
        "unix-user-in-front": "unix://worker@/run/redis.sock?namespace=billing&password_env=PW",
        "unix-user-and-password-in-front": "unix://worker:hunter2@/run/redis.sock?namespace=billing",
        "unix-username": "unix:/run/redis.sock?namespace=billing&username=w%20r&password_file=/run/p%26w",
        "unix-all": "unix:/run/r.sock?namespace=b&ttl=600&lease=599&timeout=60&db=1000000&username=u&password_env=E",
        "unix-longest-path": "unix:/" + "s" * 102 + "?namespace=billing",
        "timeout-smallest": at + "&timeout=0.01",
        "timeout-one-decimal": at + "&timeout=1.5",
        "timeout-three-decimals": at + "&timeout=59.999",
        "timeout-whole-with-zeros": at + "&timeout=60.000",
        "numbers-with-leading-zeros": at + "&ttl=0600&lease=007",
    }
    return [{"id": name, "text": text, "expect": said(text)} for name, text in texts.items()]


def bad() -> list[Case]:
    at = "redis://h?namespace=n"
    number = "A number in the dedupe store's text is not written in plain digits."
    space = "The dedupe store's text holds a space, a line end or a control character; write a space as %20."
    unknown = "The dedupe store's text has a parameter that this store does not have."
    hexadecimal = "A % in the dedupe store's text is not followed by two hex digits."
    host = "The host of the dedupe store is missing, or is not a name, an IPv4 address, or an IPv6 address in []."
    port = "The port of the dedupe store is not a whole number from 1 to 65535."
    database = "The Redis database is not a whole number from 0 to 1000000."
    missing = "The dedupe store's text has no namespace: add namespace=N, with the name of this endpoint."
    scheme = "The dedupe store is not one of memory: sqlite: redis:// rediss:// valkey:// valkeys:// unix:"
    slashes = "Write two slashes before the host: redis://HOST"
    no_path = "The dedupe store's text has no path."
    passwords = "The dedupe store's text has more than one password."
    user = "The dedupe store's text has a user and no password: add password_env=NAME or password_file=PATH."
    no_source = "The parameter password_env or password_file is empty."
    namespace = "The dedupe namespace is not 1 to 64 of these characters: A-Z a-z 0-9 _ . -"
    ttl = "The dedupe ttl is not within 600 to 2592000 seconds."
    lease = "The dedupe lease is not within 1 to 3600 seconds and below the ttl."
    timeout = "The dedupe timeout is not within 0.01 to 60 seconds."
    capacity = "The dedupe capacity is not within 1 to 67108864 events."
    texts = {
        "empty": ("", "The dedupe store's text is empty."),
        "space-alone": (" ", space),
        "space-before": (" memory:", space),
        "space-inside": ("sqlite:/var/my events.db?namespace=n", space),
        "line-end": ("memory:\n", space),
        "tab": ("sqlite:a\tb.db?namespace=n", space),
        "zero-byte": ("sqlite:a.db\0?namespace=n", space),
        "delete": ("sqlite:a.db\x7f?namespace=n", space),
        "fragment": (at + "#1", "The dedupe store's text holds a #; write it as %23."),
        "scheme-unknown": ("postgres://h/db?namespace=n", scheme),
        "scheme-missing": ("events.db?namespace=n", scheme),
        "scheme-empty": (":?namespace=n", scheme),
        "scheme-in-upper-case": ("REDIS://h?namespace=n", scheme),
        "scheme-with-driver": ("redis+sentinel://h?namespace=n", scheme),
        "scheme-only-a-word": ("memory", scheme),
        "memory-with-slashes": ("memory://", "Write memory: alone, or with parameters after a question mark."),
        "memory-with-namespace": ("memory:?namespace=n", unknown),
        "memory-with-timeout": ("memory:?timeout=1", unknown),
        "sqlite-with-slashes": (
            "sqlite:///var/lib/x.db?namespace=n", "Write sqlite:PATH, without slashes before the path."
        ),
        "sqlite-with-two-slashes": ("sqlite://x.db?namespace=n", "Write sqlite:PATH, without slashes before the path."),
        "sqlite-without-path": ("sqlite:?namespace=n", no_path),
        "sqlite-in-memory": ("sqlite::memory:?namespace=n", "Write memory: for a store in memory."),
        "sqlite-in-memory-escaped": ("sqlite:%3amemory:?namespace=n", "Write memory: for a store in memory."),
        "sqlite-with-capacity": ("sqlite:x.db?namespace=n&capacity=7", unknown),
        "sqlite-with-password-env": ("sqlite:x.db?namespace=n&password_env=P", unknown),
        "percent-at-the-end": ("sqlite:x.db%?namespace=n", hexadecimal),
        "percent-with-one-digit": ("sqlite:x.db%2?namespace=n", hexadecimal),
        "percent-with-a-letter-past-f": ("sqlite:x%2gdb?namespace=n", hexadecimal),
        "percent-zero-byte": ("sqlite:x%00.db?namespace=n", "A %XX in the dedupe store's text is a control character."),
        "percent-line-end-in-password": (
            "redis://:hunter2%0a@h?namespace=n", "A %XX in the dedupe store's text is a control character."
        ),
        "namespace-missing": ("sqlite:x.db", missing),
        "namespace-missing-among-others": ("redis://h?ttl=600", missing),
        "namespace-empty": ("sqlite:x.db?namespace=", namespace),
        "namespace-without-value": ("sqlite:x.db?namespace", namespace),
        "namespace-too-long": ("sqlite:x.db?namespace=" + "n" * 65, namespace),
        "namespace-with-colon": ("sqlite:x.db?namespace=a:b", namespace),
        "namespace-not-ascii": ("sqlite:x.db?namespace=caf%C3%A9", namespace),
        "namespace-twice": (at + "&namespace=n", "The dedupe store's text has a parameter twice."),
        "ttl-twice": ("memory:?ttl=600&ttl=600", "The dedupe store's text has a parameter twice."),
        "parameter-unknown": (at + "&retries=3", unknown),
        "parameter-in-upper-case": (at + "&TTL=600", unknown),
        "parameter-empty": (at + "&&ttl=600", unknown),
        "ttl-too-small": (at + "&ttl=599", ttl),
        "ttl-too-large": (at + "&ttl=2592001", ttl),
        "ttl-far-too-large": (at + "&ttl=18446744073709552216", ttl),
        "ttl-empty": (at + "&ttl=", number),
        "ttl-negative": (at + "&ttl=-600", number),
        "ttl-with-plus": (at + "&ttl=+600", number),
        "ttl-with-fraction": (at + "&ttl=600.0", number),
        "ttl-with-unit": (at + "&ttl=24h", number),
        "lease-zero": (at + "&lease=0", lease),
        "lease-too-large": (at + "&lease=3601", lease),
        "lease-not-below-the-ttl": (at + "&ttl=600&lease=600", lease),
        "timeout-zero": (at + "&timeout=0", timeout),
        "timeout-too-small": (at + "&timeout=0.009", timeout),
        "timeout-too-large": (at + "&timeout=60.001", timeout),
        "timeout-with-four-decimals": (at + "&timeout=0.0100", number),
        "timeout-without-whole-part": (at + "&timeout=.5", number),
        "timeout-without-decimals": (at + "&timeout=1.", number),
        "timeout-with-two-points": (at + "&timeout=1.0.0", number),
        "timeout-with-exponent": (at + "&timeout=1e0", number),
        "timeout-none": (at + "&timeout=none", number),
        "capacity-zero": ("memory:?capacity=0", capacity),
        "capacity-too-large": ("memory:?capacity=67108865", capacity),
        "redis-without-slashes": ("redis:h?namespace=n", slashes),
        "redis-with-one-slash": ("valkey:/h?namespace=n", slashes),
        "redis-without-host": ("redis://?namespace=n", host),
        "redis-without-host-but-port": ("redis://:6379?namespace=n", host),
        "redis-without-host-but-user": ("redis://:hunter2@/0?namespace=n", host),
        "redis-host-escaped": ("redis://h%2e?namespace=n", host),
        "redis-two-hosts": ("redis://a,b?namespace=n", host),
        "redis-ipv6-without-brackets": ("redis://::1?namespace=n", host),
        "redis-ipv6-not-closed": ("redis://[::1?namespace=n", host),
        "redis-ipv6-empty": ("redis://[]?namespace=n", host),
        "redis-ipv6-with-a-name": ("redis://[cache]?namespace=n", host),
        "redis-ipv6-followed-by-text": ("redis://[::1]6379?namespace=n", host),
        "port-empty": ("redis://h:?namespace=n", port),
        "port-zero": ("redis://h:0?namespace=n", port),
        "port-too-large": ("redis://h:65536?namespace=n", port),
        "port-a-word": ("redis://h:redis?namespace=n", port),
        "db-a-word": ("redis://h/zero?namespace=n", database),
        "db-too-large": ("redis://h/1000001?namespace=n", database),
        "db-negative": ("redis://h/-1?namespace=n", database),
        "db-with-slash": ("redis://h/0/?namespace=n", database),
        "db-as-parameter-of-redis": (at + "&db=1", unknown),
        "db-of-unix-a-word": ("unix:/s?namespace=n&db=x", database),
        "user-without-password": ("redis://worker@h?namespace=n", user),
        "user-with-empty-password": ("redis://worker:@h?namespace=n", user),
        "username-without-password": ("unix:/s?namespace=n&username=u", user),
        "password-twice": ("redis://:p@h?namespace=n&password_env=P", passwords),
        "password-from-two-places": (at + "&password_env=P&password_file=/p", passwords),
        "password-env-empty": (at + "&password_env=", no_source),
        "password-file-empty": (at + "&password_file=", no_source),
        "user-twice": (
            "unix://u:p@/s?namespace=n&username=v", "The dedupe store's text has more than one user name."
        ),
        "unix-with-host": ("unix://h/run/s?namespace=n", "A unix socket has no host: write unix:PATH"),
        "unix-with-user-and-host": ("unix://u:p@h/run/s?namespace=n", "A unix socket has no host: write unix:PATH"),
        "unix-without-path": ("unix:?namespace=n", no_path),
        "unix-with-user-without-path": ("unix://u:p@?namespace=n", no_path),
        "unix-path-too-long": (
            "unix:/" + "s" * 103 + "?namespace=n", "The path of the unix socket is longer than 103 bytes."
        ),
    }
    return [
        {"id": f"bad-{name}", "text": text, "expect": {"error": sentence}} for name, (text, sentence) in texts.items()
    ]
