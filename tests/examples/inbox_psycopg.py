"""An inbox: the event and what its handler writes are one transaction of PostgreSQL, so each finding is stored once."""

import os

from psycopg_pool import ConnectionPool
from puck_webhooks import Receiver, WebhookError
from puck_webhooks.stores.postgres import PostgresInbox

pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=8, open=True)
inbox = PostgresInbox(pool, "findings")  # the table: psql -f postgres.sql
inbox.check()
receiver = Receiver(os.environ["PUCK_WEBHOOK_SECRETS"].split(), dedupe=inbox)


def answer(headers: dict[str, str], body: bytes) -> int:
    try:
        delivery = receiver.receive(headers, body)  # begins the transaction
    except WebhookError as error:  # refused, or handled before
        return error.http_status
    with delivery:  # commits it, or rolls back if the block raises: answer 500 then
        finding = delivery.event.data
        database = inbox.connection(delivery.event)
        database.execute("INSERT INTO findings VALUES (%s, %s)", [finding["finding_id"], finding["severity"]])
    return 200
