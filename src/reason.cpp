#include "puck/reason.hpp"

#include <array>

namespace puck {
namespace {

struct row {
    reason value;
    std::string_view name;
    int http_status;
    bool retryable;
    std::string_view message;
};

// The only table of reasons; every language uses it. The statuses follow from what Puck does with them: after a 2xx the
// delivery is done, after a 5xx Puck tries again, and after a 4xx Puck gives the event up. So a 4xx is only for
// failures that a retry cannot repair. The last row is also used for numbers outside the set.
constexpr std::array table{
    row{reason::ok, "ok", 200, false, "The delivery is genuine, fresh, well formed and new."},

    row{reason::missing_signature, "missing_signature", 401, false,
        "There is no X-Puck-Signature header. Pass it on from the request, unchanged."},
    row{reason::malformed_signature, "malformed_signature", 401, false,
        "The X-Puck-Signature header is not of the form t=<seconds>,v1=<64 hex digits>. Pass on the one line that "
        "Puck sent, unchanged."},
    row{reason::unsupported_scheme, "unsupported_scheme", 401, false,
        "The X-Puck-Signature header carries no v1 signature, the only scheme that this version knows."},
    row{reason::signature_mismatch, "signature_mismatch", 401, false,
        "No secret matches the signature. Check that the body is the raw bytes of the request, not parsed and written "
        "again; that the secret is the one of this subscription; and that its whsec_ prefix was kept."},
    row{reason::timestamp_too_old, "timestamp_too_old", 503, true,
        "Puck signed this longer ago than the tolerance allows. Check this machine's clock and the queue in front "
        "of it; Puck will send the event again with a fresh signature."},
    row{reason::timestamp_too_new, "timestamp_too_new", 503, true,
        "Puck signed this later than this machine's clock plus the tolerance. Check the clock; Puck will send the "
        "event again with a fresh signature."},

    row{reason::payload_too_large, "payload_too_large", 413, false,
        "The body is longer than the limit. Raise max_body if such events are expected."},
    row{reason::invalid_json, "invalid_json", 400, false,
        "The body is not one RFC 8259 JSON object in UTF-8, nested at most 1024 deep."},
    row{reason::duplicate_key, "duplicate_key", 400, false, "A top-level key of the envelope occurs twice."},
    row{reason::missing_field, "missing_field", 400, false,
        "The envelope lacks one of event_id, event_type, emitted_at, api_version and data."},
    row{reason::wrong_type, "wrong_type", 400, false,
        "A field of the envelope has the wrong JSON type: data must be an object, the others strings."},
    row{reason::invalid_event_id, "invalid_event_id", 400, false,
        "The event_id is not a UUID in its 8-4-4-4-12 form, or it is the nil or max UUID."},
    row{reason::invalid_event_type, "invalid_event_type", 400, false,
        "The event_type is not 1 to 128 characters of A-Z a-z 0-9 _ . and -."},
    row{reason::invalid_emitted_at, "invalid_emitted_at", 400, false,
        "The emitted_at is not an RFC 3339 date-time with a zone."},
    row{reason::unsupported_api_version, "unsupported_api_version", 400, false,
        "The api_version is not v1, the only one that this version knows."},
    row{reason::header_mismatch, "header_mismatch", 400, false,
        "X-Puck-Event-Id or X-Puck-Event-Type contradicts the signed envelope: something on the way changed it."},

    row{reason::duplicate, "duplicate", 200, false,
        "This event was already handled. Answer 200 without handling it again."},
    row{reason::in_progress, "in_progress", 503, true,
        "Another worker is handling this event. If that one fails, Puck must come again."},

    row{reason::invalid_argument, "invalid_argument", 500, true,
        "The call is wrong: one of its arguments is outside of what its documentation allows."},
    row{reason::out_of_memory, "out_of_memory", 503, true, "There was not enough memory to judge the delivery."},
    row{reason::crypto_failure, "crypto_failure", 503, true,
        "OpenSSL refused to compute HMAC-SHA256, or is older than 3.0.3. Check its configuration and providers."},
    row{reason::store_unavailable, "store_unavailable", 503, true,
        "The dedupe store did not answer, so the event could not be claimed, committed or released."},
    row{reason::store_full, "store_full", 503, true,
        "Every slot of the dedupe store is held by a delivery in progress. Raise its capacity, or find the handlers "
        "that do not finish."},
    row{reason::claim_lost, "claim_lost", 200, false,
        "The lease passed to another worker before this one finished. Raise the lease above the longest handler's "
        "time."},
    row{reason::internal, "internal", 500, true, "A defect in this library. Please report it."},
};

constexpr const row& find(reason value) noexcept {
    for (const row& candidate : table)
        if (candidate.value == value) return candidate;
    return table.back();
}

}  // namespace

std::string_view name(reason value) noexcept { return find(value).name; }
std::string_view message(reason value) noexcept { return find(value).message; }
int http_status(reason value) noexcept { return find(value).http_status; }
bool retryable(reason value) noexcept { return find(value).retryable; }

}  // namespace puck
