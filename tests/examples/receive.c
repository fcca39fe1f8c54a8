#include <puck/webhooks.h>

#include <stdio.h>

/* Sets up once, at the start. NULL if something is wrong with the secret, which is as Puck handed it out. */
puck_receiver* set_up(const char* secret, size_t secret_size) {
    const puck_bytes secrets[] = {{secret, secret_size}}; /* more of them while one is being rotated out */
    puck_dedupe* dedupe = NULL;
    puck_receiver* receiver = NULL;
    const char* detail = "";
    if (puck_lru_new(NULL, &dedupe, &detail) != PUCK_OK ||
        puck_receiver_new(secrets, 1, NULL, dedupe, &receiver, &detail) != PUCK_OK)
        fprintf(stderr, "%s\n", detail);
    puck_dedupe_free(dedupe); /* the receiver keeps it alive */
    return receiver;
}

/* Judges a request, handles its event, and returns the HTTP status to answer Puck with. `now` is time(NULL). */
int answer(const puck_receiver* receiver, const puck_header* headers, size_t header_count, const void* body,
           size_t body_size, int64_t now) {
    puck_delivery* delivery = NULL;
    puck_account account = PUCK_ACCOUNT_INIT;
    int32_t why = puck_receive(receiver, headers, header_count, body, body_size, now, &delivery, &account);
    if (why != PUCK_OK) {
        fprintf(stderr, "%s: %s\n", puck_reason_name(why), account.detail); /* for your log */
        return puck_reason_http_status(why);
    }
    puck_event_fields event = PUCK_EVENT_FIELDS_INIT; /* genuine, fresh, well formed, not handled before */
    puck_event_get(puck_delivery_event(delivery), &event);
    const int handled = printf("%s %.*s\n", account.event_type, (int)event.data.size, (const char*)event.data.data);
    why = handled >= 0 ? puck_delivery_commit(delivery) : PUCK_INTERNAL; /* if it failed, Puck comes again */
    puck_delivery_free(delivery);
    return puck_reason_http_status(why);
}
