// The closed set of reasons: why a delivery was accepted, refused, or could not be judged.
#pragma once

#include <cstdint>
#include <string_view>

namespace puck {

/// Zero: yes. Positive: the answer is no. Negative: we could not decide, and so nothing is accepted.
/// The numbers are part of the contract of every language: never renumbered, never reused.
enum class reason : std::int32_t {
    ok = 0,

    // The signature, and the window in which it counts.
    missing_signature = 101,    ///< no X-Puck-Signature, or it is empty
    malformed_signature = 102,  ///< the header breaks its grammar (signature.hpp)
    unsupported_scheme = 103,   ///< well-formed, but without a v1
    signature_mismatch = 104,   ///< no secret matches any v1
    timestamp_too_old = 105,    ///< authentic, but signed more than the tolerance ago
    timestamp_too_new = 106,    ///< authentic, but signed more than the tolerance ahead of our clock

    // The envelope.
    payload_too_large = 201,        ///< the body is longer than the limit; nothing was hashed
    invalid_json = 202,             ///< not one RFC 8259 object in UTF-8, or nested too deeply
    duplicate_key = 203,            ///< a top-level key occurs twice
    missing_field = 204,            ///< one of the five fields is absent
    wrong_type = 205,               ///< a field has another JSON type
    invalid_event_id = 206,         ///< not a UUID, or the nil or max UUID
    invalid_event_type = 207,       ///< not 1 to 128 bytes of A-Z a-z 0-9 _ . -
    invalid_emitted_at = 208,       ///< not an RFC 3339 date-time with a zone
    unsupported_api_version = 209,  ///< anything but v1
    header_mismatch = 210,          ///< an unsigned header contradicts the signed envelope

    // The dedupe store's no.
    duplicate = 301,    ///< this event was already handled
    in_progress = 302,  ///< another worker holds this event

    // No decision.
    invalid_argument = -1,   ///< the caller's mistake
    out_of_memory = -2,      ///< an allocation failed
    crypto_failure = -3,     ///< OpenSSL refused
    store_unavailable = -4,  ///< the dedupe store did not answer
    store_full = -5,         ///< every slot is held by a delivery in progress
    claim_lost = -6,         ///< commit or release came after the lease passed to another worker
    internal = -99,          ///< a defect in this library
};

/// The enumerator's own name, the same string in every language: "timestamp_too_old".
/// A number outside the set reads as `internal` here and in the functions below.
[[nodiscard]] std::string_view name(reason why) noexcept;

/// One sentence for a person: what is wrong, and what to do.
[[nodiscard]] std::string_view message(reason why) noexcept;

/// The status to answer Puck with. It decides whether the event survives: after a 4xx Puck never comes again.
[[nodiscard]] int http_status(reason why) noexcept;

/// Whether Puck's next attempt may succeed, and so should be asked for with a 5xx.
[[nodiscard]] bool retryable(reason why) noexcept;

}  // namespace puck
