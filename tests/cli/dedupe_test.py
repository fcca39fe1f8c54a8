"""`filter --dedupe`: which store remembers the events, and when an event counts as seen."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from support import (
    OK,
    SECRET,
    UNDECIDED,
    CliTest,
    Result,
    envelope,
    environment,
    event_id,
    line,
    main,
    read_verdicts,
    reasons,
    run,
    tool,
)

EVENTS = [line(envelope(event_id=event_id(n))) for n in range(300)]


def limit_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


class Dedupe(CliTest):
    def filter(self, *lines: bytes, args: list[str | Path], **env: str) -> Result:
        return run("filter", "-", *args, stdin=b"".join(lines), **env)

    def sqlite(self, parameters: str = "") -> list[str | Path]:
        return ["--dedupe", f"sqlite:{self.folder}/events.db?namespace=n{parameters}"]

    def rows(self, sql: str = "SELECT count(*), sum(done) FROM puck_events") -> tuple[object, ...]:
        with sqlite3.connect(self.folder / "events.db") as database:
            row: tuple[object, ...] = database.execute(sql).fetchone()
        database.close()
        return row

    def test_a_file_remembers_from_run_to_run(self) -> None:
        self.assertEqual(reasons(self.filter(*EVENTS[:2], args=self.sqlite()).verdicts), ["ok", "ok"])
        self.assertEqual(reasons(self.filter(*EVENTS[1:3], args=self.sqlite()).verdicts), ["duplicate", "ok"])
        self.assertEqual(self.rows(), (3, 3))
        other = ["--dedupe", f"sqlite:{self.folder}/events.db?namespace=other"]
        self.assertEqual(reasons(self.filter(EVENTS[0], args=other).verdicts), ["ok"])

    def test_a_second_copy_in_one_batch_is_a_duplicate(self) -> None:
        for args in (self.sqlite(), ["--dedupe", "memory:"]):
            result = self.filter(EVENTS[0], EVENTS[1], EVENTS[0], EVENTS[1], EVENTS[0], args=args)
            self.assertEqual(reasons(result.verdicts), ["ok", "ok", "duplicate", "duplicate", "duplicate"])
            self.assertEqual(result.code, OK)

    def test_an_event_that_another_process_holds_is_in_progress(self) -> None:
        self.filter(EVENTS[0], args=self.sqlite())
        with sqlite3.connect(self.folder / "events.db") as database:
            database.execute("UPDATE puck_events SET done = 0, expires = expires - 86400000 + 60000")
        database.close()
        self.assertEqual(reasons(self.filter(EVENTS[0], args=self.sqlite()).verdicts), ["in_progress"])

    def test_what_could_not_be_written_is_given_back(self) -> None:
        for events in ([], ["--events"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run(
                    [tool(), "filter", "-", *events, *self.sqlite()],
                    input=b"".join(EVENTS), stdout=full, stderr=subprocess.PIPE, env=environment([SECRET]),
                )
            self.assertEqual(done.returncode, UNDECIDED)
            self.assertEqual(self.rows(), (0, None), "neither done nor in progress")
        result = self.filter(*EVENTS, args=["--events", *self.sqlite()])
        self.assertEqual((result.code, result.stdout.count(b"\n")), (OK, len(EVENTS)))
        self.assertEqual(self.rows(), (len(EVENTS), len(EVENTS)))

    def judged_while(self, meanwhile: Callable[[], None]) -> tuple[int, list[str], str]:
        """Judges the first event, and the second one after `meanwhile`."""
        with subprocess.Popen(
            [tool(), "filter", "-", *map(str, self.sqlite("&timeout=0.05"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment([SECRET]), bufsize=0,
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            process.stdin.write(EVENTS[0])
            first = process.stdout.readline()
            meanwhile()
            rest, words = process.communicate(EVENTS[1])
            return process.returncode, [v["detail"] for v in read_verdicts(first + rest)], words.decode()

    def test_a_store_that_does_not_answer_gives_a_verdict_for_each_line(self) -> None:
        self.filter(args=self.sqlite())
        other = sqlite3.connect(self.folder / "events.db", isolation_level=None)
        # The first verdict is flushed before its commit, so the lock has to wait for it.
        wait = "SELECT sum(done) FROM puck_events"

        def lock() -> None:
            while other.execute(wait).fetchone()[0] != 1:
                pass
            other.execute("BEGIN IMMEDIATE")

        code, details, words = self.judged_while(lock)
        other.close()
        self.assertEqual(details[1:], ["The SQLite file stayed locked by others until the timeout."])
        self.assertEqual((code, words), (UNDECIDED, ""))

    def test_a_commit_that_fails_is_reported_at_the_end(self) -> None:
        self.filter(args=self.sqlite())
        with sqlite3.connect(self.folder / "events.db") as database:
            database.execute("""CREATE TRIGGER other_worker AFTER INSERT ON puck_events WHEN NEW.done = 0 AND
                NEW.event_id = x'018f2e3a1c477a12b321000000000000' BEGIN UPDATE puck_events SET token = 7; END""")
        database.close()
        result = self.filter(EVENTS[0], EVENTS[1], args=self.sqlite())
        self.assertEqual(reasons(result.verdicts), ["ok", "ok"])
        self.assertEqual(result.code, UNDECIDED)
        self.assertEqual(result.words.count("they may be written again"), 1, result.words)

    def test_a_store_that_goes_away_is_asked_once_for_a_batch(self) -> None:
        self.filter(args=self.sqlite())
        with sqlite3.connect(self.folder / "events.db") as database:
            database.execute("""CREATE TRIGGER broken BEFORE UPDATE ON puck_events WHEN NEW.done = 1 AND
                NEW.event_id = x'018f2e3a1c477a12b321000000000001' BEGIN SELECT RAISE(ABORT, ''); END""")
        database.close()
        result = self.filter(*EVENTS[:4], args=self.sqlite())
        self.assertEqual((result.code, reasons(result.verdicts)), (UNDECIDED, ["ok"] * 4))
        self.assertEqual(self.rows(), (4, 1), "the first one is done")

    def test_out_of_memory_marks_nothing_as_done_that_is_not_written(self) -> None:
        big = line(envelope(event_id=event_id(1), data={"text": "x" * 900_000}))
        for limit in range(24, 72):
            (self.folder / "events.db").unlink(missing_ok=True)
            done = subprocess.run(
                [tool(), "filter", "-", "--events", *map(str, self.sqlite())], input=big, capture_output=True,
                env=environment([SECRET]), preexec_fn=partial(limit_memory, limit << 19),
            )
            if (self.folder / "events.db").exists():
                with suppress(sqlite3.OperationalError):  # the table was not made
                    self.assertEqual(self.rows()[1] or 0, done.stdout.count(b"\n"), limit)

    def test_a_store_that_is_not_there(self) -> None:
        result = self.filter(EVENTS[0], args=["--dedupe", "sqlite:/no/such/folder/events.db?namespace=n"])
        self.assertEqual((result.code, result.stdout), (UNDECIDED, b""))
        self.assertIn("--dedupe: The SQLite file cannot be opened", result.words)

    def test_a_text_that_is_refused(self) -> None:
        for text, word in (
            ("", "empty"),
            ("None", "is not one of"),
            ("none ", "space"),
            ("sqlite:events.db", "namespace"),
            ("memory:?capacity=0", "capacity"),
            ("rediss://h?namespace=n", "TLS"),
            ("redis://h?namespace=n&password_env=PUCK_NOT_SET", "password_env"),
        ):
            with self.subTest(text):
                self.check_usage_error(self.filter(EVENTS[0], args=["--dedupe", text]), "--dedupe", word)

    def test_a_password_is_not_taken_from_the_argument_list(self) -> None:
        for text in ("redis://:hunter2@h?namespace=n", "unix://u:hunter2@/s?namespace=n", "redis://:hunter2@h"):
            with self.subTest(text):
                result = self.filter(EVENTS[0], args=["--dedupe", text])
                self.check_usage_error(result, "--dedupe")
                self.assertNotIn("hunter2", result.words)
        self.assertIn("--dedupe-file", self.filter(args=["--dedupe", "redis://:hunter2@h?namespace=n"]).words)

    def test_the_text_in_a_file(self) -> None:
        for end in ("", "\n", "\r\n"):
            text = f"sqlite:{self.folder}/events.db?namespace=n{end}"
            path = self.secret_file("store", text.encode())
            result = self.filter(EVENTS[0], args=["--dedupe-file", path])
            self.assertEqual((result.code, result.words), (OK, ""))
        self.assertEqual(self.rows(), (1, 1))
        none = self.filter(EVENTS[0], EVENTS[0], args=["--dedupe-file", self.secret_file("no-store", b"none\n")])
        self.assertEqual(reasons(none.verdicts), ["ok", "ok"])
        path = self.secret_file("store", b"redis://:hunter2@127.0.0.1:1?namespace=n\n")
        result = self.filter(EVENTS[0], args=["--dedupe-file", path])
        self.assertEqual(result.code, UNDECIDED)
        self.assertEqual(result.words, "puck-webhooks: --dedupe-file: Redis cannot be reached.\n")
        path.chmod(0o644)
        self.assertIn("chmod 600", self.filter(args=["--dedupe-file", path]).words)
        for bad, word in ((self.folder / "none", "cannot open"), ("-", "standard input"), ("", "--dedupe-file")):
            self.check_usage_error(self.filter(EVENTS[0], args=["--dedupe-file", bad]), word)
        self.check_usage_error(self.filter(EVENTS[0], args=["--dedupe-file", self.secret_file("e", b"\n")]), "empty")

    def test_the_ttl_is_at_least_twice_the_tolerance(self) -> None:
        self.check_usage_error(
            self.filter(EVENTS[0], args=["--tolerance", "3600", *self.sqlite("&ttl=7199")]), "--dedupe", "tolerance"
        )
        for ttl, tolerance, remembered in (("&ttl=7200", 3600, 7200), ("", 3600, 86400), ("", 86400, 172800)):
            with self.subTest(ttl, tolerance=tolerance):
                (self.folder / "events.db").unlink(missing_ok=True)
                self.filter(EVENTS[0], args=["--tolerance", str(tolerance), *self.sqlite(ttl)])
                (left,) = self.rows("SELECT expires / 1000 - CAST(strftime('%s', 'now') AS INTEGER) FROM puck_events")
                assert isinstance(left, int)
                self.assertTrue(remembered - 60 <= left <= remembered, left)


if __name__ == "__main__":
    main()
