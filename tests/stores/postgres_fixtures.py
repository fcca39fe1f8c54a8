"""Applications with an inbox, for the tests: one for psycopg, one for SQLAlchemy, and one for Django.

Each has a table of effects. A handler writes one, and a delivery is answered as a web server would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django
import psycopg
import psycopg_pool
import sqlalchemy
import sqlalchemy.orm
from django.conf import settings
from django.db import connections, models
from django.http import HttpRequest, HttpResponse
from puck_webhooks import Receiver, WebhookError
from puck_webhooks.stores.postgres import PostgresInbox, SqlAlchemyInbox, create_table
from puck_webhooks.testing import TEST_SECRET, SignedDelivery, signed_delivery

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of the tests", USE_TZ=True)
    django.setup()

from puck_webhooks.django import DjangoInbox, HandlerFailed, webhook  # noqa: E402  (after the settings)

EFFECTS = "CREATE TABLE IF NOT EXISTS effects (event_id uuid NOT NULL, amount int NOT NULL CHECK (amount > 0))"
INSERT = "INSERT INTO effects (event_id, amount) VALUES (%s, %s)"
ALIAS = "inbox"  # of the database, in Django's settings

Handler = Callable[[Any], object]
Answer = tuple[int, str]  # status and reason


def event_id(n: int) -> str:
    return f"018f2e3a-1c47-7a12-b321-{n:012x}"


def delivery(n: int) -> SignedDelivery:
    return signed_delivery(event_id=event_id(n))


def url(port: int) -> str:
    return f"host=127.0.0.1 port={port} user=postgres dbname=postgres"


def connect(port: int) -> psycopg.Connection[Any]:
    """For the test itself: each statement is a transaction of its own."""
    return psycopg.connect(url(port), autocommit=True)


def make_tables(port: int) -> None:
    with connect(port) as connection:
        create_table(connection)
        connection.execute(EFFECTS)


class Refusal(Exception):
    """What handlers raise in these tests."""


class App:
    """An application with an inbox. `amount` of an effect must be above 0, or a constraint refuses it."""

    inbox: Any

    def __init__(self, port: int, namespace: str = "billing", **options: Any) -> None:
        self.open(port, namespace, options)
        self.receiver = Receiver(TEST_SECRET, dedupe=self.inbox)

    def open(self, port: int, namespace: str, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def write(self, event: Any, amount: int = 1) -> None:
        """What a handler does: one effect, in the delivery's transaction."""
        raise NotImplementedError

    def raw(self, event: Any) -> psycopg.Connection[Any]:
        raise NotImplementedError

    def post(self, n: int, handler: Handler | None = None) -> Answer:
        try:
            received = self.receiver.receive(*delivery(n))
        except WebhookError as error:
            return error.http_status, error.reason
        try:
            with received:
                (handler or self.write)(received.event)
        except WebhookError as error:
            received.__exit__(type(error), error, None)  # what keeps the error keeps the delivery
            return error.http_status, error.reason
        except Exception:
            return 500, "raised"
        return 200, "ok"


class PsycopgApp(App):
    def open(self, port: int, namespace: str, options: dict[str, Any]) -> None:
        size = options.pop("size", 8)
        configure = options.pop("configure", None)
        kwargs = options.pop("kwargs", None)
        self.pool = psycopg_pool.ConnectionPool(
            url(port), min_size=1, max_size=size, open=True, configure=configure, kwargs=kwargs
        )
        self.inbox = PostgresInbox(self.pool, namespace, **options)

    def close(self) -> None:
        self.pool.close()

    def write(self, event: Any, amount: int = 1) -> None:
        self.inbox.connection(event).execute(INSERT, [event.event_id, amount])

    def raw(self, event: Any) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = self.inbox.connection(event)
        return connection


class Base(sqlalchemy.orm.DeclarativeBase):
    pass


class SqlAlchemyEffect(Base):
    __tablename__ = "effects"
    event_id: sqlalchemy.orm.Mapped[str] = sqlalchemy.orm.mapped_column(
        sqlalchemy.Uuid(as_uuid=False), primary_key=True
    )
    amount: sqlalchemy.orm.Mapped[int] = sqlalchemy.orm.mapped_column(primary_key=True)


class SqlAlchemyApp(App):
    """Its effects are flushed by the commit."""

    def open(self, port: int, namespace: str, options: dict[str, Any]) -> None:
        engine = {"isolation_level": options.pop("isolation_level", "READ COMMITTED")}
        if size := options.pop("size", None):
            engine |= {"pool_size": size, "max_overflow": 0}
        self.engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", **engine)
        self.inbox = SqlAlchemyInbox(sqlalchemy.orm.sessionmaker(self.engine), namespace, **options)

    def close(self) -> None:
        self.engine.dispose()

    def write(self, event: Any, amount: int = 1) -> None:
        self.inbox.session(event).add(SqlAlchemyEffect(event_id=event.event_id, amount=amount))

    def raw(self, event: Any) -> psycopg.Connection[Any]:
        connection: Any = self.inbox.session(event).connection().connection.driver_connection
        return connection


class DjangoEffect(models.Model):
    event_id = models.UUIDField(primary_key=True)
    amount = models.IntegerField()

    class Meta:
        app_label = "effects"
        db_table = "effects"
        managed = False


class DjangoApp(App):
    """Through the Receiver. Its handler uses the ORM, and nothing else."""

    ATOMIC_REQUESTS = False

    def open(self, port: int, namespace: str, options: dict[str, Any]) -> None:
        connections.settings[ALIAS] = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "PASSWORD": "",
            "HOST": "127.0.0.1",
            "PORT": port,
            "ATOMIC_REQUESTS": self.ATOMIC_REQUESTS,
            "AUTOCOMMIT": True,
            "CONN_MAX_AGE": None,
            "CONN_HEALTH_CHECKS": options.pop("health_checks", False),
            "OPTIONS": options.pop("options", {}),
            "TIME_ZONE": None,
            "TEST": {},
        }
        self.inbox = DjangoInbox(namespace, ALIAS, **options)

    def close(self) -> None:
        connections[ALIAS].close()
        del connections[ALIAS]

    def write(self, event: Any, amount: int = 1) -> None:
        DjangoEffect(event_id=event.event_id, amount=amount).save(using=ALIAS, force_insert=True)

    def raw(self, event: Any) -> psycopg.Connection[Any]:
        connection: Any = connections[ALIAS].connection
        return connection


class DjangoViewApp(DjangoApp):
    """Through the adapter."""

    def post(self, n: int, handler: Handler | None = None) -> Answer:
        headers, body = delivery(n)
        rejected: list[WebhookError] = []

        @webhook(self.receiver, on_reject=rejected.append)
        def view(event: Any) -> Any:
            return (handler or self.write)(event)

        request = HttpRequest()
        request.method = "POST"
        request.META.update({f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()})
        request._body = body  # type: ignore[attr-defined]
        try:
            response: HttpResponse = view(request)
        except HandlerFailed:
            return 500, "raised"
        return response.status_code, rejected[0].reason if rejected else "ok"


class DjangoAtomicViewApp(DjangoViewApp):
    ATOMIC_REQUESTS = True


APPS: dict[str, type[App]] = {
    "psycopg": PsycopgApp,
    "sqlalchemy": SqlAlchemyApp,
    "django": DjangoApp,
    "django view": DjangoViewApp,
    "django atomic view": DjangoAtomicViewApp,
}


@contextmanager
def running(kind: str, port: int, namespace: str = "billing", **options: Any) -> Iterator[App]:
    app = APPS[kind](port, namespace, **options)
    try:
        yield app
    finally:
        app.close()
