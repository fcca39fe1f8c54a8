#!/usr/bin/env python3
"""Workers that are killed all the time, on one shared store, and a judge that reads afterwards what they have seen.

    stress.py [--engine sqlite|redis|valkey|postgres] [--processes 12] [--ids 1000] [--rounds 5] [--seconds 10] [--cpp]

In each round, workers claim random ids, hold them for a moment, now and then for longer than the lease of one second,
and commit or release. About every 0.1 s one of them is killed with SIGKILL, and another one starts. In the middle of
the round the server is killed with SIGKILL and started again. After so many seconds nobody is killed any more, and the
round ends when one worker has seen every id done. With --cpp every second worker has the store of C++, by the program
that PUCK_STORE_DRIVER names; it is killed together with its worker.

Each worker logs what it asks before it asks, and what was answered. The clock is monotonic and the same for all
processes. The judge only says what is certain: a step took effect at some moment between the question and the answer.
A question without an answer, and the answer store_unavailable, leave open whether it took effect.

Redis runs with `appendfsync always`. With `everysec` it answers before it writes while a sync is under way, for up to
two seconds: then even SIGKILL loses what it has said. On a busy disk that was seen: 444 answers in one of eight kills.

The long run, once for each engine: stress.py --engine ... --cpp --rounds 10 --seconds 15. Exit: 0 all is right, 1 a
complaint of the judge.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import servers
import wrong_stores
from faces import Answer, Cpp
from puck_webhooks import StoreError, WebhookError

LEASE = 1  # seconds
SECOND = 1_000_000_000
CLOCKS_DIFFER = SECOND // 100  # the store counts whole milliseconds, on another clock than the workers
STEP_LASTS = 5 * SECOND  # at most, when its answer was not seen
PATIENCE = 30  # seconds for the end of a round, and for a store to open
NEVER = 1 << 62

Open = Callable[[], Any]


# --- The stores -------------------------------------------------------------------------------------------------------


@dataclass
class Engine:
    """`open` is called in each worker, and `crash` kills the server and starts it again. `text`: the store for C++."""

    open: Open
    crash: Callable[[], None] = lambda: None
    text: str = ""


@contextmanager
def sqlite(folder: Path) -> Iterator[Engine]:
    from puck_webhooks.stores.sqlite import SqliteDedupe

    path = folder / "stress.db"
    text = f"sqlite:{path}?namespace=stress&ttl=600&lease={LEASE}"
    yield Engine(lambda: SqliteDedupe(path, "stress", ttl=600, lease=LEASE), text=text)


@contextmanager
def redis(folder: Path, start: Callable[..., Any] = servers.redis) -> Iterator[Engine]:
    from puck_webhooks.stores.redis import RedisDedupe
    from redis import Redis

    with start("--appendfsync", "always") as server:

        def crash() -> None:
            server.kill()
            server.start()

        text = f"redis://127.0.0.1:{server.port}/0?namespace=stress&ttl=600&lease={LEASE}"
        yield Engine(lambda: RedisDedupe(Redis(port=server.port), "stress", ttl=600, lease=LEASE), crash, text)


@contextmanager
def valkey(folder: Path) -> Iterator[Engine]:
    with redis(folder, servers.valkey) as engine:
        yield engine


@contextmanager
def postgres(folder: Path) -> Iterator[Engine]:
    import psycopg
    from psycopg_pool import ConnectionPool
    from puck_webhooks.stores.postgres import PostgresDedupe, create_table

    with servers.postgres() as server:
        text = f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres"

        def crash() -> None:
            kill_postgres(server)
            server.start()

        def opened() -> Any:
            pool = ConnectionPool(text, min_size=1, max_size=1, open=True)
            return PostgresDedupe(pool, "stress", ttl=600, lease=LEASE)

        with psycopg.connect(text) as connection:
            create_table(connection)
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # it says of each connection that the server is away
        yield Engine(opened, crash)


def kill_postgres(server: servers.Server) -> None:
    """Kills the server and all of its processes at once: those that are left over would hold up the next start."""
    os.kill(server.pid, signal.SIGSTOP)  # it starts no more of them
    for child in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    server.kill()


class CppStore:
    """The store of C++, as a store of Python."""

    def __init__(self, text: str) -> None:
        self._face = Cpp(text, ExitStack())
        if not self._face.lives():
            raise StoreError("store_unavailable", "The store of C++ has not started.")

    def claim(self, event: str) -> Any:
        return self._result(self._face.claim(event))

    def commit(self, claim: Any) -> None:
        self._result(self._face.commit(claim))

    def release(self, claim: Any) -> None:
        self._result(self._face.release(claim))

    def _result(self, answer: Answer) -> Any:
        if answer.reason != "ok":
            raise WebhookError(answer.reason)
        return answer.claim


def engine(name: str, folder: Path) -> Any:
    if name in wrong_stores.ALL:
        return scratch(name, folder)
    return {"sqlite": sqlite, "redis": redis, "valkey": valkey, "postgres": postgres}[name](folder)


@contextmanager
def scratch(name: str, folder: Path) -> Iterator[Engine]:
    yield Engine(lambda: wrong_stores.ALL[name](folder / "scratch.db", LEASE))


# --- The workers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What the workers of a round do. `hold`: seconds that a handler lasts at most, unless it is a slow one."""

    events: list[str]
    hold: float
    slow: float  # the share of handlers that last longer than the lease


class Log:
    """One line for each question and each answer: time, worker and number of the claim, event, step, answer or ?"""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, attempt: str, event: str, step: str, answer: str) -> None:
        os.write(self._file, f"{time.monotonic_ns()} {attempt} {event} {step} {answer}\n".encode())


def work(open_store: Open, plan: Plan, worker: int, path: Path) -> None:
    """Handles random events until every one was seen done."""
    os.setsid()  # what it starts is killed with it
    dice, log = random.Random(worker), Log(path)
    store = retried(open_store)
    open_events, number = list(plan.events), 0

    while open_events:
        again = dice.random() < 0.1  # also those that are done
        event = dice.choice(plan.events if again else open_events)
        attempt, number = f"{worker}:{number}", number + 1

        def ask(step: str, argument: Any, attempt: str = attempt, event: str = event) -> tuple[str, Any]:
            log.write(attempt, event, step, "?")
            answer, result = answer_of(lambda: getattr(store, step)(argument))
            log.write(attempt, event, step, answer)
            return answer, result

        answer, claim = ask("claim", event)
        if answer == "ok":
            slow = dice.random() < plan.slow
            time.sleep(dice.uniform(LEASE, 1.6 * LEASE) if slow else dice.uniform(0, plan.hold))
            if dice.random() < (0.4 if slow else 0.1):
                ask("release", claim)
                continue
            answer, _ = ask("commit", claim)
            if answer == "store_unavailable":
                ask("release", claim)
        elif answer != "duplicate":
            time.sleep(0.005)
            continue
        if answer in ("ok", "duplicate") and event in open_events:
            open_events.remove(event)


def retried(open_store: Open) -> Any:
    """Opening a store may fail while its server is away."""
    began = time.monotonic()
    while True:
        try:
            return open_store()
        except WebhookError:
            if time.monotonic() - began > PATIENCE:
                raise
            time.sleep(0.05)


def answer_of(step: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "ok", step()
    except WebhookError as error:
        return error.reason, None
    except Exception as error:
        return f"raised_{type(error).__name__}", None


def run_round(engine: Engine, plan: Plan, options: argparse.Namespace, folder: Path, dice: random.Random) -> int:
    """Returns how many workers were killed."""
    processes, seconds = options.processes, options.seconds
    fork = multiprocessing.get_context("fork")
    workers: list[Any] = []
    started = 0

    def start() -> None:
        nonlocal started
        started += 1
        is_cpp = options.cpp and started % 2 == 0
        open_store = (lambda: CppStore(engine.text)) if is_cpp else engine.open
        arguments = (open_store, plan, dice.getrandbits(48), folder / f"{started}.log")
        workers.append(fork.Process(target=work, args=arguments))
        workers[-1].start()

    try:
        for _ in range(processes):
            start()
        began, crashes = time.monotonic(), [seconds / 2]
        while time.monotonic() - began < seconds:
            time.sleep(dice.uniform(0.05, 0.15))
            victim = workers.pop(dice.randrange(len(workers)))
            kill(victim)
            start()
            if crashes and time.monotonic() - began > crashes[0]:
                crashes.pop()
                engine.crash()
        killed = started - processes
        ends = time.monotonic() + options.patience
        while all(each.exitcode != 0 for each in workers) and time.monotonic() < ends:
            time.sleep(0.05)
    finally:
        for each in workers:
            kill(each)
    return killed


def kill(worker: Any) -> None:
    """Kills a worker, and the process that it has started."""
    with suppress(ProcessLookupError):  # it has ended, or has no group of its own yet
        os.killpg(worker.pid, signal.SIGKILL)
    worker.kill()
    worker.join()


# --- The judge --------------------------------------------------------------------------------------------------------


@dataclass
class Step:
    asked: int
    answered: int = NEVER
    answer: str = "?"


@dataclass
class Attempt:
    """A claim, and what was done with it. All times are nanoseconds."""

    event: str
    steps: dict[str, Step] = field(default_factory=dict)

    @property
    def claim(self) -> Step:
        return self.steps["claim"]

    @property
    def granted(self) -> bool:
        return self.claim.answer == "ok"

    @property
    def may_be_granted(self) -> bool:
        return self.claim.answer in ("ok", "store_unavailable", "?")

    @property
    def held_until(self) -> int:
        """The earliest moment at which another worker may get the event."""
        settled = min((step.asked for name, step in self.steps.items() if name != "claim"), default=NEVER)
        return min(self.claim.asked + LEASE * SECOND - CLOCKS_DIFFER, settled)

    @property
    def may_hold_until(self) -> int:
        """The latest moment at which the event may still be in progress because of this claim."""
        settled = min((step.answered for step in self.steps.values() if step is not self.claim and step.answer == "ok"),
                      default=NEVER)
        return min(min(self.claim.answered, self.claim.asked + STEP_LASTS) + LEASE * SECOND + CLOCKS_DIFFER, settled)

    def said(self, step: str, answer: str) -> bool:
        return step in self.steps and self.steps[step].answer == answer


def read_logs(paths: Iterable[Path]) -> list[Attempt]:
    attempts: dict[str, Attempt] = {}
    for path in paths:
        for line in path.read_text().splitlines():
            moment, name, event, step, answer = line.split(" ")
            steps = attempts.setdefault(name, Attempt(event)).steps
            if answer == "?":
                steps[step] = Step(int(moment))
            else:
                steps[step].answered, steps[step].answer = int(moment), answer
    return list(attempts.values())


def judge(attempts: Iterable[Attempt], events: Iterable[str]) -> list[str]:
    """The complaints. Each begins with what is wrong, and a colon."""
    by_event: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_event[attempt.event].append(attempt)
    return [f"{what}: {event}" for event in events for what in judge_event(by_event[event])]


def judge_event(attempts: list[Attempt]) -> Iterator[str]:
    granted = [each for each in attempts if each.granted]
    known_done = min(
        [each.claim.answered for each in attempts if each.claim.answer == "duplicate"]
        + [each.steps["commit"].answered for each in attempts if each.said("commit", "ok")],
        default=NEVER,
    )
    if known_done == NEVER:
        yield "not done at the end"
    if any(one.claim.answered < other.held_until and other.claim.answered < one.held_until
           for one, other in combinations(granted, 2)):
        yield "two holders"
    if any(each.claim.asked > known_done for each in granted):
        yield "granted after it was done"
    for each in attempts:
        others = [other for other in attempts if other is not each]
        yield from judge_claim(each.claim, others)
        yield from judge_commit(each, others)
        yield from judge_release(each, others)
        yield from (step.answer for step in each.steps.values() if step.answer.startswith("raised_"))


def judge_claim(claim: Step, others: list[Attempt]) -> Iterator[str]:
    if claim.answer == "duplicate" and not any(
        other.steps["commit"].asked < claim.answered for other in others if "commit" in other.steps
    ):
        yield "duplicate of nothing"
    if claim.answer == "in_progress" and not any(
        other.may_be_granted and other.claim.asked < claim.answered and other.may_hold_until > claim.asked
        for other in others
    ):
        yield "held by nobody"


def judge_commit(attempt: Attempt, others: list[Attempt]) -> Iterator[str]:
    commit = attempt.steps.get("commit")
    if commit is None:
        return
    if commit.answer == "claim_lost" and not taken_after(attempt, commit, others):
        yield "lost to nobody"
    for other in others:
        later = other.granted and attempt.claim.answered < other.claim.asked and other.claim.answered < commit.asked
        if commit.answer == "ok" and later and (
            commit.answered < other.held_until
            or (other.said("commit", "ok") and other.steps["commit"].answered < commit.asked)
        ):
            yield "commit over another's"


def judge_release(attempt: Attempt, others: list[Attempt]) -> Iterator[str]:
    release = attempt.steps.get("release")
    if release is None:
        return
    if release.answer == "claim_lost" and "commit" not in attempt.steps and not taken_after(attempt, release, others):
        yield "lost to nobody"


def taken_after(attempt: Attempt, step: Step, others: list[Attempt]) -> bool:
    """Whether somebody else may have been granted the event between this claim and this step."""
    return any(
        other.may_be_granted and attempt.claim.asked < other.claim.answered and other.claim.asked < step.answered
        for other in others
    )


# --- The command ------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description="See the first lines of this file.")
    parser.add_argument("--engine", default="sqlite")
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--ids", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="for how long workers are killed, in each round")
    parser.add_argument("--cpp", action="store_true", help="every second worker has the store of C++")
    parser.add_argument("--slow", type=float, default=0.02, help="share of handlers that last longer than the lease")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds for the end of a round after that")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    dice, complaints = random.Random(options.seed), 0
    hold = 1.2 * options.seconds * options.processes / options.ids
    with tempfile.TemporaryDirectory(prefix="puck-") as name, engine(options.engine, Path(name)) as store:
        for round_ in range(options.rounds):
            folder = Path(name) / f"round-{round_}"
            folder.mkdir()
            plan = Plan([str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(options.ids)],
                        min(hold, LEASE / 2), options.slow)
            killed = run_round(store, plan, options, folder, dice)
            attempts = read_logs(sorted(folder.glob("*.log")))
            found = judge(attempts, plan.events)
            report(round_, killed, attempts, found)
            complaints += len(found)
    return 1 if complaints else 0


def report(round_: int, killed: int, attempts: list[Attempt], complaints: list[str]) -> None:
    answers = Counter(f"{name} {step.answer}" for each in attempts for name, step in each.steps.items())
    print(f"Round {round_ + 1}: {killed} workers killed, {len(complaints)} complaints")
    print("  " + ", ".join(f"{name}: {count}" for name, count in sorted(answers.items())))
    for what, count in Counter(complaint.split(":")[0] for complaint in complaints).items():
        print(f"  {what}: {count} times")
    for complaint in complaints[:5]:
        print(f"  {complaint}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
