"""Where secrets come from, which are refused, and that none is ever shown."""
from __future__ import annotations

from collections.abc import Sequence

from support import (DEFAULT_VARIABLE, NOW, OK, OLD_SECRET, SECRET, UNKNOWN_SECRET, USAGE, CliTest, Result, envelope, leaks, main, run,
                     sign)

BODY = envelope()


class SecretsTest(CliTest):
    def verify_with(self, *args: object, secrets: Sequence[str | bytes] = (), signer: str | bytes = SECRET,
                    **env: str | bytes) -> Result:
        header = f"X-Puck-Signature: {sign(signer, NOW, BODY)}"
        return run("verify", "--at", str(NOW), "--header", header, *map(str, args), stdin=BODY, secrets=secrets, **env)

    def check_index(self, expected: int, result: Result) -> None:
        self.assertEqual((result.verdict["reason"], result.verdict["secret_index"]), ("ok", expected), result)

    def check_unknown(self, result: Result) -> None:
        self.assertEqual(result.verdict["reason"], "signature_mismatch")


class FromFiles(SecretsTest):
    def test_one_on_each_line_with_comments_and_blank_lines(self) -> None:
        text = f"# current\n\n{SECRET}\n   \t\n  # until June\n\t#{UNKNOWN_SECRET}\n{OLD_SECRET}\n"
        for name, content in (("unix", text), ("dos", text.replace("\n", "\r\n")), ("no-end", text.rstrip())):
            with self.subTest(name):
                path = self.file(name, content.encode())
                self.check_index(0, self.verify_with("--secret-file", path))
                self.check_index(1, self.verify_with("--secret-file", path, signer=OLD_SECRET))
                self.check_unknown(self.verify_with("--secret-file", path, signer=UNKNOWN_SECRET))

    def test_a_hash_inside_a_secret_is_part_of_it(self) -> None:
        secret = "whsec_with-a-#-in-the-middle"
        self.check_index(0, self.verify_with("--secret-file", self.file("s", secret.encode()), signer=secret))

    def test_several_files_keep_their_order(self) -> None:
        old, new = self.file("old", OLD_SECRET.encode()), self.file("new", SECRET.encode())
        self.check_index(0, self.verify_with("--secret-file", new, "--secret-file", old))
        self.check_index(1, self.verify_with("--secret-file", old, "--secret-file", new))

    def test_a_bad_line_is_named_by_file_and_number(self) -> None:
        bad = {"short": "only-15-bytes-x", "long": "x" * 4097, "spaces": "whsec_some space-within",
               "padded": "whsec_blank-at-its-end ", "tab": "whsec_a-tab-at-its-end\t",
               "control": "whsec_a\x01control-byte", "delete": "whsec_the-delete-\x7f-byte", "nul": "whsec_a-nul-\0-within-it"}
        for name, secret in bad.items():
            with self.subTest(name):
                path = self.file(f"{name}.secrets", f"# first line\n{OLD_SECRET}\n{secret}\n".encode())
                result = self.verify_with("--secret-file", path)
                self.check_usage_error(result, f"{name}.secrets", "3")
                self.assertEqual(leaks(result.stderr, [secret.strip(), secret.split()[-1]]), [])

    def test_the_line_number_counts_comments_and_blank_lines(self) -> None:
        for before in (b"", b"\n" * 40, b"# a comment\r\n" * 40):
            path = self.file("numbered", before + b"short\n")
            number = before.count(b"\n") + 1
            result = self.verify_with("--secret-file", path)
            self.check_usage_error(result)
            self.assertRegex(result.words, rf"numbered\D*\b{number}\b")

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        missing, good = self.folder / "not-there.txt", self.file("good", SECRET.encode())
        self.check_usage_error(self.verify_with("--secret-file", missing), "--secret-file", "No such file")
        self.check_usage_error(self.verify_with("--secret-file", good, "--secret-file", missing), "--secret-file number 2")
        self.check_usage_error(self.verify_with("--secret-file", self.folder), "folder")

    def test_each_option_takes_one_file(self) -> None:
        one, two = self.file("one", SECRET.encode()), self.file("two", OLD_SECRET.encode())
        self.check_usage_error(self.verify_with("--secret-file", one, two))
        self.assertNotIn("F ...", run("verify", "--help").stdout.decode())

    def test_standard_input_is_for_deliveries(self) -> None:
        self.check_usage_error(self.verify_with("--secret-file", "-"), "--secret-file")

    def test_a_byte_order_mark_is_no_part_of_a_secret_nor_of_a_comment(self) -> None:
        for before in (b"\xef\xbb\xbf", b"\xef\xbb\xbf# a comment\n"):
            self.check_index(0, self.verify_with("--secret-file", self.file("s", before + SECRET.encode())))

    def test_a_file_that_is_too_long_is_refused_and_not_cut(self) -> None:
        for size, expected in (((1 << 20) - 1, OK), (1 << 20, USAGE), (3 << 20, USAGE)):
            path = self.file("s", SECRET.encode().ljust(size, b"\n"))
            self.assertEqual(self.verify_with("--secret-file", path).code, expected)

    def test_only_one_carriage_return_belongs_to_a_line_s_end(self) -> None:
        self.check_usage_error(self.verify_with("--secret-file", self.file("s", SECRET.encode() + b"\r\r\n")), "line 1")

    def test_a_file_without_secrets_is_no_secret_at_all(self) -> None:
        for content in (b"", b"\n\n", b"# nothing yet\n"):
            self.check_usage_error(self.verify_with("--secret-file", self.file("empty", content), secrets=[SECRET]))


class FromTheEnvironment(SecretsTest):
    def test_the_default_variable_is_read_when_nothing_else_is_given(self) -> None:
        self.check_index(0, self.verify_with(PUCK_WEBHOOK_SECRETS=SECRET))

    def test_the_default_variable_is_not_read_when_something_else_is(self) -> None:
        path = self.file("other", OLD_SECRET.encode())
        self.check_unknown(self.verify_with("--secret-file", path, secrets=[SECRET]))
        self.check_unknown(self.verify_with("--secret-env", "OTHER", secrets=[SECRET], OTHER=OLD_SECRET))

    def test_any_whitespace_separates(self) -> None:
        for separator in (" ", "\n", "\t", "\r\n", "  \n\n "):
            with self.subTest(repr(separator)):
                value = separator + SECRET + separator + OLD_SECRET + separator
                self.check_index(0, self.verify_with(PUCK_WEBHOOK_SECRETS=value))
                self.check_index(1, self.verify_with(PUCK_WEBHOOK_SECRETS=value, signer=OLD_SECRET))

    def test_several_variables_keep_their_order(self) -> None:
        names = ("--secret-env", "FIRST", "--secret-env", "SECOND")
        self.check_index(2, self.verify_with(*names, FIRST=f"{UNKNOWN_SECRET} {OLD_SECRET}", SECOND=SECRET))

    def test_files_come_before_variables(self) -> None:
        path = self.file("s", OLD_SECRET.encode())
        for index, signer in enumerate((OLD_SECRET, SECRET)):
            self.check_index(index, self.verify_with("--secret-env", "MORE", "--secret-file", path, signer=signer, MORE=SECRET))

    def test_a_variable_that_is_not_set_or_empty_is_named(self) -> None:
        self.check_usage_error(self.verify_with("--secret-env", "NOT_SET", secrets=[SECRET]), "--secret-env", "not set")
        self.check_usage_error(self.verify_with("--secret-env", "BLANK", secrets=[SECRET], BLANK=" \n "), "BLANK")

    def test_a_bad_secret_is_named_by_its_variable(self) -> None:
        for bad in ("only-15-bytes-x", "y" * 4097, "whsec_a\x01control-byte"):
            with self.subTest(bad[:20]):
                by_name = self.verify_with("--secret-env", "SOME_NAME", SOME_NAME=f"{SECRET} {bad}")
                self.check_usage_error(by_name, "SOME_NAME")
                by_default = self.verify_with(PUCK_WEBHOOK_SECRETS=bad)
                self.check_usage_error(by_default, DEFAULT_VARIABLE)
                self.assertEqual(leaks(by_name.stderr + by_default.stderr, [bad]), [])


class Which(SecretsTest):
    def test_without_any_the_message_says_how_to_give_one(self) -> None:
        for env in ({}, {DEFAULT_VARIABLE: ""}, {DEFAULT_VARIABLE: " \n"}):
            for command in ("verify", "sign"):
                with self.subTest(command, env=env):
                    result = run(command, stdin=BODY, secrets=(), **env)
                    self.check_usage_error(result, "--secret-file", DEFAULT_VARIABLE)

    def test_sixteen_are_fine_and_seventeen_are_not(self) -> None:
        ring = [f"whsec_number-{n:02}-of-the-ring" for n in range(17)]
        for n, secret in enumerate(ring[:16]):
            self.check_index(n, self.verify_with(secrets=ring[:16], signer=secret))
        self.check_usage_error(self.verify_with(secrets=ring), "16")
        self.check_usage_error(self.verify_with("--secret-file", self.file("ring", "\n".join(ring).encode())), "16")

    def test_the_shortest_and_the_longest(self) -> None:
        for length in (16, 64, 65, 4096):
            with self.subTest(length=length):
                secret = "k" * length
                self.check_index(0, self.verify_with(secrets=[secret], signer=secret))
                self.check_index(0, self.verify_with("--secret-file", self.file("s", secret.encode()), signer=secret))

    def test_they_are_bytes_as_they_are(self) -> None:
        # The UTF-8 of these holds 0xA0 and 0x85, which are blanks in other encodings; and some end in base64's padding.
        for secret in ("whsec_à-la-carte-\u0445-of-any-tongue", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==",
                       'a"b\'c$d\\e`f%s!{}~'):
            with self.subTest(secret):
                self.check_index(0, self.verify_with(secrets=[secret], signer=secret))
                self.check_index(0, self.verify_with("--secret-file", self.file("s", secret.encode()), signer=secret))

    def test_never_from_the_command_line_and_then_not_repeated_either(self) -> None:
        typed = "whsec_typed-by-somebody-in-a-hurry"
        for command in ("verify", "sign"):
            for args in (["--secret", typed], [f"--secret={typed}"], [f"--secret-key={typed}"]):
                with self.subTest(command, args=args):
                    result = run(command, *args, stdin=BODY, secrets=[typed])  # run() looks for it in the output
                    self.check_usage_error(result)

    def test_nor_where_something_else_was_expected(self) -> None:
        typed = "whsec_typed-by-somebody-in-a-hurry"
        flags = ("--json", "--ndjson", "--events", "--no-dedupe", "--help")
        places = [["verify", f"{flag}={typed}"] for flag in flags] + [[f"--version={typed}"], [f"--help={typed}"], [typed]]
        for command in ("verify", "sign"):
            places += [[command, "--secret-env", typed], [command, "--secret-file", typed], [command, "--header", typed], [command, typed]]
        places += [["verify", "--body", typed], ["verify", "--ndjson", typed], ["verify", "--ndjson", "-", "--secret-file", "/dev/null", typed]]
        for number in ("--tolerance", "--at", "--max-body", "--dedupe-capacity"):
            places.append(["verify", "--ndjson", number, typed])
        for args in places:
            with self.subTest(args=args):
                self.check_usage_error(run(*args, stdin=BODY, secrets=[typed]), "puck-webhooks: ")


if __name__ == "__main__":
    main()
