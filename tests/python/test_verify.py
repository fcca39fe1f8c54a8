"""sign and Verifier, against Python's own hmac."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import puck_webhooks as puck
import pytest
from deliveries import EVENT_ID, NOW, OLD_SECRET, SECRET, envelope, fingerprint, mac, refused, sign, signed

BODY = envelope()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 2047, 2048, 100_000])
def test_sign_is_an_hmac_over_the_raw_bytes(size: int) -> None:
    body = bytes(n * 7 % 256 for n in range(size))
    assert puck.sign(SECRET, body, NOW) == sign(SECRET, NOW, body)


@pytest.mark.parametrize("length", [16, 63, 64, 65, 4096])
def test_sign_with_keys_around_the_block_size(length: int) -> None:
    secret = "whsec_".ljust(length, "k")
    assert puck.sign(secret, BODY, NOW) == sign(secret, NOW, BODY)


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


def test_a_proof_says_which_secret_and_when() -> None:
    verifier = puck.Verifier([SECRET, OLD_SECRET])
    for index, secret in enumerate((SECRET, OLD_SECRET)):
        signature = sign(secret, NOW - 7, BODY)
        for proof in (
            verifier.verify_signature(BODY, signature, received_at=NOW),
            verifier.dangerously_verify_without_window(BODY, signature, received_at=NOW),
            verifier.verify({"X-Puck-Signature": signature}, BODY, received_at=NOW),
        ):
            assert (proof.timestamp, proof.skew_seconds, proof.secret_index) == (NOW - 7, 7, index)
            assert proof.secret_fingerprint == fingerprint(secret)


def test_verify_remembers_nothing() -> None:
    verifier = puck.Verifier(SECRET)
    for _ in range(2):
        verified = verifier.verify(signed(BODY), BODY, received_at=NOW)
        assert type(verified) is puck.Verified
        assert verified.event is verified.event
        assert (verified.event.event_id, verified.event.severity) == (EVENT_ID, "high")


def test_verify_judges_all_that_receive_judges() -> None:
    verifier = puck.Verifier(SECRET)
    for reason, headers, body in [
        ("payload_too_large", {}, bytes(1_048_577)),
        ("missing_signature", {"X-Other": "x"}, BODY),
        ("malformed_signature", [*signed(BODY).items(), *signed(BODY).items()], BODY),
        ("signature_mismatch", signed(BODY, secret=OLD_SECRET, t=NOW - 301), BODY),
        ("timestamp_too_old", signed(b"{", t=NOW - 301), b"{"),
        ("invalid_json", signed(b"{", X_Puck_Event_Id="x"), b"{"),
        ("header_mismatch", signed(BODY, X_Puck_Event_Id="x"), BODY),
    ]:
        with refused(reason):
            verifier.verify(headers, body, received_at=NOW)


def test_verify_signature_looks_at_no_envelope() -> None:
    assert puck.Verifier(SECRET).verify_signature(b"{", sign(SECRET, NOW, b"{"), received_at=NOW).timestamp == NOW


def test_an_unsigned_header_that_is_empty_says_nothing() -> None:
    headers = signed(BODY, X_Puck_Event_Id="", X_Puck_Event_Type=" \t")
    assert puck.Verifier(SECRET).verify(headers, BODY, received_at=NOW).event.event_id == EVENT_ID


@pytest.mark.parametrize("secrets", [SECRET, SECRET.encode(), [SECRET], (SECRET.encode(),)])
def test_the_forms_of_secrets(secrets: object) -> None:
    assert puck.Verifier(secrets).verify_signature(BODY, sign(SECRET, NOW, BODY), received_at=NOW).secret_index == 0


@pytest.mark.parametrize("tolerance", [1, 300, 86_400])
def test_the_window_has_two_ends(tolerance: int) -> None:
    verifier = puck.Verifier(SECRET, tolerance=tolerance)
    for skew in (-tolerance, 0, tolerance):
        assert verifier.verify_signature(BODY, sign(SECRET, NOW - skew, BODY), received_at=NOW).skew_seconds == skew
    with refused("timestamp_too_old"):
        verifier.verify_signature(BODY, sign(SECRET, NOW - tolerance - 1, BODY), received_at=NOW)
    with refused("timestamp_too_new"):
        verifier.verify_signature(BODY, sign(SECRET, NOW + tolerance + 1, BODY), received_at=NOW)


def test_the_default_tolerance_is_five_minutes() -> None:
    verifier = puck.Verifier(SECRET)
    assert verifier.verify_signature(BODY, sign(SECRET, NOW - 300, BODY), received_at=NOW).skew_seconds == 300
    with refused("timestamp_too_old"):
        verifier.verify_signature(BODY, sign(SECRET, NOW - 301, BODY), received_at=NOW)


def test_a_wrong_mac_is_a_mismatch_whatever_its_time() -> None:
    with refused("signature_mismatch"):
        puck.Verifier(SECRET).verify_signature(BODY, sign(OLD_SECRET, NOW - 301, BODY), received_at=NOW)


@pytest.mark.parametrize("received_at", [0, -1, -(2**63), 999_999_999_999])
def test_any_two_times_can_be_compared(received_at: int) -> None:
    with refused("timestamp_too_new" if received_at < NOW else "timestamp_too_old") as caught:
        puck.Verifier(SECRET).verify_signature(BODY, sign(SECRET, NOW, BODY), received_at=received_at)
    assert caught.value.skew_seconds == max(received_at - NOW, -(2**63))


@pytest.mark.parametrize("received_at", [10**12, NOW * 1000, 2**63 - 1])
def test_a_time_in_milliseconds_is_the_caller_s_mistake(received_at: int) -> None:
    verifier, signature = puck.Verifier(SECRET), sign(SECRET, NOW, BODY)
    for call in (
        lambda: verifier.verify(signed(BODY), BODY, received_at=received_at),
        lambda: verifier.verify_signature(BODY, signature, received_at=received_at),
        lambda: verifier.dangerously_verify_without_window(BODY, signature, received_at=received_at),
        lambda: puck.Receiver(SECRET).receive(signed(BODY), BODY, received_at=received_at),
    ):
        with pytest.raises(ValueError, match="milliseconds"):
            call()


@pytest.mark.parametrize("clock", [{}, {"received_at": None}])
def test_received_at_is_the_current_time_unless_it_is_given(clock: dict[str, None]) -> None:
    verifier = puck.Verifier(SECRET)
    fresh, old = int(time.time()), int(time.time()) - 86_400
    assert -300 <= verifier.verify_signature(BODY, sign(SECRET, fresh, BODY), **clock).skew_seconds <= 300
    assert -300 <= verifier.verify(signed(BODY, t=fresh), BODY, **clock).skew_seconds <= 300
    skew = verifier.dangerously_verify_without_window(BODY, sign(SECRET, old, BODY), **clock).skew_seconds
    assert 86_100 <= skew <= 86_700
    with refused("timestamp_too_old"):
        verifier.verify_signature(BODY, sign(SECRET, old, BODY), **clock)
    with refused("timestamp_too_old"):
        verifier.verify(signed(BODY, t=old), BODY, **clock)


def test_without_a_window_any_time_passes_but_no_wrong_mac() -> None:
    verifier = puck.Verifier(SECRET)
    proof = verifier.dangerously_verify_without_window(BODY, sign(SECRET, 0, BODY), received_at=NOW)
    assert (proof.timestamp, proof.skew_seconds) == (0, NOW)
    with refused("signature_mismatch"):
        verifier.dangerously_verify_without_window(BODY, sign(OLD_SECRET, 0, BODY))
    with refused("missing_signature"):
        verifier.dangerously_verify_without_window(BODY, None)


@pytest.mark.parametrize("signature", [None, "", b"", " \t"])
def test_no_signature(signature: str | bytes | None) -> None:
    with refused("missing_signature"):
        puck.Verifier(SECRET).verify_signature(BODY, signature, received_at=NOW)


def test_the_limit_of_the_body() -> None:
    verifier = puck.Verifier(SECRET, max_body=len(BODY))
    verifier.verify_signature(BODY, sign(SECRET, NOW, BODY), received_at=NOW)
    with refused("payload_too_large"):
        verifier.verify_signature(BODY + b" ", sign(SECRET, NOW, BODY + b" "), received_at=NOW)


def test_every_flipped_bit_is_noticed() -> None:
    verifier, right = puck.Verifier(SECRET), bytes.fromhex(mac(SECRET, NOW, BODY))
    for bit in range(256):
        wrong = (int.from_bytes(right, "big") ^ 1 << bit).to_bytes(32, "big").hex()
        with refused("signature_mismatch"):
            verifier.verify_signature(BODY, f"t={NOW},v1={wrong}", received_at=NOW)


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
        puck.Verifier(SECRET).verify_signature(BODY, f"t={NOW},v1={WRONG_RECIPES[recipe].hexdigest()}", received_at=NOW)


def test_a_secret_is_not_decoded() -> None:
    decoded = base64.b64decode(STANDARD_SECRET.removeprefix("whsec_"))
    verifier = puck.Verifier(STANDARD_SECRET)
    verifier.verify_signature(BODY, sign(STANDARD_SECRET, NOW, BODY), received_at=NOW)
    with refused("signature_mismatch"):
        verifier.verify_signature(BODY, sign(decoded, NOW, BODY), received_at=NOW)


def test_a_verifier_and_its_verdict_cannot_be_changed() -> None:
    verifier = puck.Verifier(SECRET)
    proof = verifier.verify_signature(BODY, sign(SECRET, NOW, BODY), received_at=NOW)
    verified = verifier.verify(signed(BODY), BODY, received_at=NOW)
    for name in ("timestamp", "skew_seconds", "secret_index", "secret_fingerprint", "event"):
        for thing in (proof, verified):
            with pytest.raises(AttributeError):
                setattr(thing, name, 0)
    with pytest.raises(AttributeError):
        verifier.tolerance = 10**9


def test_a_verifier_is_built_once() -> None:
    verifier = puck.Verifier(SECRET)
    with pytest.warns(RuntimeWarning, match="already-initialized"), pytest.raises(TypeError):
        verifier.__init__(OLD_SECRET)
    with refused("signature_mismatch"):
        verifier.verify_signature(BODY, sign(OLD_SECRET, NOW, BODY), received_at=NOW)
