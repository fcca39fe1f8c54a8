#include <puck/webhooks.h>

#include <stdio.h>

/* Sets up once, at the start. NULL if something is wrong with the secret, which is as Puck handed it out. */
puck_receiver* set_up(const char* secret, size_t secret_size) {
    const puck_bytes secrets[] = {{secret, secret_size}}; /* more of them while one is being rotated out */
    puck_dedupe* dedupe = NULL;
    puck_receiver* receiver = NULL;
    const char* detail = "";
    if (puck_dedupe_new_lru(NULL, &dedupe, &detail) != PUCK_OK ||
        puck_receiver_new(secrets, 1, NULL, dedupe, &receiver, &detail) != PUCK_OK)
        fprintf(stderr, "%s\n", detail);
    puck_dedupe_free(dedupe); /* the receiver keeps it alive */
    return receiver;
}

/* Judges a request, handles its event, and returns the HTTP status to answer Puck with. `received_at` is time(NULL). */
int answer(const puck_receiver* receiver, const puck_header* headers, size_t header_count, const void* body,
           size_t body_size, int64_t received_at) {
    puck_delivery* delivery = NULL;
    puck_verdict verdict = PUCK_VERDICT_INIT;
    int32_t why =
        puck_receiver_receive(receiver, headers, header_count, body, body_size, received_at, &delivery, &verdict);
    if (why != PUCK_OK) {
        fprintf(stderr, "%s: %s %s\n", verdict.reason, verdict.detail, verdict.event_id); /* for your log */
        return verdict.http_status;
    }
    puck_event_fields event = PUCK_EVENT_FIELDS_INIT; /* genuine, fresh, well formed, not handled before */
    puck_event_get_fields(puck_delivery_event(delivery), &event);
    const int handled =
        printf("%s %.*s\n", verdict.event_type, (int)event.data_json.size, (const char*)event.data_json.data);
    why = handled >= 0 ? puck_delivery_commit(delivery) : PUCK_INTERNAL; /* if it failed, Puck comes again */
    puck_delivery_free(delivery);
    return puck_reason_http_status(why);
}
