"""`sign` prints the header that Puck would have sent."""

from __future__ import annotations

import random
import string
import subprocess

from support import (
    NOW,
    OK,
    OLD_SECRET,
    SECRET,
    TIMEOUT,
    UNDECIDED,
    CliTest,
    envelope,
    environment,
    event_id,
    main,
    run,
    sign,
    tool,
)

BODY = envelope()


class Sign(CliTest):
    def check_sign(
        self, expected: str, *args: object, stdin: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), **env: str
    ) -> None:
        result = run("sign", *map(str, args), stdin=stdin, secrets=secrets, **env)
        self.assertEqual((result.code, result.stdout, result.stderr), (OK, expected.encode() + b"\n", b""))

    def test_a_known_answer(self) -> None:
        self.check_sign(
            "t=1700000000,v1=d0c329a0542d1a8e66b0b5503cf2d2f8f8e174c98224b843c11f74ea14c341e9",
            "--timestamp",
            1700000000,
            stdin=b"{}",
            secrets=("whsec_0123456789abcdef",),
        )

    def test_one_v1_for_each_secret_in_order(self) -> None:
        ring = (SECRET, OLD_SECRET)
        self.check_sign(sign(ring, NOW, BODY), "--timestamp", NOW, secrets=ring)
        self.check_sign(sign(ring[::-1], NOW, BODY), "--timestamp", NOW, secrets=ring[::-1])
        many = tuple(f"whsec_number-{n:02}-of-the-ring" for n in range(16))
        self.check_sign(sign(many, NOW, BODY), "--timestamp", NOW, secrets=many)

    def test_secrets_come_from_files_and_variables(self) -> None:
        path = self.secret_file("secrets", f"# two\n{OLD_SECRET}\n{SECRET}\n".encode())
        self.check_sign(sign((OLD_SECRET, SECRET), NOW, BODY), "--timestamp", NOW, "--secret-file", path)
        self.check_sign(sign(OLD_SECRET, NOW, BODY), "--timestamp", NOW, "--secret-env", "OTHER", OTHER=OLD_SECRET)

    def test_the_body_comes_from_a_file_or_from_stdin(self) -> None:
        expected = sign(SECRET, NOW, BODY)
        self.check_sign(expected, "--timestamp", NOW, "--body", "-")
        self.check_sign(expected, "--timestamp", NOW, "--body", self.file("body", BODY), stdin=b"not this")

    def test_any_bytes_can_be_signed(self) -> None:
        for body in (b"", b"\0", b"\r\n", bytes(range(256)), b"t=1.", b"a" * (3 << 20)):
            self.check_sign(sign(SECRET, NOW, body), "--timestamp", NOW, stdin=body)

    def test_the_bounds_of_a_timestamp(self) -> None:
        for t in (0, 1, 999_999_999_999):
            self.check_sign(sign(SECRET, t, BODY), "--timestamp", t)

    def test_two_hundred_random_secrets_and_bodies_equal_an_independent_hmac(self) -> None:
        random_ = random.Random(20260503)
        letters = "".join(sorted(set(string.ascii_letters + string.digits + string.punctuation) - set("\"'`,;\\${}")))
        for n in range(200):
            secret = "whsec_" + "".join(
                random_.choices(letters, k=random_.choice((10, 11, 25, 26, 57, 58, 59, 60, 200, 4090)))
            )
            body = random_.randbytes(random_.choice((0, 1, 54, 55, 56, 63, 64, 65, 1000, 70_000)))
            t = random_.randrange(10 ** random_.randint(1, 12))
            with self.subTest(n=n, secret_bytes=len(secret), body_bytes=len(body), t=t):
                self.check_sign(sign(secret, t, body), "--timestamp", t, stdin=body, secrets=(secret,))

    def test_what_it_signs_verify_accepts(self) -> None:
        for n, t in enumerate((NOW - 300, NOW, NOW + 300)):
            body = envelope(event_id=event_id(n))
            value = (
                run("sign", "--timestamp", str(t), stdin=body, secrets=(OLD_SECRET, SECRET))
                .stdout.decode()
                .rstrip("\n")
            )
            self.check_verify("ok", body, f"X-Puck-Signature: {value}")

    def test_without_times_both_mean_now(self) -> None:
        value = run("sign", stdin=BODY).stdout.decode().rstrip("\n")
        result = run("verify", "--header", f"X-Puck-Signature: {value}", stdin=BODY)
        self.check_verdict(result.verdict, "ok")
        old = run("verify", "--header", f"X-Puck-Signature: {sign(SECRET, NOW, BODY)}", stdin=BODY)
        self.assertIn(old.verdict["reason"], ("timestamp_too_old", "timestamp_too_new"))

    def test_a_signature_that_cannot_be_written_is_an_error(self) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [tool(), "sign", "--timestamp", str(NOW)],
                input=BODY,
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment((SECRET,)),
                timeout=TIMEOUT,
            )
        self.assertEqual(done.returncode, UNDECIDED)
        self.assertIn(b"cannot write", done.stderr)


if __name__ == "__main__":
    main()
