"""What the SQLite stores answer when something breaks, and what Puck's next attempt gets."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from faces import Answer, Cpp, Face, claimed, event
from puck_webhooks import StoreError
from puck_webhooks.stores.sqlite import SqliteDedupe

TIMEOUT = 0.3  # seconds for a try; there are two
BOUND = 2 * TIMEOUT + 2
NOBODY = 65534  # a user who may do nothing; root may write what is read-only

Open = Callable[..., Face]


@pytest.fixture(params=["C++", "Python"])
def open_store(request: pytest.FixtureRequest) -> Iterator[Open]:
    with ExitStack() as stack:

        def opened(path: Path) -> Face:
            if request.param == "C++":
                return Cpp(f"sqlite:{path}?namespace=faults&ttl=600&timeout={TIMEOUT}", stack)
            return Face(SqliteDedupe(path, "faults", ttl=600, timeout=TIMEOUT))

        yield opened


def is_unavailable(answer: Answer, word: str) -> None:
    assert answer.reason == "store_unavailable", answer
    assert word in answer.sentence, answer
    assert answer.seconds < BOUND, answer


def test_busy_beyond_the_timeout(open_store: Open, tmp_path: Path) -> None:
    face, id_ = open_store(tmp_path / "store.db"), event()
    held = claimed(face)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = face.claim(id_)
        is_unavailable(answer, "locked")
        assert answer.seconds > TIMEOUT * 0.9
        assert face.commit(held).reason == "store_unavailable"
        other.execute("COMMIT")
    assert face.claim(id_).reason == "ok"
    assert face.commit(held).reason == "ok"


def test_not_a_database(open_store: Open, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("This is no database, and long enough to be looked at. " * 100)
    before = path.read_bytes()
    is_unavailable(open_store(path).claim(event()), "not a SQLite database")
    assert path.read_bytes() == before


def test_a_folder_that_does_not_exist(open_store: Open, tmp_path: Path) -> None:
    is_unavailable(open_store(tmp_path / "no" / "store.db").claim(event()), "cannot be opened")


def test_a_table_of_another_shape(open_store: Open, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as other:
        other.execute("CREATE TABLE puck_events (id TEXT PRIMARY KEY)")
    is_unavailable(open_store(tmp_path / "store.db").claim(event()), "table puck_events")


def test_a_symbolic_link(open_store: Open, tmp_path: Path) -> None:
    (tmp_path / "store.db").symlink_to(tmp_path / "elsewhere.db")
    is_unavailable(open_store(tmp_path / "store.db").claim(event()), "symbolic link")
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_file_that_others_may_write(open_store: Open, tmp_path: Path) -> None:
    """Who can write it can mark events as done."""
    path = tmp_path / "store.db"
    claimed(open_store(path))
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)
    face = open_store(path)
    if isinstance(face, Cpp):
        is_unavailable(face.claim(event()), "may write")
    else:
        with pytest.raises((ValueError, StoreError), match="may write"):
            face.check()


def test_deleted_while_open(open_store: Open, tmp_path: Path) -> None:
    """Two connections to two files would share the memory of one, so nobody goes on."""
    path, id_ = tmp_path / "store.db", event()
    old = open_store(path)
    assert old.commit(claimed(old, id_)).reason == "ok"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    new = open_store(path)
    assert new.claim(id_).reason == "ok"
    is_unavailable(old.claim(id_), "removed or replaced")


def test_the_clock_is_set_back(open_store: Open, tmp_path: Path) -> None:
    """A lease that ends later than any lease can counts as over. What is done stays so."""
    face, held, done = open_store(tmp_path / "store.db"), event(), event()
    claimed(face, held)
    assert face.commit(claimed(face, done)).reason == "ok"
    with closing(sqlite3.connect(tmp_path / "store.db")) as other, other:
        other.execute("UPDATE puck_events SET expires = expires + 7200000")
    assert face.claim(held).reason == "ok"
    assert face.claim(done).reason == "duplicate"


def test_killed(open_store: Open, tmp_path: Path) -> None:
    """SIGKILL loses nothing that was answered."""
    path, done = tmp_path / "store.db", [event() for _ in range(20)]
    face = open_store(path)
    if isinstance(face, Cpp):
        for id_ in done:
            assert face.commit(claimed(face, id_)).reason == "ok"
        face._driver.kill()
        face._driver.wait()
    else:
        in_child(lambda: [face.commit(claimed(face, id_)) for id_ in done] and os.kill(os.getpid(), signal.SIGKILL))
    new = open_store(path)
    assert {new.claim(id_).reason for id_ in done} == {"duplicate"}


# --- Limits of the operating system, which hold for a whole process ---------------------------------------------------


def in_child(what: Callable[[], Any]) -> int:
    child = multiprocessing.get_context("fork").Process(target=what)
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def test_no_room_left(open_store: Open, tmp_path: Path) -> None:
    """Claims are refused, and so may be commits; when there is room again, all goes on."""
    path, id_ = tmp_path / "store.db", event()

    def child() -> None:
        face = open_store(path)
        claimed(face)
        pid = face._driver.pid if isinstance(face, Cpp) else os.getpid()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
        for _ in range(200):
            answer = face.claim(event())
            if answer.reason != "ok":
                break
        is_unavailable(answer, "could not be read or written")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        held = claimed(face, id_)
        assert face.commit(held).reason == "ok"
        assert face.claim(id_).reason == "duplicate"

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it; the driver inherits it
    assert in_child(child) == 0
    assert open_store(path).claim(id_).reason == "duplicate"


def test_the_database_may_not_grow(tmp_path: Path) -> None:
    """SQLITE_FULL, as of a full disk: running handlers still commit, since their rows are there."""
    face = Face(SqliteDedupe(tmp_path / "store.db", "faults", ttl=600, timeout=TIMEOUT))
    claims = [claimed(face)]
    face.store._database.execute("PRAGMA max_page_count = 8")
    while (answer := face.claim(event())).reason == "ok":
        claims.append(answer.claim)
    is_unavailable(answer, "disk of the SQLite file is full")


def test_read_only(open_store: Open) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "store.db"
        claimed(open_store(path))
        for each in (path, folder):
            each.chmod(0o555 if each is folder else 0o444)

        def child() -> None:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            answer = open_store(path).claim(event())
            assert answer.reason == "store_unavailable", answer
            assert "read-only" in answer.sentence or "cannot be opened" in answer.sentence, answer
            assert answer.seconds < BOUND

        assert in_child(child) == 0
        folder.chmod(0o700)
        path.chmod(0o600)
        assert open_store(path).claim(event()).reason == "ok"
