/* Runs receive.c as a test: a genuine delivery is handled once, and a forged one is not. */
#include <puck/webhooks.h>

#include <stdio.h>
#include <string.h>

puck_receiver* set_up(const char* secret, size_t secret_size);
int answer(const puck_receiver* receiver, const puck_header* headers, size_t header_count, const void* body,
           size_t body_size, int64_t received_at);

static const char secret[] = "whsec_demo_current_3f9a1c2b7d";
static const char body[] =
    "{\"event_id\":\"018f2e3a-1c47-7a12-b321-aabbccddeeff\",\"event_type\":\"agent.registered\","
    "\"emitted_at\":\"2026-05-03T14:22:01Z\",\"api_version\":\"v1\",\"data\":{\"agent_id\":\"agt_018f2e3a\"}}";

int main(void) {
    const int64_t received_at = 1777818121;
    const puck_bytes secrets[] = {{secret, sizeof secret - 1}};
    char signature[PUCK_SIGNATURE_SIZE];
    if (puck_sign(secrets, 1, body, sizeof body - 1, received_at, signature, sizeof signature, NULL) != PUCK_OK)
        return 1;
    const puck_header headers[] = {{{"X-Puck-Signature", 16}, {signature, strlen(signature)}}};

    if (set_up("too short", 9) != NULL) return 1;
    puck_receiver* receiver = set_up(secret, sizeof secret - 1);
    const int first = answer(receiver, headers, 1, body, sizeof body - 1, received_at);
    const int again = answer(receiver, headers, 1, body, sizeof body - 1, received_at);
    const int forged = answer(receiver, headers, 1, body, sizeof body - 2, received_at);
    printf("first %d, again %d, forged %d\n", first, again, forged);
    puck_receiver_free(receiver);
    return first == 200 && again == 200 && forged == 401 ? 0 : 1;
}
