"""The short stress run on each engine, and the judge on stores that are wrong on purpose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import stress
import wrong_stores
from stress import LEASE, SECOND, Attempt, Step, judge

HERE = Path(__file__).resolve().parent
CROWDED = ("--ids", "40", "--slow", "0.5")  # everybody waits for the same few events
ROOMY = ("--ids", "400", "--slow", "0.3")  # hardly anybody comes when a lease is over


def run(engine: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, HERE / "stress.py", "--engine", engine, "--rounds", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("engine", ["sqlite --cpp", "redis --cpp", "postgres"])
def test_workers_and_servers_are_killed(engine: str) -> None:
    done = run(*engine.split(), "--seconds", "4", "--ids", "500")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 complaints" in done.stdout


def test_a_right_store_has_no_complaints() -> None:
    done = run("Right", "--seconds", "2", *CROWDED)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("store", wrong_stores.WRONG, ids=lambda store: store.__name__)
def test_a_wrong_store_is_found_out(store: type) -> None:
    """The mistake shows when two come at the wrong moment, which a round may not have."""
    options = ROOMY if store is wrong_stores.CommitNeedsLease else CROWDED
    for seed in ("1", "2", "3"):
        done = run(store.__name__, "--seconds", "2", "--patience", "2", "--seed", seed, *options)
        if f"  {wrong_stores.WRONG[store]}: " in done.stdout:
            assert done.returncode == 1
            return
    pytest.fail(done.stdout + done.stderr)


# --- The judge, on logs written by hand. Times are in seconds. --------------------------------------------------------


def attempt(claim: tuple[float, float, str], **steps: tuple[float, float, str]) -> Attempt:
    return Attempt("event", {
        name: Step(int(asked * SECOND), int(answered * SECOND) if answer != "?" else stress.NEVER, answer)
        for name, (asked, answered, answer) in {"claim": claim, **steps}.items()
    })


def complaints(*attempts: Attempt) -> set[str]:
    return {each.split(":")[0] for each in judge(attempts, ["event"])} - {"not done at the end"}


def test_two_that_ask_at_once_and_both_win_are_two_holders() -> None:
    assert complaints(attempt((1, 1.3, "ok")), attempt((1.1, 1.2, "ok"))) == {"two holders"}


def test_the_next_one_may_hold_it_after_the_lease() -> None:
    assert complaints(attempt((1, 1.1, "ok")), attempt((1.2, 1.8, "ok"))) == {"two holders"}
    assert complaints(attempt((1, 1.1, "ok")), attempt((1.2, 1 + LEASE, "ok"))) == set()


def test_the_next_one_may_hold_it_once_a_release_is_asked() -> None:
    assert complaints(attempt((1, 1.1, "ok"), release=(1.2, 1.5, "?")), attempt((1.25, 1.3, "ok"))) == set()
    assert complaints(attempt((1, 1.1, "ok"), release=(1.4, 1.5, "?")), attempt((1.25, 1.3, "ok"))) == {"two holders"}


def test_nothing_is_granted_after_a_commit_that_said_ok() -> None:
    done = attempt((1, 1.1, "ok"), commit=(1.2, 1.3, "ok"))
    assert complaints(done, attempt((9, 9.1, "ok"))) == {"granted after it was done"}
    assert complaints(done, attempt((1.25, 1.26, "ok"))) == set()  # another complaint is not certain: it had begun
    assert complaints(done, attempt((9, 9.1, "duplicate"))) == set()


def test_a_commit_without_an_answer_may_have_happened_or_not() -> None:
    asked = attempt((1, 1.1, "ok"), commit=(1.2, 0, "?"))
    assert complaints(asked, attempt((1.5, 1.6, "duplicate"))) == set()
    assert complaints(asked, attempt((1.5, 1.6, "ok"))) == set()


def test_a_duplicate_needs_somebody_who_committed() -> None:
    assert complaints(attempt((1, 1.1, "ok")), attempt((9, 9.1, "duplicate"))) == {"duplicate of nothing"}


def test_in_progress_needs_somebody_who_holds_it() -> None:
    assert complaints(attempt((1, 1.1, "ok")), attempt((1.5, 1.6, "in_progress"))) == set()
    assert complaints(attempt((1, 1.1, "ok")), attempt((9, 9.1, "in_progress"))) == {"held by nobody"}
    assert complaints(attempt((1, 1.1, "?")), attempt((3, 3.1, "in_progress"))) == set()


def test_claim_lost_needs_somebody_who_took_it() -> None:
    lost = attempt((1, 1.1, "ok"), commit=(5, 5.1, "claim_lost"))
    assert complaints(lost) == {"lost to nobody"}
    assert complaints(lost, attempt((0.5, 0.6, "ok"), release=(0.7, 0.8, "ok"))) == {"lost to nobody"}
    assert complaints(lost, attempt((3, 3.1, "ok"))) == set()


def test_a_commit_must_not_pass_over_another_holder() -> None:
    late = attempt((1, 1.1, "ok"), commit=(3.2, 3.3, "ok"))
    assert complaints(late, attempt((3, 3.1, "ok"))) == {"commit over another's"}
    assert complaints(late, attempt((2.1, 2.2, "ok"), commit=(2.3, 2.4, "ok"))) == {"commit over another's"}


def test_an_event_that_nobody_has_committed_is_lost() -> None:
    assert judge([attempt((1, 1.1, "ok"))], ["event"]) == ["not done at the end: event"]
