/* What a user's program in C would do: a delivery is accepted once, and a forged one is not. */
#include <puck/webhooks.h>

#include <stdio.h>
#include <string.h>

static const int64_t received_at = 1777818121;

static int32_t receive(const puck_receiver* receiver, const char* signature, const char* body) {
    const puck_header header = {{"X-Puck-Signature", strlen("X-Puck-Signature")}, {signature, strlen(signature)}};
    puck_delivery* delivery;
    int32_t why = puck_receiver_receive(receiver, &header, 1, body, strlen(body), received_at, &delivery, NULL);
    if (why == PUCK_OK) why = puck_delivery_commit(delivery);
    puck_delivery_free(delivery);
    return why;
}

int main(void) {
    const char* body =
        "{\"event_id\":\"018f2e3a-1c47-7a12-b321-aabbccddeeff\",\"event_type\":\"agent.registered\","
        "\"emitted_at\":\"2026-05-03T14:22:01Z\",\"api_version\":\"v1\",\"data\":{}}";
    const char* tampered = "{\"event_id\":\"018f2e3a-1c47-7a12-b321-aabbccddee00\"}";
    const puck_bytes secret = {"whsec_the-secret-of-this-consumer", strlen("whsec_the-secret-of-this-consumer")};
    char signature[PUCK_SIGNATURE_SIZE];
    puck_dedupe* dedupe;
    puck_receiver* receiver;
    if (puck_sign(&secret, 1, body, strlen(body), received_at, signature, sizeof signature, NULL) != PUCK_OK) return 1;
    if (puck_dedupe_new_lru(NULL, &dedupe, NULL) != PUCK_OK) return 1;
    if (puck_receiver_new(&secret, 1, NULL, dedupe, &receiver, NULL) != PUCK_OK) return 1;

    const int32_t first = receive(receiver, signature, body);
    const int32_t again = receive(receiver, signature, body);
    const int32_t forged = receive(receiver, signature, tampered);
    puck_receiver_free(receiver);
    puck_dedupe_free(dedupe);
    printf("%s, %s, %s\n", puck_reason_name(first), puck_reason_name(again), puck_reason_name(forged));
    return first == PUCK_OK && again == PUCK_DUPLICATE && forged == PUCK_SIGNATURE_MISMATCH ? 0 : 1;
}
