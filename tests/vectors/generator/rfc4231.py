"""rfc4231.json: the published HMAC-SHA-256 test cases, typed in from RFC 4231, section 4."""

from __future__ import annotations

import hashlib
import hmac

from generator.delivery import Case, text

ABOUT = (
    "HMAC-SHA-256 of RFC 4231, section 4: key and message are bytes, mac is hex, shorter where the RFC truncates it."
)

TABLE = [
    ("case-1", "A key of 20 bytes.", b"\x0b" * 20, b"Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ("case-2", "A key shorter than the MAC.", b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ("case-3", "Key and message together longer than a block.", b"\xaa" * 20, b"\xdd" * 50,
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ("case-4", "The same with another key.", bytes(range(1, 26)), b"\xcd" * 50,
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    ("case-5", "The RFC truncates this MAC to 128 bits.", b"\x0c" * 20, b"Test With Truncation",
     "a3b6167473100ee06e0c796c2955552b"),
    ("case-6", "A key longer than a block.", b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ("case-7", "Key and message each longer than a block.", b"\xaa" * 131,
     b"This is a test using a larger than block-size key and a larger than block-size data. "
     b"The key needs to be hashed before being used by the HMAC algorithm.",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
]  # fmt: skip


def cases() -> list[Case]:
    made: list[Case] = []
    for case_id, comment, key, message, mac in TABLE:
        ours = hmac.new(key, message, hashlib.sha256).hexdigest()
        assert ours.startswith(mac), f"rfc4231 {case_id}: hmac disagrees with the RFC"
        made.append({"id": case_id, "comment": comment, "key": text(key), "message": text(message), "mac": mac})
    return made
