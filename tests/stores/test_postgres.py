"""The stores on PostgreSQL, with a real server."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import psycopg
import psycopg_pool
import pytest
from puck_webhooks import Duplicate, InProgress, Receiver, StoreError, WebhookError
from puck_webhooks.stores.postgres import PostgresDedupe, PostgresInbox, SqlAlchemyInbox, create_table, table_sql
from puck_webhooks.testing import TEST_SECRET

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import postgres_fixtures as apps  # noqa: E402
import servers  # noqa: E402
from postgres_fixtures import ALIAS, App, Refusal, connect, event_id, running, url  # noqa: E402

OK, DUPLICATE, IN_PROGRESS, UNAVAILABLE = (
    (200, "ok"),
    (200, "duplicate"),
    (503, "in_progress"),
    (503, "store_unavailable"),
)
BOUND = 4.0  # seconds: two tries of one second, and a generous rest
CASES = json.loads((HERE.parent / "vectors/stores.json").read_text())["cases"]


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Server]:
    with servers.postgres("max_connections=60") as running_server:
        apps.make_tables(running_server.port)
        yield running_server


@pytest.fixture
def admin(server: servers.Server) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the test's own, and empty tables."""
    with connect(server.port) as connection:
        connection.execute("TRUNCATE puck_events, effects")
        yield connection


@pytest.fixture(params=apps.APPS)
def app(request: Any, server: servers.Server, admin: Any) -> Iterator[App]:
    with running(request.param, server.port) as running_app:
        yield running_app


@pytest.fixture
def pool(server: servers.Server, admin: Any) -> Iterator[psycopg_pool.ConnectionPool[Any]]:
    with psycopg_pool.ConnectionPool(url(server.port), min_size=1, max_size=20, open=True) as opened:
        yield opened


def effects(admin: psycopg.Connection[Any]) -> int:
    row = admin.execute("SELECT count(*) FROM effects").fetchone()
    assert row is not None
    return int(row[0])


def pass_time(admin: psycopg.Connection[Any], seconds: int) -> None:
    admin.execute("UPDATE puck_events SET expires_at = expires_at - %s * interval '1 s'", [seconds])


def end_connection(admin: psycopg.Connection[Any], victim: psycopg.Connection[Any]) -> None:
    """Ends a connection on the server's side, and waits until its transaction is over."""
    pid = victim.info.backend_pid
    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def answered(step: Callable[[], object]) -> str:
    try:
        step()
    except WebhookError as error:
        return error.reason
    return "ok"


def refused(step: Callable[[], object]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        step()
    assert caught.value.reason == "store_unavailable"
    return caught.value


def in_another_thread(step: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(step).result()


def read_only(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SET default_transaction_read_only = on")
    connection.commit()


# --- leases ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_vectors(case: dict[str, Any], pool: Any, admin: Any) -> None:
    store = PostgresDedupe(pool, "billing", ttl=case["ttl"], lease=case["lease"])
    claims: dict[str, Any] = {}

    def step(do: str, name: str, n: int) -> None:
        if do == "claim":
            claims[name] = store.claim(event_id(n))
        elif do == "commit":
            store.commit(claims[name])
        else:
            store.release(claims[name])

    for number, each in enumerate(case["steps"]):
        if each["do"] == "wait":
            pass_time(admin, each["seconds"])
        else:
            got = answered(lambda each=each: step(each["do"], each["as"], each.get("event", 1)))  # type: ignore[misc]
            assert got == each["expect"], f"step {number}: {each}"


def test_a_lease_is_not_over_because_another_namespace_has_the_event(pool: Any) -> None:
    billing, audit = PostgresDedupe(pool, "billing"), PostgresDedupe(pool, "audit")
    billing.commit(billing.claim(event_id(1)))
    audit.commit(audit.claim(event_id(1)))
    assert answered(lambda: billing.claim(event_id(1))) == "duplicate"


def test_steps_may_be_repeated_with_the_same_claim(pool: Any) -> None:
    store = PostgresDedupe(pool, "billing")
    claim = store.claim(event_id(1))
    assert answered(lambda: store.commit(claim)) == "ok"
    assert answered(lambda: store.commit(claim)) == "ok"
    assert answered(lambda: store.release(claim)) == "claim_lost"
    assert answered(lambda: store.claim(event_id(1))) == "duplicate"


def test_a_claim_whose_answer_was_lost_is_granted_by_the_second_try(
    pool: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import puck_webhooks.stores.postgres as module

    run, ran = module.run, []

    def run_and_lose(connection: Any, *rest: Any) -> Any:
        rows = run(connection, *rest)
        ran.append(rows)
        if len(ran) == 1:
            raise psycopg.OperationalError("the answer was lost")
        return rows

    monkeypatch.setattr(module, "run", run_and_lose)
    store = PostgresDedupe(pool, "billing")
    claim = store.claim(event_id(1))
    assert len(ran) == 2 and all(ran)
    assert admin.execute("SELECT token FROM puck_events").fetchall() == [(claim.token,)]


def test_16_threads_one_winner(pool: Any) -> None:
    store = PostgresDedupe(pool, "billing")
    for n in range(5):
        assert of_16_threads(lambda n=n: store.claim(event_id(n))) == ["in_progress"] * 15 + ["ok"]  # type: ignore[misc]


def of_16_threads(step: Callable[[], object]) -> list[str]:
    at_once = threading.Barrier(16)

    def run(_: int) -> str:
        at_once.wait()
        return answered(step)

    with ThreadPoolExecutor(16) as threads:
        return sorted(threads.map(run, range(16)))


def test_the_sweep_takes_what_is_over_and_uses_the_index(pool: Any, admin: Any) -> None:
    admin.execute(
        "INSERT INTO puck_events SELECT 'old', gen_random_uuid(), 1, true, now() - interval '1 s'"
        " FROM generate_series(1, 20)"
    )
    store = PostgresDedupe(pool, "billing")
    store.commit(store.claim(event_id(1)))
    assert admin.execute("SELECT namespace FROM puck_events").fetchall() == [("billing",)]
    from puck_webhooks.stores._postgres import SWEEP

    admin.execute("SET enable_seqscan = off")
    plan = "\n".join(row[0] for row in admin.execute("EXPLAIN " + SWEEP).fetchall())
    assert "Index Cond: (expires_at <= now())" in plan


def test_a_connection_goes_back_as_it_came(pool: Any) -> None:
    store = PostgresDedupe(pool, "billing")
    store.commit(store.claim(event_id(1)))
    with pool.connection() as connection:
        assert not connection.autocommit


# --- the inbox ------------------------------------------------------------------------------------------------------


def test_six_cases(app: App, server: servers.Server, admin: Any) -> None:
    def writes_and_raises(event: Any) -> None:
        app.write(event)
        raise Refusal

    assert app.post(1, writes_and_raises) == (500, "raised")
    assert effects(admin) == 0
    assert app.post(1, lambda event: app.write(event, -1))[0] in (500, 503), "the CHECK refuses it"
    assert effects(admin) == 0
    assert app.post(1) == OK
    assert effects(admin) == 1
    assert app.post(1) == DUPLICATE
    assert effects(admin) == 1

    def meanwhile(event: Any) -> None:
        app.write(event)
        with running("psycopg", server.port) as other:
            assert other.post(2) == IN_PROGRESS

    assert app.post(2, meanwhile) == OK
    assert app.post(2) == DUPLICATE
    assert effects(admin) == 2


def test_an_unsuccessful_response_rolls_back(server: servers.Server, admin: Any) -> None:
    from django.http import HttpResponse

    for kind in ("django view", "django atomic view"):
        with running(kind, server.port) as app:

            def busy(event: Any, app: App = app) -> HttpResponse:
                app.write(event)
                return HttpResponse(status=503)

            assert app.post(1, busy)[0] == 503
            assert effects(admin) == 0


def test_a_failed_statement_that_the_handler_ignores_is_no_commit(app: App, admin: Any) -> None:
    """The server answers COMMIT with ROLLBACK then, and does not call that an error: the event would be lost."""

    def ignores(event: Any) -> None:
        app.write(event)
        if isinstance(app, apps.SqlAlchemyApp):
            app.inbox.session(event).flush()
        try:
            app.raw(event).execute("SELECT 1 / 0")
        except psycopg.Error:
            pass

    assert app.post(1, ignores)[0] in (500, 503)
    assert effects(admin) == 0
    assert app.post(1) == OK
    assert effects(admin) == 1


def test_a_failed_orm_statement_that_the_handler_ignores_is_no_commit(app: App, admin: Any) -> None:
    def ignores(event: Any) -> None:
        try:
            app.write(event, -1)
        except Exception:
            pass

    assert app.post(1, ignores) == UNAVAILABLE
    assert app.post(1) == OK
    assert effects(admin) == 1


def test_the_handler_may_not_end_the_transaction(server: servers.Server, admin: Any) -> None:
    with running("psycopg", server.port) as app:
        assert app.post(1, lambda event: app.inbox.connection(event).commit()) == (500, "raised")
        assert app.post(1, lambda event: app.inbox.connection(event).execute("ROLLBACK")) == UNAVAILABLE
        assert app.post(1) == OK
    with running("sqlalchemy", server.port) as app:

        def rolls_back(event: Any) -> None:
            app.inbox.session(event).rollback()
            app.write(event)

        assert app.post(2, rolls_back) == UNAVAILABLE
        assert effects(admin) == 1
        assert app.post(2) == OK
    assert effects(admin) == 2


def test_what_the_handler_commits_by_itself_stays(server: servers.Server, admin: Any) -> None:
    """And the sentence does not say that it was rolled back."""
    sentences = []
    with running("psycopg", server.port) as app:
        claim = app.inbox.claim(event_id(1))
        app.inbox.connection(event_id(1)).execute("COMMIT")
        sentences.append(str(refused(lambda: app.inbox.commit(claim))))
    with running("sqlalchemy", server.port) as app:
        claim = app.inbox.claim(event_id(2))
        app.inbox.session(event_id(2)).commit()
        sentences.append(str(refused(lambda: app.inbox.commit(claim))))
    assert all("committed by then stays." in each for each in sentences)
    assert admin.execute("SELECT count(*) FROM puck_events").fetchone() == (2,)


def test_what_sqlalchemy_leaves_to_the_commit_has_the_handler_s_time(server: servers.Server, admin: Any) -> None:
    import sqlalchemy
    import sqlalchemy.event

    with running("sqlalchemy", server.port, timeout=0.2) as app:

        def handle(event: Any) -> None:
            app.write(event)
            session = app.inbox.session(event)
            slow = sqlalchemy.text("SELECT pg_sleep(1)")
            sqlalchemy.event.listen(session, "before_flush", lambda *_: session.connection().execute(slow))

        assert app.post(1, handle) == OK
    assert effects(admin) == 1


def test_savepoints(server: servers.Server, admin: Any) -> None:
    from django.db import IntegrityError, transaction

    with running("django atomic view", server.port) as app:

        def tries(event: Any) -> None:
            with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
                app.write(event, -1)
            app.write(event)

        assert app.post(1, tries) == OK
    with running("psycopg", server.port) as app:

        def tries_too(event: Any) -> None:
            with pytest.raises(psycopg.errors.CheckViolation), app.inbox.connection(event).transaction():
                app.write(event, -1)
            app.write(event)

        assert app.post(2, tries_too) == OK
    assert effects(admin) == 2


def test_two_namespaces(app: App, server: servers.Server, admin: Any) -> None:
    assert app.post(1) == OK
    with running("psycopg", server.port, "audit") as other:
        assert other.post(1) == OK
        assert other.post(1) == DUPLICATE
    assert effects(admin) == 2


def test_an_event_is_forgotten_after_its_ttl(app: App, admin: Any) -> None:
    assert app.post(1) == OK
    pass_time(admin, 86_399)
    assert app.post(1) == DUPLICATE
    pass_time(admin, 2)
    admin.execute("TRUNCATE effects")
    assert app.post(1) == OK


def test_claims_are_settled_once_and_say_so_again(app: App, admin: Any) -> None:
    claim = app.inbox.claim(event_id(1))
    app.inbox.commit(claim)
    assert answered(lambda: app.inbox.commit(claim)) == "ok"
    assert answered(lambda: app.inbox.release(claim)) == "claim_lost"
    again = app.inbox.claim(event_id(2))
    app.inbox.release(again)
    assert answered(lambda: app.inbox.release(again)) == "ok"
    assert answered(lambda: app.inbox.commit(again)) == "store_unavailable", "what the handler wrote is not there"
    assert admin.execute("SELECT event_id::text FROM puck_events").fetchall() == [(event_id(1),)]


def test_what_is_remembered_of_claims_is_bounded(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("puck_webhooks.stores._inbox._REMEMBERED", 2)
    inbox = PostgresInbox(pool, "billing")
    claims = [inbox.claim(event_id(n)) for n in range(4)]
    for claim in claims:
        inbox.commit(claim)
    assert [answered(lambda c=c: inbox.commit(c)) for c in claims] == ["store_unavailable"] * 2 + ["ok"] * 2  # type: ignore[misc]


def test_the_same_process_does_not_hold_an_event_twice(server: servers.Server, admin: Any) -> None:
    """Else a slow handler, whose connection was lost, would write into the transaction of the next one."""
    with running("psycopg", server.port) as app:

        def slow(event: Any) -> None:
            end_connection(admin, app.raw(event))
            assert in_another_thread(lambda: app.post(1)) == IN_PROGRESS

        assert app.post(1, slow) == UNAVAILABLE
        assert app.post(1) == OK
    assert effects(admin) == 1


def test_a_connection_that_ends_before_the_commit(app: App, admin: Any) -> None:
    def loses(event: Any) -> None:
        app.write(event)
        end_connection(admin, app.raw(event))

    assert app.post(1, loses) == UNAVAILABLE
    assert effects(admin) == 0
    assert app.post(1) == OK
    assert effects(admin) == 1


def test_a_handler_that_is_slower_than_the_server_allows(app: App, admin: Any) -> None:
    def slow(event: Any) -> None:
        app.write(event)
        raw = app.raw(event)
        if isinstance(app, apps.SqlAlchemyApp):
            app.inbox.session(event).flush()
        raw.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
        there = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        pid = raw.info.backend_pid
        servers.wait_until(lambda: admin.execute(there, [pid]).fetchone() == (0,), "the server does not end it")

    assert app.post(1, slow) == UNAVAILABLE
    assert app.post(1) == OK
    assert effects(admin) == 1


@pytest.mark.parametrize("kind", ["psycopg", "sqlalchemy", "django view"])
def test_the_server_is_killed_while_a_handler_runs(kind: str, server: servers.Server, admin: Any) -> None:
    with running(kind, server.port) as app:

        def kills(event: Any) -> None:
            app.write(event)
            server.kill()

        assert app.post(1, kills) == UNAVAILABLE
        assert app.post(1) == UNAVAILABLE
        server.start()
        servers.wait_until(lambda: app.post(1) == OK, "the next attempt does not run")
        assert app.post(1) == DUPLICATE
        with connect(server.port) as again:
            assert effects(again) == 1


@pytest.mark.parametrize("kind", ["psycopg", "sqlalchemy", "django view"])
def test_a_silent_server(kind: str, server: servers.Server, admin: Any) -> None:
    with running(kind, server.port) as app:
        assert app.post(1) == OK

        def silences(event: Any) -> None:
            app.write(event)
            if isinstance(app, apps.SqlAlchemyApp):
                app.inbox.session(event).flush()
            server.pause()

        began = time.monotonic()
        try:
            assert app.post(2, silences) == UNAVAILABLE, "the commit"
            assert time.monotonic() - began < BOUND
            for _ in range(2):  # a connection that is there, and one that must be made
                began = time.monotonic()
                assert app.post(3) == UNAVAILABLE
                assert time.monotonic() - began < BOUND
        finally:
            server.resume()
        servers.wait_until(lambda: app.post(3) == OK, "the server is there again")
        servers.wait_until(lambda: app.post(2) in (OK, DUPLICATE), "the event comes again")
        assert effects(admin) == 3


def test_a_silent_server_with_leases(server: servers.Server, pool: Any) -> None:
    store = PostgresDedupe(pool, "billing")
    claim = store.claim(event_id(1))
    server.pause()
    try:
        for step in (lambda: store.commit(claim), lambda: store.claim(event_id(2))):
            began = time.monotonic()
            refused(step)
            assert time.monotonic() - began < BOUND
    finally:
        server.resume()
    servers.wait_until(lambda: answered(lambda: store.commit(claim)) == "ok", "the server is there again")


def test_a_check_of_the_pool_does_not_wait_for_a_silent_server(server: servers.Server, admin: Any) -> None:
    with psycopg_pool.ConnectionPool(
        url(server.port), min_size=1, open=True, check=psycopg_pool.ConnectionPool.check_connection
    ) as checked:
        inbox = PostgresInbox(checked, "billing")
        inbox.commit(inbox.claim(event_id(1)))
        server.pause()
        try:
            began = time.monotonic()
            refused(lambda: inbox.claim(event_id(2)))
            assert time.monotonic() - began < BOUND
        finally:
            server.resume()


@pytest.mark.parametrize("kind", ["psycopg", "sqlalchemy"])
def test_an_exhausted_pool(kind: str, server: servers.Server, admin: Any) -> None:
    with running(kind, server.port, size=1, timeout=0.2) as app:

        def meanwhile(event: Any) -> None:
            app.write(event)
            assert app.post(2) == UNAVAILABLE

        assert app.post(1, meanwhile) == OK
        servers.wait_until(lambda: app.post(2) == OK, "the connection is free again")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_stricter_isolation(level: str, server: servers.Server, admin: Any) -> None:
    from psycopg import IsolationLevel

    def configure(connection: psycopg.Connection[Any]) -> None:
        connection.isolation_level = IsolationLevel[level.replace(" ", "_")]

    with running("psycopg", server.port, size=20, configure=configure) as app:
        for n in range(5):
            results = of_16_threads(lambda n=n: app.inbox.claim(event_id(n)))  # type: ignore[misc]
            assert results == ["in_progress"] * 15 + ["ok"]
        for transaction in list(app.inbox._open):
            app.inbox.release(claim_of(app.inbox, transaction))
        assert app.post(1) == OK
        assert app.post(1) == DUPLICATE
    with running("sqlalchemy", server.port, isolation_level=level) as app:
        assert app.post(2) == OK
        assert app.post(2) == DUPLICATE
    assert effects(admin) == 2


def claim_of(inbox: Any, event: str) -> Any:
    from puck_webhooks import Claim

    return Claim(event, inbox._open[event].token)


def test_40001_is_in_progress(server: servers.Server, admin: Any) -> None:
    """A snapshot that does not see the row of the winner, which has committed since."""
    from psycopg import IsolationLevel

    def configure(connection: psycopg.Connection[Any]) -> None:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ

    with running("psycopg", server.port, configure=configure) as app, running("psycopg", server.port) as other:
        import puck_webhooks.stores._inbox as module

        run = module.run

        def run_late(connection: Any, statement: str, parameters: Any) -> Any:
            if connection.isolation_level == IsolationLevel.REPEATABLE_READ and statement == module._CLAIM:
                connection.execute("SELECT 1")  # takes the snapshot
                assert other.post(1) == OK
            return run(connection, statement, parameters)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "run", run_late)
            with pytest.raises(InProgress):
                app.inbox.claim(event_id(1))
        with pytest.raises(Duplicate):
            app.inbox.claim(event_id(1))


def test_16_threads_one_effect(app: App, admin: Any) -> None:
    if isinstance(app, apps.DjangoApp):

        def step() -> str:
            try:
                return app.post(1)[1]
            finally:
                from django.db import connections

                connections[ALIAS].close()
    else:

        def step() -> str:
            return app.post(1)[1]

    at_once = threading.Barrier(16)

    def run(_: int) -> str:
        at_once.wait()
        return step()

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(run, range(16)))
    assert answers.count("ok") == 1
    assert effects(admin) == 1


def test_an_autocommit_connection_has_a_transaction_too(server: servers.Server, admin: Any) -> None:
    with running("psycopg", server.port, kwargs={"autocommit": True}) as app:

        def writes_and_raises(event: Any) -> None:
            app.write(event)
            raise Refusal

        assert app.post(1, writes_and_raises) == (500, "raised")
        assert effects(admin) == 0
        assert app.post(1) == OK
        assert effects(admin) == 1


def test_nothing_is_prepared(server: servers.Server, admin: Any) -> None:
    """PgBouncer may give the next statement to another process of the server, which does not know what was prepared."""
    with running("psycopg", server.port, size=1) as app:
        store = PostgresDedupe(app.pool, "leases")  # type: ignore[attr-defined]
        for n in range(10):
            app.inbox.commit(app.inbox.claim(event_id(n)))
            store.commit(store.claim(event_id(n)))
        with app.pool.connection() as connection:  # type: ignore[attr-defined]
            assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_the_application_s_own_rows_and_cursors_do_not_matter(server: servers.Server, admin: Any) -> None:
    from psycopg.rows import dict_row

    kwargs = {"row_factory": dict_row, "cursor_factory": psycopg.RawCursor}
    with running("psycopg", server.port, kwargs=kwargs) as app:
        app.inbox.check()
        assert app.post(1, lambda event: None) == OK
        assert app.post(1) == DUPLICATE
        leases = PostgresDedupe(app.pool, "leases")  # type: ignore[attr-defined]
        leases.check()


def test_leases_and_inboxes_may_share_a_table(server: servers.Server, pool: Any, admin: Any) -> None:
    store = PostgresDedupe(pool, "billing")
    with running("psycopg", server.port) as app:
        claim = store.claim(event_id(1))
        assert app.post(1) == IN_PROGRESS
        store.commit(claim)
        assert app.post(1) == DUPLICATE
        assert app.post(2) == OK
        assert answered(lambda: store.claim(event_id(2))) == "duplicate"


# --- connections within a time --------------------------------------------------------------------------------------


def test_a_delivery_may_be_released_while_the_same_thread_claims(pool: Any) -> None:
    """The garbage collector does that, with a delivery that was dropped."""
    inbox = PostgresInbox(pool, "billing")
    dropped = [inbox.claim(event_id(1))]

    class Open(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            if dropped:
                inbox.release(dropped.pop())
            return super().__contains__(key)

    inbox._open = Open(inbox._open)
    claims: list[Any] = []
    thread = threading.Thread(target=lambda: claims.append(inbox.claim(event_id(2))), daemon=True)
    thread.start()
    thread.join(BOUND)
    assert len(claims) == 1
    claims.append(inbox.claim(event_id(1)))
    for claim in claims:
        inbox.release(claim)


def test_a_store_outlives_a_shortage_of_threads(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PostgresDedupe(pool, "billing")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no more threads")))
        for _ in range(40):
            refused(lambda: store.claim(event_id(1)))
    assert answered(lambda: store.claim(event_id(1))) == "ok"


def test_a_connection_that_comes_too_late_to_use_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it is healthy, and is ended because its statements have no time."""
    from puck_webhooks.stores import _postgres as module

    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    discarded: list[str] = []

    def acquire(left: float) -> str:
        now[0] += 0.95 * left
        return "connection"

    with pytest.raises(TimeoutError):
        module.Acquirer().within(1, acquire, discarded.append)
    assert discarded == ["connection"]


def test_a_connection_is_made_in_the_caller_s_context(server: servers.Server, admin: Any) -> None:
    """An application's hooks may find its tenant there."""
    import sqlalchemy.event

    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    seen: list[str] = []
    with running("sqlalchemy", server.port) as app:
        engine = app.inbox._sessionmaker.kw["bind"]
        sqlalchemy.event.listen(engine, "checkout", lambda *_: seen.append(tenant.get()))
        tenant.set("billing")
        assert app.post(1) == OK
    assert set(seen) == {"billing"}


# --- fork -----------------------------------------------------------------------------------------------------------

FORKED = "The store was used before the process was forked: make it, and its pool, in each worker."


def in_a_child(step: Callable[[], object]) -> str:
    """What the step answers in a forked process: the sentence of its StoreError, or nothing."""
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            step()
        except StoreError as error:
            os.write(here, error.detail.encode())
        except BaseException as failure:
            os.write(here, repr(failure).encode())
        os._exit(0)
    os.close(here)
    os.waitpid(child, 0)
    with open(there, encoding="utf-8") as sentence:
        return sentence.read()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_share_connections(app: App, admin: Any) -> None:
    """Events would be answered with 200 and without their rows: each process reads the other's answers."""
    app.inbox.check()
    claim = app.inbox.claim(event_id(1))
    steps = (
        app.inbox.check,
        lambda: app.inbox.claim(event_id(2)),
        lambda: app.inbox.commit(claim),
        lambda: app.inbox.release(claim),
    )
    assert [in_a_child(step) for step in steps] == [FORKED] * 4
    app.inbox.commit(claim)
    assert app.post(1) == DUPLICATE


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_pool_of_before_the_fork_is_refused(server: servers.Server, pool: Any) -> None:
    """Although nothing was asked: the child has none of the pool's threads."""
    store = PostgresDedupe(pool, "leases")
    claim = store.claim(event_id(1))
    unused = PostgresInbox(pool, "billing")
    steps = (
        lambda: unused.claim(event_id(2)),
        store.check,
        lambda: store.claim(event_id(2)),
        lambda: store.commit(claim),
        lambda: store.release(claim),
    )
    assert [in_a_child(step) for step in steps] == [FORKED] * 5
    store.commit(claim)
    with running("sqlalchemy", server.port) as app:
        assert in_a_child(app.inbox.check) == "", "nothing was used before the fork"


# --- what is refused ------------------------------------------------------------------------------------------------


def test_events_without_a_transaction(pool: Any) -> None:
    inbox = PostgresInbox(pool, "billing")
    with pytest.raises(ValueError, match="has no open transaction here"):
        inbox.connection(event_id(1))
    claim = inbox.claim(event_id(1))
    assert inbox.connection(event_id(1)).info.transaction_status.name == "INTRANS"
    inbox.release(claim)
    with pytest.raises(ValueError, match="has no open transaction here"):
        inbox.connection(event_id(1))


def test_check(app: App, pool: Any, admin: Any) -> None:
    app.inbox.check()
    PostgresDedupe(pool, "billing").check()
    assert admin.execute("SELECT count(*) FROM puck_events").fetchone() == (0,)


MISSING = (
    "The table puck_events is missing: run postgres.sql, or puck_webhooks.stores.postgres.create_table(connection)."
)
SHAPES = {
    "DROP TABLE puck_events": MISSING,
    "ALTER TABLE puck_events DROP COLUMN done": "The table puck_events has another shape than in postgres.sql.",
    "ALTER TABLE puck_events ALTER COLUMN event_id TYPE text": "The table puck_events has another shape than in"
    " postgres.sql.",
    "ALTER TABLE puck_events DROP CONSTRAINT puck_events_pkey": "The table puck_events has another shape than in"
    " postgres.sql.",
    "ALTER TABLE puck_events ALTER COLUMN expires_at TYPE timestamp": "The table puck_events has another shape than in"
    " postgres.sql.",
}


@pytest.mark.parametrize("change", SHAPES)
def test_check_refuses_tables(change: str, pool: Any, admin: Any) -> None:
    admin.execute(change)
    try:
        for store in (PostgresInbox(pool, "billing"), PostgresDedupe(pool, "billing")):
            assert str(refused(store.check)) == SHAPES[change]
    finally:
        admin.execute("DROP TABLE IF EXISTS puck_events")
        create_table(admin)


@pytest.mark.parametrize(("setting", "warns"), [("0", True), ("30min", False), ("1801s", True), ("1s", False)])
def test_check_warns_of_transactions_that_stay(
    setting: str, warns: bool, server: servers.Server, admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    options = f"-c idle_in_transaction_session_timeout={setting}"
    with running("psycopg", server.port, kwargs={"options": options}) as app:
        app.inbox.check()
    assert ["idle_in_transaction_session_timeout" in each.message for each in caplog.records] == [True] * warns


def test_a_missing_table_is_said_by_claims_too(app: App, admin: Any) -> None:
    admin.execute("ALTER TABLE puck_events RENAME TO hidden")
    try:
        error = refused(lambda: app.inbox.claim(event_id(1)))
        assert str(error) == MISSING
        assert isinstance(error.__cause__, psycopg.errors.UndefinedTable)
    finally:
        admin.execute("ALTER TABLE hidden RENAME TO puck_events")
    assert app.post(1) == OK


def test_a_read_only_server(server: servers.Server, admin: Any) -> None:
    with running("psycopg", server.port, configure=read_only) as app:
        for store in (app.inbox, PostgresDedupe(app.pool, "billing")):  # type: ignore[attr-defined]
            for step in (store.check, lambda store=store: store.claim(event_id(1))):
                assert str(refused(step)) == "PostgreSQL is read-only here: connect to the primary server."


def test_a_lacking_permission(server: servers.Server, admin: Any) -> None:
    admin.execute("DROP ROLE IF EXISTS poor")
    admin.execute("CREATE ROLE poor LOGIN")
    try:
        conninfo = url(server.port).replace("user=postgres", "user=poor")
        with psycopg_pool.ConnectionPool(conninfo, min_size=1, open=True) as poor:
            error = refused(PostgresInbox(poor, "billing").check)
            assert "needs SELECT, INSERT, UPDATE and DELETE" in str(error)
            admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON puck_events TO poor")
            PostgresInbox(poor, "billing").check()
            PostgresDedupe(poor, "billing").check()
            admin.execute("REVOKE ALL ON puck_events FROM poor")
    finally:
        admin.execute("DROP ROLE poor")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("08006", "was lost"),
        ("23503", "constraint"),
        ("25P04", "transaction_timeout"),
        ("40P01", "rolled the transaction back"),
        ("53100", "disk"),
        ("53300", "too many connections"),
        ("57014", "statement_timeout"),
        ("57P01", "shutting down"),
        ("57P03", "starting up"),
        ("XX000", "The cause of this error"),
    ],
)
def test_sentences(code: str, words: str) -> None:
    """For what a test cannot make happen. The client's error may hold anything."""
    import django.db
    import sqlalchemy.exc
    from puck_webhooks.stores._postgres import unavailable

    plain = psycopg.errors.Error("of the client") if code == "XX000" else psycopg.errors.lookup(code)("of the client")
    in_django = django.db.OperationalError() if code != "XX000" else django.db.Error()
    in_django.__cause__ = plain
    in_sqlalchemy = sqlalchemy.exc.DBAPIError("SELECT", {}, plain)
    for failure in (plain, in_django, in_sqlalchemy):
        error = unavailable(failure)
        assert words in str(error)
        assert error.detail.endswith(".") and "of the client" not in str(error)


def test_a_server_that_is_not_there(admin: Any) -> None:
    port = servers.free_port()
    for kind in ("psycopg", "sqlalchemy", "django"):
        with running(kind, port) as app:
            began = time.monotonic()
            error = refused(lambda app=app: app.inbox.claim(event_id(1)))
            assert time.monotonic() - began < BOUND
            assert error.__cause__ is not None
            assert str(port) not in str(error) + repr(app.inbox)


def test_repr_shows_the_namespace_only(app: App, pool: Any) -> None:
    assert repr(app.inbox) == f"{type(app.inbox).__name__}(namespace='billing')"
    assert repr(PostgresDedupe(pool, "leases")) == "PostgresDedupe(namespace='leases')"


def test_no_password_is_shown(server: servers.Server) -> None:
    conninfo = url(servers.free_port()) + " password=ThePassword"
    with psycopg_pool.ConnectionPool(conninfo, min_size=1, open=True) as pool:
        for store in (PostgresInbox(pool, "billing", timeout=0.1), PostgresDedupe(pool, "billing", timeout=0.1)):
            assert "ThePassword" not in repr(store) + str(refused(store.check))


def test_settings_that_are_refused(pool: Any) -> None:
    from sqlalchemy.ext.asyncio import async_sessionmaker

    with pytest.raises(ValueError, match="namespace"):
        PostgresInbox(pool, "")
    with pytest.raises(ValueError, match="ttl"):
        PostgresInbox(pool, "billing", ttl=1)
    with pytest.raises(ValueError, match="timeout"):
        PostgresDedupe(pool, "billing", timeout=0)
    with pytest.raises(TypeError, match="ConnectionPool"):
        PostgresInbox("postgresql://", "billing")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ConnectionPool"):
        PostgresDedupe(psycopg_pool.AsyncConnectionPool(open=False), "billing")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sessionmaker"):
        SqlAlchemyInbox(None, "billing")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="async_sessionmaker"):
        SqlAlchemyInbox(async_sessionmaker(), "billing")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alias"):
        apps.DjangoInbox("billing", "nothing")


def test_sessions_that_are_refused(server: servers.Server, admin: Any) -> None:
    import sqlalchemy
    import sqlalchemy.orm

    address = f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/postgres"
    engine = sqlalchemy.create_engine(address, isolation_level="AUTOCOMMIT")
    error = refused(lambda: SqlAlchemyInbox(sqlalchemy.orm.sessionmaker(engine), "billing").claim(event_id(1)))
    assert "has no transactions" in str(error)
    engine.dispose()
    engine = sqlalchemy.create_engine("sqlite://")
    error = refused(lambda: SqlAlchemyInbox(sqlalchemy.orm.sessionmaker(engine), "billing").claim(event_id(1)))
    assert "psycopg 3" in str(error)
    engine.dispose()
    engine = sqlalchemy.create_engine(address)
    with sqlalchemy.orm.Session(engine) as shared:
        shared.execute(sqlalchemy.text("SELECT 1"))
        error = refused(lambda: SqlAlchemyInbox(lambda: shared, "billing").claim(event_id(1)))
        assert "makes new sessions" in str(error)
    engine.dispose()


def test_django_refuses_async_views_and_loops(server: servers.Server, admin: Any) -> None:
    import asyncio

    with running("django", server.port) as app:
        with pytest.raises(TypeError, match="no asynchronous transactions"):

            @apps.webhook(app.receiver)
            async def view(event: Any) -> None: ...

        async def in_a_loop() -> None:
            assert "no asynchronous transactions" in str(refused(lambda: app.inbox.claim(event_id(1))))

        asyncio.run(in_a_loop())


def test_django_refuses_a_transaction_that_somebody_else_ends(server: servers.Server, admin: Any) -> None:
    from django.db import transaction

    with running("django", server.port) as app:
        with transaction.atomic(using=ALIAS):
            assert "in a transaction already" in str(refused(lambda: app.inbox.claim(event_id(1))))
        assert app.post(1) == OK


def test_django_settles_in_the_same_thread(server: servers.Server, admin: Any) -> None:
    from django.db import connections

    with running("django", server.port) as app:
        claim = app.inbox.claim(event_id(1))
        assert "belong to their threads" in str(in_another_thread(lambda: refused(lambda: app.inbox.commit(claim))))
        servers.wait_until(lambda: app.post(1) == OK, "the server rolls the transaction back")
        assert not connections[ALIAS].in_atomic_block
    assert effects(admin) == 1


def test_django_rolls_back_what_is_marked_so(server: servers.Server, admin: Any) -> None:
    from django.db import transaction

    with running("django view", server.port) as app:

        def marks(event: Any) -> None:
            app.write(event)
            transaction.set_rollback(True, using=ALIAS)

        assert app.post(1, marks) == UNAVAILABLE
        assert effects(admin) == 0
        assert app.post(1) == OK


def test_django_runs_its_hooks_after_the_commit(server: servers.Server, admin: Any) -> None:
    from django.db import transaction

    seen: list[int] = []
    with running("django view", server.port) as app:

        def handle(event: Any) -> None:
            app.write(event)
            transaction.on_commit(lambda: seen.append(effects(admin)), using=ALIAS)

        assert app.post(1, handle) == OK
    assert seen == [1]


def test_in_a_testcase_of_django(server: servers.Server, admin: Any) -> None:
    from django.db import transaction

    with running("django view", server.port) as app:
        around = transaction.atomic(using=ALIAS)
        around._from_testcase = True  # type: ignore[attr-defined]
        with pytest.raises(Refusal), around:
            assert app.post(1) == OK
            assert app.post(1) == DUPLICATE
            raise Refusal
    assert effects(admin) == 0


# --- the table, the example, the long run ---------------------------------------------------------------------------


def test_the_table_is_made_by_any_number_of_processes(server: servers.Server, admin: Any) -> None:
    admin.execute("DROP TABLE puck_events")

    def make(_: int) -> None:
        with connect(server.port) as connection:
            create_table(connection)

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(make, range(12)))
    assert admin.execute("SELECT count(*) FROM puck_events").fetchone() == (0,)


def test_psql_makes_the_table(server: servers.Server, admin: Any) -> None:
    admin.execute("DROP TABLE puck_events")
    file = HERE.parents[1] / "src/stores/postgres.sql"
    assert file.read_text() == table_sql()
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    psql = servers.program("psql", *folders)
    for _ in range(2):
        done = subprocess.run(
            [psql, "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-f", file],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert admin.execute("SELECT count(*) FROM puck_events").fetchone() == (0,)


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = "import sys, puck_webhooks.stores.postgres; print({'psycopg', 'sqlalchemy', 'django'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_example(server: servers.Server, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    admin.execute("CREATE TABLE IF NOT EXISTS findings (id text, severity text)")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
    monkeypatch.setenv("PUCK_WEBHOOK_SECRETS", TEST_SECRET)
    example = runpy.run_path(str(HERE.parent / "examples/inbox_psycopg.py"))
    try:
        delivery = apps.signed_delivery("finding.discovered", {"finding_id": "f-1", "severity": "high"})
        assert example["answer"](*delivery) == 200
        assert example["answer"](*delivery.duplicate()) == 200
        assert example["answer"](*delivery.tampered()) == 401
        assert admin.execute("SELECT * FROM findings").fetchall() == [("f-1", "high")]
    finally:
        example["pool"].close()
        admin.execute("DROP TABLE findings")


def test_workers_that_are_killed_leave_each_effect_once() -> None:
    run = [sys.executable, HERE / "inbox_run.py", "--ids", "300", "--processes", "6"]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("300 events, 300 effects of 300 events, ")
    assert ", 0 workers killed" not in done.stdout


def test_a_receiver_takes_an_inbox(pool: Any) -> None:
    with pytest.raises(ValueError, match="less than twice the tolerance"):
        Receiver(TEST_SECRET, tolerance=400, dedupe=PostgresInbox(pool, "billing", ttl=600))


def test_a_claim_of_nobody(pool: Any) -> None:
    from puck_webhooks import Claim

    inbox = PostgresInbox(pool, "billing")
    nobody = Claim(str(uuid.uuid4()), 7)
    assert answered(lambda: inbox.release(nobody)) == "ok"
    assert answered(lambda: inbox.commit(nobody)) == "store_unavailable"
