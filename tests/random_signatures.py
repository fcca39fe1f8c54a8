"""Writes 10,000 random lines `secret timestamp .body mac`, all but the timestamp in hex. The seed is fixed."""

import hmac
import random
import sys

PREFIX = b"whsec_"
ALLOWED = [byte for byte in range(0x21, 0x7F) if byte not in b"\"'`,;\\${}"]


def main() -> None:
    rng = random.Random(4231)
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for _ in range(10_000):
            size = rng.choice([16, 17, 38, 63, 64, 65, 100, rng.randint(16, 4096)])
            secret = PREFIX + bytes(rng.choices(ALLOWED, k=size - len(PREFIX)))
            assert secret.count(PREFIX) == 1
            body = rng.randbytes(rng.choice([0, 1, 55, 56, 63, 64, 65, rng.randint(0, 2000)]))
            seconds = [0, 9, 10, rng.randint(0, 999_999_999_999), rng.randint(1_700_000_000, 1_900_000_000)]
            timestamp = str(rng.choice(seconds))
            mac = hmac.new(secret, timestamp.encode() + b"." + body, "sha256").hexdigest()
            print(secret.hex(), timestamp, "." + body.hex(), mac, file=out)


if __name__ == "__main__":
    main()
