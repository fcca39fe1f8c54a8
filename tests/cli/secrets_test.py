"""Where secrets come from, which are refused, and that none is ever shown: not by the command, nor by the system."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from support import (
    DEFAULT_VARIABLE,
    NOW,
    OK,
    OLD_SECRET,
    SECRET,
    TIMEOUT,
    UNDECIDED,
    UNKNOWN_SECRET,
    USAGE,
    CliTest,
    Result,
    envelope,
    environment,
    leaks,
    line,
    main,
    run,
    sign,
    tool,
)

BODY = envelope()


class SecretsTest(CliTest):
    def verify_with(
        self, *args: object, secrets: Sequence[str | bytes] = (), signer: str | bytes = SECRET, **env: str | bytes
    ) -> Result:
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
                path = self.secret_file(name, content.encode())
                self.check_index(0, self.verify_with("--secret-file", path))
                self.check_index(1, self.verify_with("--secret-file", path, signer=OLD_SECRET))
                self.check_unknown(self.verify_with("--secret-file", path, signer=UNKNOWN_SECRET))

    def test_a_hash_inside_a_secret_is_part_of_it(self) -> None:
        secret = "whsec_with-a-#-in-the-middle"
        self.check_index(0, self.verify_with("--secret-file", self.secret_file("s", secret.encode()), signer=secret))

    def test_several_files_keep_their_order(self) -> None:
        old, new = self.secret_file("old", OLD_SECRET.encode()), self.secret_file("new", SECRET.encode())
        self.check_index(0, self.verify_with("--secret-file", new, "--secret-file", old))
        self.check_index(1, self.verify_with("--secret-file", old, "--secret-file", new))

    def test_a_bad_line_is_named_by_file_and_number(self) -> None:
        bad = {
            "short": "whsec_9-letters",
            "long": "whsec_" + "x" * 4091,
            "spaces": "whsec_some space-within",
            "padded": "whsec_blank-at-its-end ",
            "tab": "whsec_a-tab-at-its-end\t",
            "control": "whsec_a\x01control-byte",
            "delete": "whsec_the-delete-\x7f-byte",
            "nul": "whsec_a-nul-\0-within-it",
        }
        for name, secret in bad.items():
            with self.subTest(name):
                path = self.secret_file(f"{name}.secrets", f"# first line\n{OLD_SECRET}\n{secret}\n".encode())
                result = self.verify_with("--secret-file", path)
                self.check_usage_error(result, f"{name}.secrets", "3")
                self.assertEqual(leaks(result.stderr, [secret.strip(), secret.split()[-1]]), [])

    def test_the_line_number_counts_comments_and_blank_lines(self) -> None:
        for before in (b"", b"\n" * 40, b"# a comment\r\n" * 40):
            path = self.secret_file("numbered", before + b"whsec_short\n")
            number = before.count(b"\n") + 1
            result = self.verify_with("--secret-file", path)
            self.check_usage_error(result)
            self.assertRegex(result.words, rf"numbered\D*\b{number}\b")

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        missing, good = self.folder / "not-there.txt", self.secret_file("good", SECRET.encode())
        self.check_usage_error(self.verify_with("--secret-file", missing), "--secret-file", "No such file")
        self.check_usage_error(
            self.verify_with("--secret-file", good, "--secret-file", missing), "--secret-file number 2"
        )
        self.check_usage_error(self.verify_with("--secret-file", self.folder), "folder")

    def test_each_option_takes_one_file(self) -> None:
        one, two = self.secret_file("one", SECRET.encode()), self.secret_file("two", OLD_SECRET.encode())
        self.check_usage_error(self.verify_with("--secret-file", one, two))
        self.assertNotIn("F ...", run("verify", "--help").stdout.decode())

    def test_standard_input_is_for_deliveries(self) -> None:
        self.check_usage_error(self.verify_with("--secret-file", "-"), "--secret-file")

    def test_a_byte_order_mark_is_no_part_of_a_secret_nor_of_a_comment(self) -> None:
        for before in (b"\xef\xbb\xbf", b"\xef\xbb\xbf# a comment\n"):
            self.check_index(0, self.verify_with("--secret-file", self.secret_file("s", before + SECRET.encode())))

    def test_a_file_that_is_too_long_is_refused_and_not_cut(self) -> None:
        for size, expected in (((1 << 20) - 1, OK), (1 << 20, USAGE), (3 << 20, USAGE)):
            path = self.secret_file("s", SECRET.encode().ljust(size, b"\n"))
            self.assertEqual(self.verify_with("--secret-file", path).code, expected)

    def test_only_one_carriage_return_belongs_to_a_line_s_end(self) -> None:
        self.check_usage_error(
            self.verify_with("--secret-file", self.secret_file("s", SECRET.encode() + b"\r\r\n")), "line 1"
        )

    def test_a_file_without_secrets_is_no_secret_at_all(self) -> None:
        for content in (b"", b"\n\n", b"# nothing yet\n"):
            self.check_usage_error(
                self.verify_with("--secret-file", self.secret_file("empty", content), secrets=[SECRET])
            )


class FromTheEnvironment(SecretsTest):
    def test_the_default_variable_is_read_when_nothing_else_is_given(self) -> None:
        self.check_index(0, self.verify_with(PUCK_WEBHOOK_SECRETS=SECRET))

    def test_the_default_variable_is_not_read_when_something_else_is(self) -> None:
        path = self.secret_file("other", OLD_SECRET.encode())
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
        path = self.secret_file("s", OLD_SECRET.encode())
        for index, signer in enumerate((OLD_SECRET, SECRET)):
            self.check_index(
                index, self.verify_with("--secret-env", "MORE", "--secret-file", path, signer=signer, MORE=SECRET)
            )

    def test_a_variable_that_is_not_set_or_empty_is_named(self) -> None:
        self.check_usage_error(self.verify_with("--secret-env", "NOT_SET", secrets=[SECRET]), "--secret-env", "not set")
        self.check_usage_error(self.verify_with("--secret-env", "BLANK", secrets=[SECRET], BLANK=" \n "), "BLANK")

    def test_a_bad_secret_is_named_by_its_variable(self) -> None:
        for bad in ("whsec_9-letters", "whsec_" + "y" * 4091, "whsec_a\x01control-byte"):
            with self.subTest(bad[:20]):
                by_name = self.verify_with("--secret-env", "SOME_NAME", SOME_NAME=f"{SECRET} {bad}")
                self.check_usage_error(by_name, "SOME_NAME")
                by_default = self.verify_with(PUCK_WEBHOOK_SECRETS=bad)
                self.check_usage_error(by_default, DEFAULT_VARIABLE)
                self.assertEqual(leaks(by_name.stderr + by_default.stderr, [bad]), [])


class Which(SecretsTest):
    def test_without_any_the_message_says_how_to_give_one(self) -> None:
        for env in ({}, {DEFAULT_VARIABLE: ""}, {DEFAULT_VARIABLE: " \n"}):
            for command in ("verify", "filter", "sign"):
                with self.subTest(command, env=env):
                    result = run(command, stdin=BODY, secrets=(), **env)
                    self.check_usage_error(result, "--secret-file", DEFAULT_VARIABLE)

    def test_sixteen_are_fine_and_seventeen_are_not(self) -> None:
        ring = [f"whsec_number-{n:02}-of-the-ring" for n in range(17)]
        for n, secret in enumerate(ring[:16]):
            self.check_index(n, self.verify_with(secrets=ring[:16], signer=secret))
        self.check_usage_error(self.verify_with(secrets=ring), "16")
        self.check_usage_error(
            self.verify_with("--secret-file", self.secret_file("ring", "\n".join(ring).encode())), "16"
        )

    def test_the_shortest_and_the_longest(self) -> None:
        for length in (16, 64, 65, 4096):
            with self.subTest(length=length):
                secret = "whsec_".ljust(length, "k")
                self.check_index(0, self.verify_with(secrets=[secret], signer=secret))
                self.check_index(
                    0, self.verify_with("--secret-file", self.secret_file("s", secret.encode()), signer=secret)
                )

    def test_they_are_bytes_as_they_are(self) -> None:
        for secret in ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "whsec_!#%&()*+-./:<=>?@[]^_|~"):
            with self.subTest(secret):
                self.check_index(0, self.verify_with(secrets=[secret], signer=secret))
                self.check_index(
                    0, self.verify_with("--secret-file", self.secret_file("s", secret.encode()), signer=secret)
                )

    def test_never_from_the_command_line_and_then_not_repeated_either(self) -> None:
        typed = "whsec_typed-by-somebody-in-a-hurry"
        for command in ("verify", "filter", "sign"):
            for args in (["--secret", typed], [f"--secret={typed}"], [f"--secret-key={typed}"]):
                with self.subTest(command, args=args):
                    result = run(command, *args, stdin=BODY, secrets=[typed])  # run() looks for it in the output
                    self.check_usage_error(result)

    def test_nor_where_something_else_was_expected(self) -> None:
        typed = "whsec_typed-by-somebody-in-a-hurry"
        places = [
            ["verify", f"--json={typed}"],
            ["filter", f"--events={typed}"],
            [f"--version={typed}"],
            [f"--help={typed}"],
            [typed],
        ]
        for command in ("verify", "filter", "sign"):
            places += [
                [command, f"--help={typed}"],
                [command, "--secret-env", typed],
                [command, "--secret-file", typed],
                [command, "--header", typed],
                [command, typed],
            ]
        places += [
            ["verify", "--body", typed],
            ["filter", "-", "--secret-file", "/dev/null", typed],
            ["filter", "--dedupe", typed],
            ["filter", "--dedupe-file", typed],
        ]
        for number in ("--tolerance", "--at", "--max-body"):
            places.append(["filter", number, typed])
        for args in places:
            with self.subTest(args=args):
                self.check_usage_error(run(*args, stdin=BODY, secrets=[typed]), "puck-webhooks: ")


# Each kind of contract.md section 4: what somebody may paste, and a word of the sentence that it gets.
SPOILED = {
    "quotes": (f'"{SECRET}"', "quotes around"),
    "single quotes": (f"'{SECRET}'", "quotes around"),
    "one quote": (f'{SECRET}"', "quotes around"),
    "a quote within": ("whsec_a-quote'-within-it", "quote"),
    "non-breaking space": (SECRET + "\u00a0", "invisible"),
    "zero-width space": ("\u200b" + SECRET, "invisible"),
    "name": (f"PUCK_WEBHOOK_SECRETS={SECRET}", "name of a variable"),
    "comma": (f"{SECRET},{OLD_SECRET}", "joined"),
    "semicolon": (f"{SECRET};{OLD_SECRET}", "joined"),
    "nothing between": (SECRET + OLD_SECRET, "joined"),
    "placeholder": ("${PUCK_WEBHOOK_SECRETS}", "placeholder"),
    "braces": ("{{ puck_secret_of_the_vault }}".replace(" ", ""), "placeholder"),
    "stripped prefix": (SECRET.removeprefix("whsec_"), "prefix removed"),
    "API key": ("sk_live_0123456789abcdef", "API key"),
    "cut off": ("whsec_9-letters", "cut off"),
    "too long": ("whsec_" + "x" * 4091, "4096"),
    "not ASCII": ("whsec_à-la-carte-and-more", "ASCII"),
    "backslash": ("whsec_a-back\\slash-within", "backslash"),
    "control": ("whsec_a\x01control-byte", "white space"),
}
SPOILED_LINES = {
    "space before": (" " + SECRET, "white space"),
    "space after": (SECRET + " ", "white space"),
    "tab after": (SECRET + "\t", "white space"),
    "second line end": (SECRET + "\r\r", "white space"),
    "export": (f"export SECRET={SECRET}", "white space"),
    "two": (f"{SECRET} {OLD_SECRET}", "white space"),
}


class Spoiled(SecretsTest):
    """Every kind of spoiled secret is refused at start, with its own sentence and the place where it stands."""

    def check_refused(self, result: Result, secret: str, *mentions: str) -> None:
        self.check_usage_error(result, *mentions)
        self.assertEqual(leaks(result.stderr, [secret.strip()]), [])

    def test_in_a_file(self) -> None:
        for kind, (secret, words) in (SPOILED | SPOILED_LINES).items():
            with self.subTest(kind):
                path = self.secret_file("spoiled", f"# a comment\n{OLD_SECRET}\n{secret}\n".encode())
                self.check_refused(self.verify_with("--secret-file", path), secret, f"{path} line 3: ", words)

    def test_in_a_variable(self) -> None:
        for kind, (secret, words) in SPOILED.items():
            with self.subTest(kind):
                by_name = self.verify_with("--secret-env", "SOME_NAME", SOME_NAME=f"{OLD_SECRET} {secret}")
                self.check_refused(by_name, secret, "secret 2 of the environment variable SOME_NAME: ", words)
                by_default = self.verify_with(PUCK_WEBHOOK_SECRETS=secret)
                self.check_refused(
                    by_default, secret, f"secret 1 of the environment variable {DEFAULT_VARIABLE}: ", words
                )

    def test_every_command_refuses_it(self) -> None:
        for command in ("verify", "filter", "sign"):
            self.check_refused(run(command, PUCK_WEBHOOK_SECRETS=f'"{SECRET}"', secrets=()), SECRET, "quotes around")

    def test_a_secret_that_names_a_file_or_a_variable_is_not_shown(self) -> None:
        typed = "whsec_typed-by-somebody-in-a-hurry"
        path = self.file(typed, b"bad\n")
        path.chmod(0o644)
        for args, env in ((["--secret-file", path], {}), (["--secret-env", typed], {typed: "bad"})):
            with self.subTest(args=args):
                result = run("sign", *args, secrets=[], **env)
                self.check_usage_error(result)
                self.assertNotIn(typed, result.words)

    def test_what_openssl_refuses_is_not_a_wrong_use(self) -> None:
        text = "openssl_conf = all\n[all]\nproviders = these\n[these]\nnull = on\n[on]\nactivate = 1\n"
        result = run("sign", stdin=b"{}", OPENSSL_CONF=str(self.file("no-hmac.cnf", text.encode())))
        self.assertEqual(result.code, UNDECIDED, result)
        self.assertIn("OpenSSL refused", result.words)


class OpenFiles(SecretsTest):
    """A file of secrets that others may read is warned of, and used."""

    def test_each_permission_of_others_is_warned_of(self) -> None:
        path = self.file("open", SECRET.encode())
        for mode in (0o640, 0o604, 0o644, 0o620, 0o602, 0o666, 0o660):
            with self.subTest(oct(mode)):
                path.chmod(mode)
                result = self.verify_with("--secret-file", path)
                self.check_index(0, result)
                self.assertEqual(result.words.count(str(path)), 1, result.words)
                self.assertEqual(result.words.count("\n"), 1)
                self.assertIn("chmod 600", result.words)

    def test_nothing_is_said_of_a_file_of_one_s_own(self) -> None:
        path = self.secret_file("own", SECRET.encode())
        for mode in (0o600, 0o400, 0o700, 0o711):
            path.chmod(mode)
            self.assertEqual(self.verify_with("--secret-file", path).stderr, b"")

    def test_a_pipe_belongs_to_nobody_else(self) -> None:
        reader, writer = os.pipe()
        os.write(writer, SECRET.encode())
        os.close(writer)
        done = subprocess.run(
            [tool(), "sign", "--secret-file", f"/dev/fd/{reader}"],
            pass_fds=[reader],
            capture_output=True,
            env=environment(),
            timeout=TIMEOUT,
        )
        os.close(reader)
        self.assertEqual((done.returncode, done.stderr), (OK, b""))

    def test_the_words_come_before_the_first_verdict(self) -> None:
        path = self.file("open", SECRET.encode())
        path.chmod(0o644)
        result = run("filter", "--events", "--secret-file", path, stdin=b"garbage\n", secrets=())
        words, verdict = result.words.splitlines()
        self.assertIn("chmod 600", words)
        self.assertTrue(verdict.startswith('{"line":1,'), verdict)


if sys.platform == "linux":

    class Memory(SecretsTest):
        """Linux keeps the memory of a process that must not be dumped from the other processes of its user."""

        # Root may read everything, but for these powers: with them dropped it is a user like any other.
        ORDINARY = ("setpriv", "--bounding-set", "-all") if os.geteuid() == 0 else ()

        def environment_of(self, *command: str) -> bytes:
            """What another process can read of the environment of this command, while it waits for its input."""
            process = subprocess.Popen(
                [*self.ORDINARY, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment((SECRET,))
            )
            self.addCleanup(process.communicate)
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(line())
            process.stdin.flush()
            process.stdout.readline()  # it has begun
            reader = [*self.ORDINARY, "cat", f"/proc/{process.pid}/environ"]
            return subprocess.run(reader, capture_output=True, timeout=TIMEOUT).stdout

        def test_no_other_process_reads_it(self) -> None:
            self.assertIn(SECRET.encode(), self.environment_of("cat"), "of another command it can")
            self.assertEqual(self.environment_of(tool(), "filter"), b"")


if __name__ == "__main__":
    main()
