"""How the tool is called, and what it says when it is called wrongly: exit 2, and words on stderr."""

from __future__ import annotations

import subprocess

from support import (
    NOW,
    OK,
    SECRET,
    TIMEOUT,
    UNDECIDED,
    USAGE,
    CliTest,
    envelope,
    environment,
    line,
    main,
    run,
    sign,
    tool,
)

BODY = envelope()
HEADER = f"X-Puck-Signature: {sign(SECRET, NOW, BODY)}"
NOT_NUMBERS = (
    "",
    "abc",
    "1.5",
    "1e3",
    "0x10",
    "1_000",
    "NaN",
    "inf",
    "true",
    "300s",
    "1" + "0" * 30,
    "\u0663\u0660\u0660",
)


class Help(CliTest):
    def help(self, *command: str) -> str:
        result = run(*command, "--help", secrets=())
        self.assertEqual((result.code, result.stderr), (OK, b""))
        return result.stdout.decode()

    def test_help_explains_with_examples(self) -> None:
        text = self.help()
        for word in ("verify", "filter", "sign", "--version", "puck-webhooks verify", "puck-webhooks filter"):
            self.assertIn(word, text)
        self.assertIn("example", text.lower())

    def test_every_option_is_explained(self) -> None:
        secrets = ("--secret-file", "--secret-env", "PUCK_WEBHOOK_SECRETS")
        window = ("--tolerance", "--at", "--max-body")
        commands = {
            "verify": (*secrets, *window, "--header", "--body", "--json"),
            "filter": (*secrets, *window, "--events", "--rejects", "--dedupe", "none", "--dedupe-file"),
            "sign": (*secrets, "--timestamp", "--body"),
        }
        for command, words in commands.items():
            text = self.help(command)
            for word in words:
                with self.subTest(command, word=word):
                    self.assertIn(word, text)

    def test_help_describes_what_a_line_may_hold(self) -> None:
        text = self.help("filter")
        for word in (
            "headers",
            "multiValueHeaders",
            "body_base64",
            "isBase64Encoded",
            "received_at",
            "RFC 3339",
            '"line"',
        ):
            self.assertIn(word, text)

    def test_help_that_cannot_be_written_is_an_error(self) -> None:
        for args in (["--version"], ["--help"], ["filter", "--help"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([tool(), *args], stdout=full, stderr=subprocess.PIPE, timeout=TIMEOUT)
            self.assertEqual(done.returncode, UNDECIDED)

    def test_version(self) -> None:
        result = run("--version", secrets=())
        self.assertEqual((result.code, result.stderr), (OK, b""))
        self.assertRegex(result.stdout.decode(), r"\Apuck-webhooks \d+\.\d+\.\d+\n\Z")


class WrongUsage(CliTest):
    def test_no_subcommand_shows_the_usage(self) -> None:
        result = run()
        self.check_usage_error(result)
        self.assertIn("usage", result.words.lower())

    def test_unknown_words_are_refused(self) -> None:
        for args in (
            ["check"],
            ["--verify"],
            ["verify", "--no-such-option"],
            ["verify", "-x"],
            ["sign", "--tolerance", "300"],
            ["verify", "a-stray-word"],
            ["sign", "a-stray-word"],
            ["filter", "-", "a-stray-word"],
            ["VERIFY"],
            ["verify", "--ndjson"],
            ["verify", "--events"],
            ["filter", "--no-dedupe"],
            ["filter", "--json"],
            ["filter", "--header", HEADER],
            ["filter", "--body", "-"],
        ):
            with self.subTest(args=args):
                self.check_usage_error(run(*args, stdin=BODY))

    def test_options_that_do_not_go_together_are_refused(self) -> None:
        for args in (["--rejects", "refused.ndjson"], ["--dedupe", "none", "--dedupe-file", "store"]):
            with self.subTest(args=args):
                self.check_usage_error(run("filter", *args, stdin=line()), args[0])

    def test_an_option_without_its_value_is_named(self) -> None:
        commands = {
            "verify": ("--secret-file", "--secret-env", "--tolerance", "--at", "--max-body", "--header", "--body"),
            "filter": ("--secret-file", "--tolerance", "--at", "--rejects", "--dedupe", "--dedupe-file"),
            "sign": ("--secret-file", "--secret-env", "--timestamp", "--body"),
        }
        for command, options in commands.items():
            for option in options:
                with self.subTest(command, option=option):
                    self.check_usage_error(run(*command.split(), option, stdin=BODY), option)

    def test_what_is_not_a_number_or_out_of_bounds_is_named_by_its_option(self) -> None:
        bounds = {
            ("verify", "--tolerance"): ("0", "-1", "86401"),
            ("verify", "--max-body"): ("0", "-1", str((1 << 30) + 1)),
            ("verify", "--at"): ("-1", str(10**12), str(NOW * 1000), str(1 << 63)),
            ("filter", "--at"): ("-1", str(10**12)),
            ("sign", "--timestamp"): ("-1", str(10**12)),
        }
        for command, out_of_bounds in bounds.items():
            for value in (*out_of_bounds, *NOT_NUMBERS):
                with self.subTest(option=command[-1], value=value):
                    self.check_usage_error(run(*command, value, stdin=BODY), command[-1])

    def test_a_leading_zero_never_means_octal(self) -> None:
        result = run("sign", "--timestamp", "0010", stdin=BODY)
        self.assertTrue(result.code == USAGE or result.stdout.startswith(b"t=10,"), result)

    def test_the_bounds_themselves_are_fine(self) -> None:
        for args in (
            ["--tolerance", "1"],
            ["--tolerance", "86400"],
            ["--max-body", str(1 << 30)],
            ["--max-body", "1000"],
        ):
            with self.subTest(args=args):
                self.assertEqual(self.check_verify("ok", BODY, HEADER, args=args)["reason"], "ok")
        for clock, reason in ((0, "timestamp_too_new"), (10**12 - 1, "timestamp_too_old")):
            self.check_verify(reason, BODY, HEADER, at=clock)
        for capacity in ("1", "65536", "1000000"):
            self.check_filter(["ok", "duplicate"], line(), line(), args=["--dedupe", f"memory:?capacity={capacity}"])

    def test_a_header_without_a_colon(self) -> None:
        for header in ("X-Puck-Signature", "", f"X-Puck-Signature t={NOW}"):
            with self.subTest(header):
                self.check_usage_error(run("verify", "--at", str(NOW), "--header", header, stdin=BODY), "--header")


class Files(CliTest):
    READERS = (
        ["verify", "--at", str(NOW), "--header", HEADER, "--body"],
        ["filter"],
        ["sign", "--timestamp", "1", "--body"],
    )

    def test_a_file_that_is_not_there_is_named(self) -> None:
        missing = self.folder / "not-there.json"
        for args in self.READERS:
            with self.subTest(args=args):
                self.check_usage_error(run(*args, missing), missing.name)

    def test_a_folder_is_not_a_body(self) -> None:
        for args in self.READERS:
            with self.subTest(args=args):
                self.check_usage_error(run(*args, self.folder), self.folder.name)

    def test_rejects_go_to_a_file(self) -> None:
        self.check_usage_error(run("filter", "-", "--events", "--rejects", "-", stdin=line()), "--rejects")

    def test_verdicts_never_feed_the_input(self) -> None:
        source = self.file("in.ndjson", b"garbage\n")
        self.check_usage_error(run("filter", source, "--events", "--rejects", source), "read from")
        with source.open("ab") as end:
            done = subprocess.run(
                [tool(), "filter", source],
                stdout=end,
                stderr=subprocess.PIPE,
                env=environment((SECRET,)),
                timeout=TIMEOUT,
            )
        self.assertEqual((done.returncode, source.read_bytes()), (USAGE, b"garbage\n"))

    def test_rejects_that_cannot_be_written_are_named(self) -> None:
        target = self.folder / "no-such-folder" / "rejects.ndjson"
        self.check_usage_error(run("filter", "-", "--events", "--rejects", target, stdin=line()), "rejects.ndjson")


if __name__ == "__main__":
    main()
