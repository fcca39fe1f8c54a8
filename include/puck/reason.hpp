// The closed set of reasons: why a delivery was accepted, refused, or could not be judged.
#pragma once

#include <cstdint>
#include <string_view>

namespace puck {

/// Zero: accepted. Positive: refused. Negative: no decision was possible, so nothing is accepted. The numbers are the
/// same in every language. A number never changes, and is never reused.
enum class reason : std::int32_t {
    ok = 0,

    // The signature and the time window.
    missing_signature = 101,    ///< no X-Puck-Signature, or it is empty
    malformed_signature = 102,  ///< the header breaks its grammar (signature.hpp)
    unsupported_scheme = 103,   ///< well-formed, but without a v1
    signature_mismatch = 104,   ///< no secret matches any v1
    timestamp_too_old = 105,    ///< authentic, but signed too long before `received_at`
    timestamp_too_new = 106,    ///< authentic, but signed too long after `received_at`

    // The envelope.
    payload_too_large = 201,        ///< the body is longer than the limit; nothing was hashed
    invalid_json = 202,             ///< not one RFC 8259 object in UTF-8, or nested too deeply
    duplicate_key = 203,            ///< a top-level key occurs twice
    missing_field = 204,            ///< one of the five fields is absent
    wrong_type = 205,               ///< a field has another JSON type
    invalid_event_id = 206,         ///< not a UUID, or the nil or max UUID
    invalid_event_type = 207,       ///< not 1 to 128 bytes of A-Z a-z 0-9 _ . -
    invalid_emitted_at = 208,       ///< not an RFC 3339 date-time with a zone
    unsupported_api_version = 209,  ///< not v1
    header_mismatch = 210,          ///< an unsigned header contradicts the signed envelope

    // Refused by the dedupe store.
    duplicate = 301,    ///< this event was already handled
    in_progress = 302,  ///< another worker holds this event

    // No decision was possible.
    invalid_argument = -1,   ///< the caller's mistake
    out_of_memory = -2,      ///< an allocation failed
    crypto_failure = -3,     ///< OpenSSL reported a failure
    store_unavailable = -4,  ///< the dedupe store did not answer
    store_full = -5,         ///< every slot is held by a delivery in progress
    claim_lost = -6,         ///< another worker took the event before the commit or the release
    internal = -99,          ///< a defect in this library
};

/// The enumerator's name, for example "timestamp_too_old". It is the same string in every language. A number outside
/// the set counts as `internal` here and in the functions below.
[[nodiscard]] std::string_view name(reason value) noexcept;

/// One sentence for a person: what is wrong, and what to do.
[[nodiscard]] std::string_view message(reason value) noexcept;

/// The HTTP status to answer Puck with. It decides whether the event survives: after one of these 4xx, Puck does not
/// send it again.
[[nodiscard]] int http_status(reason value) noexcept;

/// Whether Puck's next attempt may succeed. If so, the HTTP status is a 5xx, which asks Puck to try again.
[[nodiscard]] bool retryable(reason value) noexcept;

}  // namespace puck
