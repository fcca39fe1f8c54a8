from puck_webhooks import Event, Receiver, WebhookError

receiver = Receiver("whsec_demo_current_3f9a1c2b7d")  # as Puck handed it out; a list while one is being rotated out


def handle(event: Event) -> None:
    print(event.event_type, event.severity, event.data)  # genuine, fresh, well formed, not handled before


def answer(headers: dict[str, str], body: bytes) -> int:
    """Judges a request by all of its headers and its raw body, and returns the HTTP status to answer Puck with."""
    try:
        delivery = receiver.receive(headers, body)
    except WebhookError as error:
        print(error.reason, error)  # for your log
        return error.http_status
    with delivery:
        handle(delivery.event)  # an exception gives the event back; let it out, or answer 500: Puck comes again
    return 200
