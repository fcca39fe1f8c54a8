#include <puck/error.hpp>
#include <puck/reason.hpp>

#include <doctest/doctest.h>

#include <array>
#include <string>

using puck::reason;

namespace {

struct row {
    reason why;
    int number;
    const char* name;
    int http_status;
    bool retryable;
};

// The table of the contract, written a second time.
constexpr std::array contract{
    row{reason::ok, 0, "ok", 200, false},
    row{reason::missing_signature, 101, "missing_signature", 401, false},
    row{reason::malformed_signature, 102, "malformed_signature", 401, false},
    row{reason::unsupported_scheme, 103, "unsupported_scheme", 401, false},
    row{reason::signature_mismatch, 104, "signature_mismatch", 401, false},
    row{reason::timestamp_too_old, 105, "timestamp_too_old", 503, true},
    row{reason::timestamp_too_new, 106, "timestamp_too_new", 503, true},
    row{reason::payload_too_large, 201, "payload_too_large", 413, false},
    row{reason::invalid_json, 202, "invalid_json", 400, false},
    row{reason::duplicate_key, 203, "duplicate_key", 400, false},
    row{reason::missing_field, 204, "missing_field", 400, false},
    row{reason::wrong_type, 205, "wrong_type", 400, false},
    row{reason::invalid_event_id, 206, "invalid_event_id", 400, false},
    row{reason::invalid_event_type, 207, "invalid_event_type", 400, false},
    row{reason::invalid_emitted_at, 208, "invalid_emitted_at", 400, false},
    row{reason::unsupported_api_version, 209, "unsupported_api_version", 400, false},
    row{reason::header_mismatch, 210, "header_mismatch", 400, false},
    row{reason::duplicate, 301, "duplicate", 200, false},
    row{reason::in_progress, 302, "in_progress", 503, true},
    row{reason::invalid_argument, -1, "invalid_argument", 500, true},
    row{reason::out_of_memory, -2, "out_of_memory", 503, true},
    row{reason::crypto_failure, -3, "crypto_failure", 503, true},
    row{reason::store_unavailable, -4, "store_unavailable", 503, true},
    row{reason::store_full, -5, "store_full", 503, true},
    row{reason::claim_lost, -6, "claim_lost", 200, false},
    row{reason::internal, -99, "internal", 500, true},
};

}  // namespace

TEST_CASE("every reason has the number, the name, the status and the retry of the contract") {
    for (const row& expected : contract) {
        CAPTURE(expected.name);
        CHECK(static_cast<int>(expected.why) == expected.number);
        CHECK(name(expected.why) == expected.name);
        CHECK(http_status(expected.why) == expected.http_status);
        CHECK(retryable(expected.why) == expected.retryable);
        CHECK(message(expected.why).size() > 10);
        CHECK(message(expected.why).ends_with('.'));
        CHECK(message(expected.why).find_first_of("\"\\\n") == std::string_view::npos);  // it fits into JSON as it is
    }
}

TEST_CASE("a reason is retryable if and only if its status is a 5xx") {
    for (const row& each : contract) CHECK(each.retryable == (each.http_status >= 500));
}

TEST_CASE("a number outside the set counts as internal") {
    for (const int number : {1, 100, 107, 211, 303, -7, -98, -100, 2147483647}) {
        CHECK(puck::name(static_cast<reason>(number)) == "internal");
        CHECK(puck::http_status(static_cast<reason>(number)) == 500);
        CHECK(puck::retryable(static_cast<reason>(number)));
    }
}

TEST_CASE("an error has the sentence of its reason, or a sentence of its own") {
    const puck::error plain(reason::duplicate);
    CHECK(plain.reason() == reason::duplicate);
    CHECK(plain.detail() == puck::message(reason::duplicate));
    CHECK(plain.http_status() == 200);
    CHECK_FALSE(plain.retryable());

    constexpr puck::error exact(reason::store_full, "No room.");
    CHECK(exact.detail() == "No room.");
    CHECK(exact.detail().data()[exact.detail().size()] == '\0');
    CHECK(exact.retryable());
}

TEST_CASE("an error with the reason ok becomes internal") {
    CHECK(puck::error(reason::ok).reason() == reason::internal);
}
