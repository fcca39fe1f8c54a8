"""The package against models that were written from the contract, without its code."""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from typing import Any

import puck_webhooks as puck
import pytest
from deliveries import NOW, OLD_SECRET, SECRET, envelope, event_id, mac, refused
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

# --- section 3 of the contract ------------------------------------------------------------------------------------

ITEM = rb"[A-Za-z0-9_-]+=[\x21-\x2b\x2d-\x7e]*"
HEADER = re.compile(rb"[ \t]*" + ITEM + rb"(?:[ \t]*,[ \t]*" + ITEM + rb")*[ \t]*")
SECRETS = (SECRET, OLD_SECRET)
UNKNOWN = "whsec_the-one-that-nobody-configured"
TOLERANCE, MAX_BODY = 300, 500


def modelled(body: bytes, header: bytes, now: int) -> tuple[str, int | None]:
    """The reason, and which secret has matched."""
    if now >= 10**12:
        return "milliseconds", None
    if len(body) > MAX_BODY:
        return "payload_too_large", None
    if len(header) > 4096:
        return "malformed_signature", None
    if not header.strip(b" \t"):
        return "missing_signature", None
    if not HEADER.fullmatch(header):
        return "malformed_signature", None
    items = [item.strip(b" \t").partition(b"=")[::2] for item in header.split(b",")]
    times = [value for key, value in items if key == b"t"]
    candidates = [value for key, value in items if key == b"v1"]
    if len(times) != 1 or not re.fullmatch(rb"0|[1-9][0-9]{0,11}", times[0]):
        return "malformed_signature", None
    if len(candidates) > 16 or not all(re.fullmatch(rb"[0-9A-Fa-f]{64}", each) for each in candidates):
        return "malformed_signature", None
    if not candidates:
        return "unsupported_scheme", None
    for index, secret in enumerate(SECRETS):
        right = hmac.digest(secret.encode(), times[0] + b"." + body, "sha256")
        if any(bytes.fromhex(each.decode()) == right for each in candidates):
            skew = now - int(times[0])
            reason = "ok" if abs(skew) <= TOLERANCE else "timestamp_too_old" if skew > 0 else "timestamp_too_new"
            return reason, index
    return "signature_mismatch", None


VERIFIER = puck.Verifier(SECRETS, tolerance=TOLERANCE, max_body=MAX_BODY)


def check(body: bytes, header: bytes, now: int) -> None:
    reason, index = modelled(body, header, now)
    event(reason)
    is_authentic = reason in ("ok", "timestamp_too_old", "timestamp_too_new")
    if reason == "ok":
        proof = VERIFIER.verify_signature(body, header, received_at=now)
    elif reason == "milliseconds":
        with pytest.raises(ValueError, match=reason):
            VERIFIER.verify_signature(body, header, received_at=now)
        return
    else:
        with refused(reason) as caught:
            VERIFIER.verify_signature(body, header, received_at=now)
        proof = caught.value  # which has the same fields
        with refused(reason):
            VERIFIER.verify({b"X-Puck-Signature": header}, body, received_at=now)
    assert proof.secret_index == index
    if is_authentic:
        assert proof.skew_seconds == max(now - proof.timestamp, -(2**63))
        assert VERIFIER.dangerously_verify_without_window(body, header).secret_index == index
    if header.isascii():
        text = header.decode()
        assert (reason == "ok") == accepts(body, text, now), "str and bytes are judged alike"


def accepts(body: bytes, header: str, now: int) -> bool:
    try:
        VERIFIER.verify_signature(body, header, received_at=now)
    except puck.WebhookError:
        return False
    return True


bodies = st.one_of(st.binary(max_size=80), st.integers(498, 502).map(bytes), st.just(envelope()[:MAX_BODY]))
times = st.one_of(st.integers(-303, 303), st.sampled_from([-301, -300, 300, 301, -NOW, NOW, 10**11, 10**12])).map(
    lambda skew: max(NOW + skew, 0)
)
time_texts = st.one_of(
    times.map(str),
    times.map(str),
    times.map(str),
    st.sampled_from(
        ["", "0", "00", "-1", "+1", "1e9", f"0{NOW}", f"{NOW}.0", "9" * 12, "9" * 13, "9" * 5000, "١٢٣", "nan"]
    ),
    st.text("0123456789-+. _x", max_size=14),
)
owners = st.sampled_from([SECRET, SECRET, OLD_SECRET, OLD_SECRET, UNKNOWN])


WELL_FORMED = ["v2=xyz", "v0=", "V1=x", "T=1", "a==b", "v1a=b", "x=!+-~", "k-_1=0"]
ILL_FORMED = ["k", "=v", "", "a b=c", 'k="é"', "t=1", "v1=", "v1=0x00", "v1=" + "g" * 64]


@st.composite
def right_headers(draw: st.DrawFn, body: bytes) -> str:
    """Well-formed, though the times and the secrets may be wrong."""
    t = draw(times)
    macs = st.builds(lambda secret, wrong: mac(secret, t + wrong, body), owners, st.sampled_from([0, 0, 0, 1]))
    written = st.builds(lambda digits, case: case(digits), macs, st.sampled_from([str, str.upper, str.title]))
    items = draw(st.lists(st.one_of(written.map("v1={}".format), st.sampled_from(WELL_FORMED)), min_size=1, max_size=4))
    if draw(st.integers(0, 9)) == 0:
        items = ["v1=" + "0" * 64] * draw(st.integers(12, 16)) + items
    items.insert(draw(st.integers(0, len(items))), f"t={t}")
    spaces = st.sampled_from(["", "", "", " ", "\t", " \t "])
    text = ",".join(draw(spaces) + item + draw(spaces) for item in items)
    if draw(st.integers(0, 19)) == 0:
        text += ",pad=" + "x" * (draw(st.integers(4095, 4098)) - len(text) - 5)
    return text


@st.composite
def spoilt_headers(draw: st.DrawFn, body: bytes) -> bytes:
    """The same with one fault, which need not be one."""
    text = draw(right_headers(body))
    items = text.split(",")
    at = draw(st.integers(0, len(items) - 1))
    fault = draw(st.sampled_from(["byte", "byte", "item", "drop", "repeat", "separator", "time", "shorter"]))
    if fault == "byte":
        raw, where = text.encode(), draw(st.integers(0, len(text) - 1))
        return raw[:where] + bytes([draw(st.integers(0, 255))]) + raw[where + draw(st.integers(0, 1)) :]
    if fault == "separator":
        return draw(st.sampled_from([";", " ", ",,", "\n", ", ,"])).join(items).encode()
    if fault == "time":
        items = [f"t={draw(time_texts)}" if item.strip(" \t").startswith("t=") else item for item in items]
    elif fault == "item":
        items.insert(at, draw(st.one_of(st.sampled_from(ILL_FORMED), st.text(max_size=6))))
    elif fault == "shorter":
        items[at] = items[at][:-1]
    else:
        items[at : at + 1] = [items[at]] * (2 if fault == "repeat" else 0)
    return ",".join(items).encode("utf-8", "surrogatepass")


@settings(max_examples=500)
@given(st.data(), bodies)
def test_headers_that_are_well_formed(data: st.DataObject, body: bytes) -> None:
    check(body, data.draw(right_headers(body)).encode(), NOW)


@settings(max_examples=800)
@given(st.data(), bodies)
def test_headers_that_are_spoilt(data: st.DataObject, body: bytes) -> None:
    check(body, data.draw(spoilt_headers(body)), NOW)


@settings(max_examples=500)
@given(
    bodies,
    st.one_of(st.binary(max_size=200), st.text(" \t,=tv10", max_size=40).map(str.encode)),
    st.integers(-(2**63), 2**63 - 1),
)
@example(b"", b"t=0,v1=" + mac(SECRET, 0, b"").encode(), -(2**63))
@example(b"", b"t=0,v1=" + mac(SECRET, 0, b"").encode(), 2**63 - 1)
@example(b"", b" " * 4096, 0)
@example(b"", b" " * 4097, 0)
def test_headers_that_are_garbage(body: bytes, header: bytes, now: int) -> None:
    check(body, header, now)


def test_the_model_says_yes_and_no() -> None:
    body = envelope()
    assert modelled(body, b"t=%d,v1=%s" % (NOW, mac(OLD_SECRET, NOW, body).encode()), NOW) == ("ok", 1)
    assert modelled(body, b"t=%d,v1=%s" % (NOW, mac(UNKNOWN, NOW, body).encode()), NOW) == ("signature_mismatch", None)


# --- section 7 of the contract, without time, which cannot be advanced from here ----------------------------------

CAPACITY = 4
ids = st.integers(0, 7).map(event_id)


class Dedupe(RuleBasedStateMachine):
    """LruDedupe beside a dict of claims in progress and an ordered dict of those that are done, the least recently used
    first."""

    def __init__(self) -> None:
        super().__init__()
        self.store = puck.LruDedupe(CAPACITY)
        self.held: dict[str, puck.Claim] = {}
        self.done: OrderedDict[str, puck.Claim] = OrderedDict()
        self.claims: list[puck.Claim] = []
        self.counts = dict.fromkeys(("claims", "duplicates", "contended", "early_evictions"), 0)

    @rule(event=ids, upper=st.booleans())
    def claim(self, event: str, upper: bool) -> None:
        text = event.upper() if upper else event
        if event in self.done:
            self.done.move_to_end(event)
            self.counts["duplicates"] += 1
            with refused("duplicate"):
                self.store.claim(text)
        elif event in self.held:
            self.counts["contended"] += 1
            with refused("in_progress"):
                self.store.claim(text)
        elif len(self.held) == CAPACITY:
            with refused("store_full"):
                self.store.claim(text)
        else:
            self.held[event] = self.store.claim(text)
            self.claims.append(self.held[event])
            assert self.held[event].event_id == event
            self.counts["claims"] += 1
            self.make_room()

    def make_room(self) -> None:
        if len(self.held) + len(self.done) > CAPACITY:
            self.done.popitem(last=False)
            self.counts["early_evictions"] += 1

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Of any claim that was ever granted: now, again, or after its release."""
        claim = data.draw(st.sampled_from(self.claims))
        event = claim.event_id
        owner = self.done.get(event, self.held.get(event, claim))
        if owner is not claim:
            with refused("claim_lost"):
                self.store.commit(claim)
        elif event not in self.held and event not in self.done and len(self.held) == CAPACITY:
            with refused("store_unavailable"):
                self.store.commit(claim)
        else:
            self.store.commit(claim)
            self.held.pop(event, None)
            self.done.pop(event, None)
            self.done[event] = claim
            self.make_room()

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        event = claim.event_id
        if event in self.done or self.held.get(event, claim) is not claim:
            with refused("claim_lost"):
                self.store.release(claim)
        else:
            self.store.release(claim)
            self.held.pop(event, None)

    @rule(event=ids)
    def seen(self, event: str) -> None:
        assert self.store.seen(event) == (event in self.done)

    @invariant()
    def counted(self) -> None:
        stats: Any = self.store.stats()
        assert {name: getattr(stats, name) for name in self.counts} == self.counts
        assert (stats.done, stats.in_progress, stats.expired_leases) == (len(self.done), len(self.held), 0)


Dedupe.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestDedupe = Dedupe.TestCase
