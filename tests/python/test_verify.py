"""sign and Verifier, against Python's own hmac."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import puck_webhooks as puck
import pytest
from deliveries import NOW, OLD_SECRET, SECRET, envelope, fingerprint, mac, refused, sign

BODY = envelope()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 2047, 2048, 100_000])
def test_sign_is_an_hmac_over_the_raw_bytes(size: int) -> None:
    body = bytes(n * 7 % 256 for n in range(size))
    assert puck.sign(SECRET, body, NOW) == sign(SECRET, NOW, body)


@pytest.mark.parametrize("length", [16, 63, 64, 65, 4096])
def test_sign_with_keys_around_the_block_size(length: int) -> None:
    assert puck.sign("k" * length, BODY, NOW) == sign("k" * length, NOW, BODY)


def test_sign_with_several_secrets_gives_a_v1_for_each() -> None:
    expected = f"t={NOW},v1={mac(SECRET, NOW, BODY)},v1={mac(OLD_SECRET, NOW, BODY)}"
    assert puck.sign([SECRET, OLD_SECRET.encode()], BODY, NOW) == expected


@pytest.mark.parametrize("timestamp", [0, 999_999_999_999])
def test_sign_at_the_ends_of_time(timestamp: int) -> None:
    assert puck.sign(SECRET, BODY, timestamp) == sign(SECRET, timestamp, BODY)


@pytest.mark.parametrize("timestamp", [-1, 1_000_000_000_000, 2**63 - 1, -(2**63), 2**63, 10**30])
def test_sign_beyond_them(timestamp: int) -> None:
    with pytest.raises(ValueError):
        puck.sign(SECRET, BODY, timestamp)


def test_sign_takes_the_current_time_unless_it_is_given_one() -> None:
    before = int(time.time())
    for value in (puck.sign(SECRET, BODY), puck.sign(SECRET, BODY, None)):
        t = int(value.removeprefix("t=").partition(",")[0])
        assert before <= t <= time.time()
        assert value == sign(SECRET, t, BODY)


def test_a_secret_is_its_text_in_utf8() -> None:
    secret = "whsec_größer-als-ascii-🔑"
    assert puck.sign(secret, BODY, NOW) == puck.sign(secret.encode(), BODY, NOW) == sign(secret, NOW, BODY)


def test_verified_says_which_secret_and_when() -> None:
    verifier = puck.Verifier([SECRET, OLD_SECRET])
    for index, secret in enumerate((SECRET, OLD_SECRET)):
        verified = verifier.verify(BODY, sign(secret, NOW - 7, BODY), now=NOW)
        assert (verified.timestamp, verified.skew, verified.secret_index) == (NOW - 7, 7, index)
        assert verified.secret_fingerprint == fingerprint(secret)


@pytest.mark.parametrize("secrets", [SECRET, SECRET.encode(), [SECRET], (SECRET.encode(),)])
def test_the_forms_of_secrets(secrets: object) -> None:
    assert puck.Verifier(secrets).verify(BODY, sign(SECRET, NOW, BODY), now=NOW).secret_index == 0


@pytest.mark.parametrize("tolerance", [1, 300, 86_400])
def test_the_window_has_two_ends(tolerance: int) -> None:
    verifier = puck.Verifier(SECRET, tolerance=tolerance)
    for skew in (-tolerance, 0, tolerance):
        assert verifier.verify(BODY, sign(SECRET, NOW - skew, BODY), now=NOW).skew == skew
    with refused("timestamp_too_old"):
        verifier.verify(BODY, sign(SECRET, NOW - tolerance - 1, BODY), now=NOW)
    with refused("timestamp_too_new"):
        verifier.verify(BODY, sign(SECRET, NOW + tolerance + 1, BODY), now=NOW)


def test_the_default_tolerance_is_five_minutes() -> None:
    verifier = puck.Verifier(SECRET)
    assert verifier.verify(BODY, sign(SECRET, NOW - 300, BODY), now=NOW).skew == 300
    with refused("timestamp_too_old"):
        verifier.verify(BODY, sign(SECRET, NOW - 301, BODY), now=NOW)


def test_a_wrong_mac_is_a_mismatch_whatever_its_time() -> None:
    with refused("signature_mismatch"):
        puck.Verifier(SECRET).verify(BODY, sign(OLD_SECRET, NOW - 301, BODY), now=NOW)


@pytest.mark.parametrize("now", [0, -1, -(2**63), 2**63 - 1])
def test_any_two_times_can_be_compared(now: int) -> None:
    with refused("timestamp_too_new" if now < NOW else "timestamp_too_old"):
        puck.Verifier(SECRET).verify(BODY, sign(SECRET, NOW, BODY), now=now)


@pytest.mark.parametrize("clock", [{}, {"now": None}])
def test_now_is_the_current_time_unless_it_is_given(clock: dict[str, None]) -> None:
    verifier = puck.Verifier(SECRET)
    assert -300 <= verifier.verify(BODY, sign(SECRET, int(time.time()), BODY), **clock).skew <= 300
    with refused("timestamp_too_old"):
        verifier.verify(BODY, sign(SECRET, int(time.time()) - 86_400, BODY), **clock)


def test_without_a_window_any_time_passes_but_no_wrong_mac() -> None:
    verifier = puck.Verifier(SECRET)
    assert verifier.dangerously_verify_without_window(BODY, sign(SECRET, 0, BODY)).timestamp == 0
    with refused("signature_mismatch"):
        verifier.dangerously_verify_without_window(BODY, sign(OLD_SECRET, 0, BODY))
    with refused("missing_signature"):
        verifier.dangerously_verify_without_window(BODY, None)


@pytest.mark.parametrize("signature", [None, "", b"", " \t"])
def test_no_signature(signature: str | bytes | None) -> None:
    with refused("missing_signature"):
        puck.Verifier(SECRET).verify(BODY, signature, now=NOW)


def test_the_limit_of_the_body() -> None:
    verifier = puck.Verifier(SECRET, max_body=len(BODY))
    verifier.verify(BODY, sign(SECRET, NOW, BODY), now=NOW)
    with refused("payload_too_large"):
        verifier.verify(BODY + b" ", sign(SECRET, NOW, BODY + b" "), now=NOW)


def test_every_flipped_bit_is_noticed() -> None:
    verifier, right = puck.Verifier(SECRET), bytes.fromhex(mac(SECRET, NOW, BODY))
    for bit in range(256):
        wrong = (int.from_bytes(right, "big") ^ 1 << bit).to_bytes(32, "big").hex()
        with refused("signature_mismatch"):
            verifier.verify(BODY, f"t={NOW},v1={wrong}", now=NOW)


STANDARD_SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
WRONG_RECIPES = {
    "only the body": hmac.new(SECRET.encode(), BODY, hashlib.sha256),
    "no dot": hmac.new(SECRET.encode(), b"%d" % NOW + BODY, hashlib.sha256),
    "a newline": hmac.new(SECRET.encode(), b"%d." % NOW + BODY + b"\n", hashlib.sha256),
    "SHA3-256": hmac.new(SECRET.encode(), b"%d." % NOW + BODY, hashlib.sha3_256),
    "no prefix": hmac.new(SECRET.removeprefix("whsec_").encode(), b"%d." % NOW + BODY, hashlib.sha256),
    "an empty key": hmac.new(b"", b"%d." % NOW + BODY, hashlib.sha256),
    "a plain hash": hashlib.sha256(SECRET.encode() + b"%d." % NOW + BODY),
}


@pytest.mark.parametrize("recipe", WRONG_RECIPES)
def test_wrong_recipes(recipe: str) -> None:
    with refused("signature_mismatch"):
        puck.Verifier(SECRET).verify(BODY, f"t={NOW},v1={WRONG_RECIPES[recipe].hexdigest()}", now=NOW)


def test_a_secret_is_not_decoded() -> None:
    decoded = base64.b64decode(STANDARD_SECRET.removeprefix("whsec_"))
    verifier = puck.Verifier(STANDARD_SECRET)
    verifier.verify(BODY, sign(STANDARD_SECRET, NOW, BODY), now=NOW)
    with refused("signature_mismatch"):
        verifier.verify(BODY, sign(decoded, NOW, BODY), now=NOW)


def test_a_verifier_and_its_verdict_cannot_be_changed() -> None:
    verifier = puck.Verifier(SECRET)
    verified = verifier.verify(BODY, sign(SECRET, NOW, BODY), now=NOW)
    for name in ("timestamp", "skew", "secret_index", "secret_fingerprint"):
        with pytest.raises(AttributeError):
            setattr(verified, name, 0)
    with pytest.raises(AttributeError):
        verifier.tolerance = 10**9


def test_a_verifier_is_built_once() -> None:
    verifier = puck.Verifier(SECRET)
    with pytest.warns(RuntimeWarning, match="already-initialized"), pytest.raises(TypeError):
        verifier.__init__(OLD_SECRET)
    with refused("signature_mismatch"):
        verifier.verify(BODY, sign(OLD_SECRET, NOW, BODY), now=NOW)
