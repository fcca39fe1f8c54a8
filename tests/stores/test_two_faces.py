"""Random steps by all faces on the same keys of one engine. The answers are those of a small model of the contract."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import servers
from faces import CLIENTS, Cpp, Face, redis_face
from puck_webhooks.stores.sqlite import SqliteDedupe

CHAPTERS = 50  # each has events of its own, since an event that is done stays so
STEPS = 100  # of a chapter
EVENTS = 6
WAITS = 10  # one chapter of so many waits for the end of the short leases
LEASES = (1, 60)  # seconds
UNSURE = 0.05  # seconds around the end of a lease in which the answer may be either


# --- The faces --------------------------------------------------------------------------------------------------------

Faces = dict[str, Face]  # the name ends with the lease, in seconds


@contextmanager
def sqlite_faces(folder: Path) -> Iterator[Faces]:
    path = folder / "faces.db"
    with ExitStack() as stack:
        faces: Faces = {}
        for lease in LEASES:
            faces[f"C++ {lease}"] = Cpp(f"sqlite:{path}?namespace=faces&ttl=600&lease={lease}", stack)
            faces[f"Python {lease}"] = Face(SqliteDedupe(path, "faces", ttl=600, lease=lease))
        yield faces


@contextmanager
def redis_faces(folder: Path, start: Any = servers.redis) -> Iterator[Faces]:
    with ExitStack() as stack:
        port = stack.enter_context(start()).port
        faces: Faces = {}
        for lease in LEASES:
            text = f"redis://127.0.0.1:{port}/0?namespace=faces&ttl=600&lease={lease}"
            faces[f"C++ {lease}"] = Cpp(text, stack)
            for kind in CLIENTS:
                settings = {"ttl": 600, "lease": lease}
                faces[f"{kind} {lease}"] = redis_face(kind, stack, "faces", settings, port=port)
        yield faces


@contextmanager
def valkey_faces(folder: Path) -> Iterator[Faces]:
    with redis_faces(folder, servers.valkey) as faces:
        yield faces


# --- The model --------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """Who holds or has settled an event, and when that ends at the earliest and at the latest."""

    holder: int
    done: bool
    ends: tuple[float, float]

    def may_live(self, began: float, ended: float) -> set[bool]:
        """Whether it is not over yet, for a step between these moments. Both, if that is not certain."""
        earliest, latest = self.ends
        if ended < earliest - UNSURE:
            return {True}
        return {False} if began > latest + UNSURE else {True, False}


def answer(row: Row | None, step: str, claim: int, lives: bool) -> str:
    """The contract, section 7. `lives`: whether the row's time is not over."""
    if row is None or (row.holder != claim and not lives):
        return "ok"
    if step == "claim":
        return "duplicate" if row.done else "in_progress"
    if row.holder != claim or (step == "release" and row.done):
        return "claim_lost"
    return "ok"


def after(step: str, claim: int, began: float, ended: float, lease: int) -> Row | None:
    """What a step leaves that was ok."""
    if step == "release":
        return None
    seconds = 600 if step == "commit" else lease
    return Row(claim, step == "commit", (began + seconds, ended + seconds))


# --- The test ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [sqlite_faces, redis_faces, valkey_faces], ids=lambda each: each.__name__)
def test_all_faces_give_the_same_answers(engine: Any, tmp_path: Path) -> None:
    dice, seen = random.Random(13), Counter[tuple[str, str, str]]()
    with engine(tmp_path) as faces:
        for chapter in range(CHAPTERS):
            run_chapter(faces, dice, chapter % WAITS == 0, seen)
    assert sum(seen.values()) == CHAPTERS * STEPS
    wanted = {("claim", "ok"), ("claim", "in_progress"), ("claim", "duplicate"), ("commit", "ok"),
              ("commit", "claim_lost"), ("release", "ok"), ("release", "claim_lost")}
    for face in faces:
        assert {(step, said) for name, step, said in seen if name == face} == wanted


def run_chapter(faces: Faces, dice: random.Random, waits: bool, seen: Counter[tuple[str, str, str]]) -> None:
    events = [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(EVENTS)]
    rows: dict[str, Row | None] = dict.fromkeys(events)
    claims: list[tuple[int, str, str, Any]] = []  # number, event, face, what the face calls it
    steps_so_far: list[str] = []

    for number in range(STEPS):
        if waits and number in (STEPS // 3, 2 * STEPS // 3):
            time.sleep(LEASES[0] + 2 * UNSURE)
        step = dice.choices(("claim", "commit", "release"), (50, 12, 38))[0] if claims else "claim"
        if step == "claim":
            name, event, claim = dice.choice(list(faces)), dice.choice(events), number
            began = time.monotonic()
            answered = faces[name].claim(event)
            handle = answered.claim
        else:
            claim, event, name, handle = dice.choice(claims[-8:])
            began = time.monotonic()
            answered = getattr(faces[name], step)(handle)
        ended, said = time.monotonic(), answered.reason

        row = rows[event]
        expected = {answer(row, step, claim, lives) for lives in (row.may_live(began, ended) if row else {False})}
        steps_so_far.append(f"{number}: {name}: {step} of {claim}, event {events.index(event)}: {said}")
        assert said in expected, "\n".join([*steps_so_far, f"expected: {expected}"])
        seen[name, step, said] += 1
        if said == "ok":
            if not (step == "release" and row is not None and row.holder != claim):
                rows[event] = after(step, claim, began, ended, int(name.split()[-1]))
            if step == "claim":
                claims.append((claim, event, name, handle))
