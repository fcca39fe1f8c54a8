"""Writes 10,000 lines `secret timestamp .body mac`, in hex but for the timestamp, at random with a fixed seed."""

import hmac
import random
import sys

SPACE_OR_CONTROL = bytes(range(0x21)) + b"\x7f"


def main() -> None:
    rng = random.Random(4231)
    allowed = [byte for byte in range(256) if byte not in SPACE_OR_CONTROL]
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for _ in range(10_000):
            size = rng.choice([16, 17, 38, 63, 64, 65, 100, rng.randint(16, 4096)])
            secret = bytes(rng.choices(allowed, k=size))
            body = rng.randbytes(rng.choice([0, 1, 55, 56, 63, 64, 65, rng.randint(0, 2000)]))
            timestamp = str(rng.choice([0, 9, 10, rng.randint(0, 999_999_999_999), rng.randint(1_700_000_000, 1_900_000_000)]))
            mac = hmac.new(secret, timestamp.encode() + b"." + body, "sha256").hexdigest()
            print(secret.hex(), timestamp, "." + body.hex(), mac, file=out)


if __name__ == "__main__":
    main()
