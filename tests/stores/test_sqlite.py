"""SqliteDedupe, on real files."""

from __future__ import annotations

import ctypes
import os
import re
import select
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import puck_webhooks as puck
import pytest
import steps
from puck_webhooks.stores import SqliteDedupe
from puck_webhooks.stores import sqlite as module
from steps import EVENT, Case, answer, unavailable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def store(path: Path) -> SqliteDedupe:
    return SqliteDedupe(path, "billing")


@pytest.fixture
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path, isolation_level=None)
    yield database
    database.close()


def in_a_child(run: Callable[[], object]) -> int:
    """Forks, calls `run` in the child, and returns the child's exit code: 0 if nothing was raised."""
    child = os.fork()
    if child == 0:
        try:
            run()
        except BaseException as failure:
            os.write(2, repr(failure).encode())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@steps.cases("stores.json")
def test_the_cases_of_all_stores(case: Case, path: Path) -> None:
    store = SqliteDedupe(path, "billing", ttl=case["ttl"], lease=case["lease"])
    store.check()

    def wait(seconds: int) -> None:
        with sqlite3.connect(path) as database:
            database.execute("UPDATE puck_events SET expires = expires - ?", [seconds * 1000])
        database.close()

    steps.run(case, store, wait)


def test_two_namespaces_share_a_file(path: Path) -> None:
    for namespace in ("billing", "alerts"):
        store = SqliteDedupe(path, namespace)
        store.commit(store.claim(EVENT))


def test_the_file_outlives_the_store(path: Path, store: SqliteDedupe) -> None:
    store.commit(store.claim(EVENT))
    assert answer(SqliteDedupe(path, "billing").claim, EVENT) == "duplicate"


def test_a_row_is_what_the_other_faces_expect(store: SqliteDedupe, by_hand: sqlite3.Connection) -> None:
    claim = store.claim(EVENT)
    namespace, event, token, done, expires = by_hand.execute("SELECT * FROM puck_events").fetchone()
    assert (namespace, event.hex(), token, done) == ("billing", EVENT.replace("-", ""), claim.token, 0)
    assert 0 < expires - time.time() * 1000 <= 60_000
    assert by_hand.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_lease_that_ends_hours_from_now_is_over(store: SqliteDedupe, by_hand: sqlite3.Connection) -> None:
    """Somebody has set the clock back."""
    claim = store.claim(EVENT)
    by_hand.execute("UPDATE puck_events SET expires = expires + 3600000")
    assert answer(store.claim, EVENT) == "ok"
    assert answer(store.commit, claim) == "claim_lost"


def test_a_done_event_may_end_days_from_now(store: SqliteDedupe, by_hand: sqlite3.Connection) -> None:
    store.commit(store.claim(EVENT))
    by_hand.execute("UPDATE puck_events SET expires = expires + 86400000")
    assert answer(store.claim, EVENT) == "duplicate"


def test_commits_sweep_what_is_over(store: SqliteDedupe, by_hand: sqlite3.Connection) -> None:
    for _ in range(40):
        store.commit(store.claim(steps.new_event()))
    by_hand.execute("UPDATE puck_events SET expires = 1")
    for _ in range(48):
        store.commit(store.claim(steps.new_event()))
    assert by_hand.execute("SELECT count(*) FROM puck_events WHERE expires = 1").fetchone() == (0,)


# --- The file ---------------------------------------------------------------------------------------------------------


def test_only_the_owner_may_read_the_file(path: Path, store: SqliteDedupe) -> None:
    before = os.umask(0)
    try:
        store.claim(EVENT)
    finally:
        os.umask(before)
    for each in path.parent.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, each


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(path: Path, store: SqliteDedupe, mode: int) -> None:
    path.touch()
    path.chmod(mode)
    assert "chmod go-w" in unavailable(store.claim, EVENT).detail


def test_a_link_is_refused(path: Path, tmp_path: Path, store: SqliteDedupe) -> None:
    path.symlink_to(tmp_path / "elsewhere.db")
    assert "symbolic link" in unavailable(store.claim, EVENT).detail
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_missing_folder(tmp_path: Path) -> None:
    error = unavailable(SqliteDedupe(tmp_path / "no" / "x.db", "billing").check)
    assert "folder" in error.detail and isinstance(error.__cause__, FileNotFoundError)


def test_another_file(path: Path, store: SqliteDedupe) -> None:
    path.write_bytes(b"no database at all, but longer than the header of one would be." * 20)
    path.chmod(0o600)
    error = unavailable(store.claim, EVENT)
    assert error.detail == "The file is not a SQLite database."
    assert isinstance(error.__cause__, sqlite3.DatabaseError)


@pytest.mark.parametrize("table", ["puck_events (id)", "puck_events (namespace, event_id, token, done, expires)"])
def test_another_table(path: Path, store: SqliteDedupe, by_hand: sqlite3.Connection, table: str) -> None:
    by_hand.execute(f"CREATE TABLE {table}")
    path.chmod(0o600)
    assert "puck_events" in unavailable(store.check).detail


def test_a_file_that_is_replaced(path: Path, store: SqliteDedupe) -> None:
    """Two connections to two files would share the memory of one: nobody could say what is done."""
    store.commit(store.claim(EVENT))
    for each in list(path.parent.iterdir()):
        each.unlink()
    for _ in range(2):
        assert unavailable(store.claim, EVENT).detail == (
            "The SQLite file was removed or replaced while it was open: restart the processes that use it."
        )
    SqliteDedupe(path, "billing").claim(EVENT)
    unavailable(store.claim, EVENT)


def test_a_file_of_another_user_is_refused(path: Path, store: SqliteDedupe, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch(0o600)
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, 65534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert unavailable(store.claim, EVENT).detail == (
        "The SQLite file belongs to another user, who may mark events as done."
    )


def test_a_table_that_was_dropped(store: SqliteDedupe, by_hand: sqlite3.Connection) -> None:
    store.check()
    store.commit(store.claim(EVENT))
    by_hand.execute("DROP TABLE puck_events")
    unavailable(store.claim, EVENT)
    assert answer(store.claim, EVENT) == "ok"


def test_a_damaged_file_that_is_mended(path: Path, store: SqliteDedupe, tmp_path: Path) -> None:
    store.commit(store.claim(EVENT))
    store.check()  # which closes the file
    whole = path.read_bytes()
    path.write_bytes(b"X" * len(whole))
    unavailable(store.claim, EVENT)
    path.write_bytes(whole)
    assert answer(store.claim, EVENT) == "duplicate"


def test_check_leaves_nothing(store: SqliteDedupe, by_hand: sqlite3.Connection) -> None:
    store.check()
    assert by_hand.execute("SELECT count(*) FROM puck_events").fetchone() == (0,)


# --- Others who use it ------------------------------------------------------------------------------------------------


def test_a_file_that_is_locked(path: Path, by_hand: sqlite3.Connection) -> None:
    store = SqliteDedupe(path, "billing", timeout=0.2)
    claim = store.claim(EVENT)
    by_hand.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    error = unavailable(store.commit, claim)
    assert time.monotonic() - began < 2
    assert error.detail == "The SQLite file stayed locked by others until the timeout."
    assert isinstance(error.__cause__, sqlite3.OperationalError)
    by_hand.execute("COMMIT")
    assert answer(store.commit, claim) == "ok"


def test_a_file_that_is_locked_for_longer_than_one_try(path: Path) -> None:
    store = SqliteDedupe(path, "billing", timeout=1)
    store.check()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    last = threading.Timer(1.3, other.execute, ["COMMIT"])
    last.start()
    assert answer(store.claim, EVENT) == "ok"
    last.join()
    other.close()


def test_threads_that_wait_for_a_thread_have_a_deadline_too(path: Path, by_hand: sqlite3.Connection) -> None:
    store = SqliteDedupe(path, "billing", timeout=0.2)
    store.check()
    by_hand.execute("BEGIN IMMEDIATE")
    seconds: list[float] = []

    def ask() -> None:
        began = time.monotonic()
        unavailable(store.claim, EVENT)
        seconds.append(time.monotonic() - began)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(seconds) == 12 and max(seconds) < 2


def test_a_sweep_waits_for_nobody(
    store: SqliteDedupe, by_hand: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is done by then, and Puck waits for the answer."""
    claim, commit = store.claim(EVENT), module._commit

    def commit_and_lock(*of: Any) -> int:
        count = commit(*of)
        by_hand.execute("BEGIN IMMEDIATE")
        return count

    monkeypatch.setattr(module, "_commit", commit_and_lock)
    began = time.monotonic()
    store.commit(claim)
    assert time.monotonic() - began < 0.9  # one timeout is 1
    by_hand.execute("ROLLBACK")


def test_an_opening_that_lasts_has_a_deadline(path: Path) -> None:
    store = SqliteDedupe(path, "billing", timeout=0.2)
    is_held, go = threading.Event(), threading.Event()

    def opens() -> None:
        with module._opening:
            is_held.set()
            go.wait(10)

    other = threading.Thread(target=opens)
    other.start()
    is_held.wait()
    began = time.monotonic()
    unavailable(store.claim, EVENT)
    assert time.monotonic() - began < 4
    go.set()
    other.join()


def test_a_delivery_may_be_released_while_the_same_thread_claims(
    store: SqliteDedupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector does that, with a delivery that was dropped."""
    dropped, other, claim = [store.claim(EVENT)], steps.new_event(), module._claim

    def claim_and_drop(*of: Any) -> bool | None:
        done = claim(*of)
        began = time.monotonic()
        while dropped:
            store.release(dropped.pop())
        assert time.monotonic() - began < 1.9  # two timeouts are 2
        return done

    monkeypatch.setattr(module, "_claim", claim_and_drop)
    assert answer(store.claim, other) == "ok"
    monkeypatch.setattr(module, "_claim", claim)
    assert answer(store.claim, EVENT) == "ok"


def test_of_many_threads_one_wins(store: SqliteDedupe) -> None:
    events = [steps.new_event() for _ in range(20)]
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda: said.extend(answer(store.claim, each) for each in events)) for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(said) == ["in_progress"] * 140 + ["ok"] * 20


def test_processes_that_open_a_new_file_at_once(path: Path) -> None:
    go, ready = os.pipe()
    children = []
    for _ in range(12):
        child = os.fork()
        if child == 0:
            os.read(go, 1)
            os._exit({"ok": 0, "in_progress": 1}.get(answer(SqliteDedupe(path, "billing").claim, EVENT), 2))
        children.append(child)
    os.write(ready, b"x" * 12)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    os.close(go), os.close(ready)
    assert sorted(codes) == [0] + [1] * 11


# --- fork -------------------------------------------------------------------------------------------------------------


def test_a_forked_child_asks_too(store: SqliteDedupe) -> None:
    claim = store.claim(EVENT)
    other = steps.new_event()

    def child() -> None:
        assert answer(store.claim, EVENT) == "in_progress"
        store.commit(store.claim(other))

    assert in_a_child(child) == 0
    assert answer(store.claim, other) == "duplicate"
    store.commit(claim)


def test_what_a_child_commits_outlives_its_parents_connection(path: Path, store: SqliteDedupe) -> None:
    """With a file that is open during the fork, the parent would delete the child's log when it closes."""
    store.claim(steps.new_event())
    to_child, to_parent = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        claim = store.claim(EVENT)
        os.write(to_parent[1], b"x")
        select.select([to_child[0]], [], [], 10)  # and no longer, if the parent fails
        os._exit(0 if answer(store.commit, claim) == "ok" else 1)
    os.read(to_parent[0], 1)
    store.check()  # which closes the file
    os.write(to_child[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for each in (*to_child, *to_parent):
        os.close(each)
    assert answer(store.claim, EVENT) == "duplicate"


def test_a_child_can_be_forked_while_a_thread_asks(store: SqliteDedupe) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            store.commit(store.claim(steps.new_event()))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for event in [steps.new_event() for _ in range(20)]:
            assert in_a_child(lambda event=event: store.claim(event)) == 0
    finally:
        stop.set()
        thread.join()


def test_two_threads_fork_at_once(store: SqliteDedupe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the hooks of one, the other must not come: here with a pause, where threads may be switched anyway."""

    class Slow(list[Any]):
        def clear(self) -> None:
            time.sleep(0.1)
            super().clear()

    monkeypatch.setattr(module, "_forking", Slow())
    store.claim(steps.new_event())
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(in_a_child(lambda: None)), daemon=True) for _ in range(2)]
    with store._lock:
        for each in threads:
            each.start()
        time.sleep(0.05)  # both wait for the store
    for each in threads:
        each.join(8)
    assert codes == [0, 0]
    assert answer(store.claim, EVENT) == "ok"


def test_a_fork_that_python_does_not_see_is_refused(store: SqliteDedupe) -> None:
    store.claim(steps.new_event())
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        os._exit(0 if "forked" in unavailable(store.claim, EVENT).detail else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert answer(store.claim, EVENT) == "ok"


# --- Arguments and words ----------------------------------------------------------------------------------------------


def test_repr_shows_the_namespace_only(path: Path) -> None:
    assert repr(SqliteDedupe(path, "billing")) == "SqliteDedupe(namespace='billing')"


@pytest.mark.parametrize("wrong", ["", ":memory:", "a\0b"])
def test_wrong_paths(wrong: str) -> None:
    with pytest.raises(ValueError, match="path of a SQLite file"):
        SqliteDedupe(wrong, "billing")


@pytest.mark.parametrize("wrong", [b"x.db", 7, None])
def test_paths_of_another_type(wrong: object) -> None:
    with pytest.raises(TypeError):
        SqliteDedupe(wrong, "billing")  # type: ignore[arg-type]


def test_an_id_that_is_no_uuid(store: SqliteDedupe) -> None:
    with pytest.raises(ValueError):
        store.claim("no uuid")


def test_a_receiver_takes_it(path: Path) -> None:
    store = SqliteDedupe(path, "billing", ttl=600)
    assert puck.Receiver("whsec_the-secret-of-these-tests", dedupe=store).dedupe is store
    with pytest.raises(ValueError, match="twice the tolerance"):
        puck.Receiver("whsec_the-secret-of-these-tests", dedupe=store, tolerance=301)


def test_the_sentences_are_those_of_cpp() -> None:
    text = re.sub(r'"\s+"', "", (ROOT / "src/stores/sqlite_errors.hpp").read_text())
    theirs = dict(re.findall(r'sqlite_error\{"(\w+)",\s*\{reason::store_unavailable,\s*"([^"]+)"', text))
    for name, sentence in theirs.items():
        if name.isupper():
            assert module._UNAVAILABLE[getattr(sqlite3, f"SQLITE_{name}")] == sentence
    ours = (module._LINK, module._WRITABLE, module._OWNER, module._REPLACED, module._CONTENDED, module._FAILED)
    assert ours == tuple(theirs[name] for name in ("link", "writable", "owner", "replaced", "contended", "other"))
