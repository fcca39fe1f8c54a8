// The C API, call by call: what it gives, and what it says to wrong settings.
#include "c/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace {

const std::string body = support::envelope();
const std::string& signature() {
    static const std::string made = support::sign(body);  // not before main, which watches OpenSSL's memory
    return made;
}

}  // namespace

TEST_CASE("C: reasons answer as in C++, and unknown numbers as internal") {
    for (const int why : {0, 101, 106, 201, 210, 301, 302, -1, -6, -99}) {
        const auto reason = static_cast<puck::reason>(why);
        CHECK(std::string(puck_reason_name(why)) == name(reason));
        CHECK(std::string(puck_reason_message(why)) == message(reason));
        CHECK(puck_reason_http_status(why) == http_status(reason));
        CHECK(puck_reason_retryable(why) == (retryable(reason) ? 1 : 0));
    }
    for (const int unknown : {1, 100, 107, 999, -7, -100, INT32_MAX, INT32_MIN}) {
        CHECK(std::string(puck_reason_name(unknown)) == "internal");
        CHECK(puck_reason_http_status(unknown) == 500);
        CHECK(puck_reason_retryable(unknown) == 1);
    }
    CHECK(std::string(puck_version()) == puck::version);
}

TEST_CASE("C: sign writes a terminated header, and nothing if there is no room") {
    const std::array<puck_bytes, 2> secrets{c::secret, c::bytes(support::old_secret)};
    const std::string expected = support::sign(body, support::now, {support::secret, support::old_secret});
    std::string room(expected.size() + 1, 'x');
    CHECK(puck_sign(secrets.data(), 2, body.data(), body.size(), c::now, room.data(), room.size(), nullptr) == PUCK_OK);
    CHECK(std::string(room.c_str()) == expected);
    CHECK(puck_sign(secrets.data(), 2, body.data(), body.size(), c::now, room.data(), room.size() - 1, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(room[0] == '\0');
    CHECK(puck_sign(secrets.data(), 2, body.data(), body.size(), c::now, room.data(), 0, nullptr) ==
          PUCK_INVALID_ARGUMENT);

    std::vector<std::string> texts;
    std::vector<puck_bytes> most;
    for (int i = 0; i < 17; ++i) texts.push_back("whsec_number-" + std::to_string(i) + "-of-the-ring");
    for (const std::string& text : texts) most.push_back(c::bytes(text));
    char longest[PUCK_SIGNATURE_SIZE];
    CHECK(puck_sign(most.data(), 16, nullptr, 0, 999'999'999'999, longest, sizeof longest, nullptr) == PUCK_OK);
    CHECK(std::strlen(longest) == 2 + 12 + 16 * 68);
    CHECK(puck_sign(most.data(), 17, nullptr, 0, 0, longest, sizeof longest, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_sign(most.data(), 1, nullptr, 0, -1, longest, sizeof longest, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_sign(most.data(), 1, nullptr, 0, 1'000'000'000'000, longest, sizeof longest, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(longest[0] == '\0');
}

TEST_CASE("C: a signature is accepted if it is genuine and fresh, and the verdict says what is known") {
    const auto verifier = c::make_verifier();
    puck_verdict verdict;
    const auto verify = [&](std::string_view bytes, std::int64_t received_at) {
        verdict = c::spoilt_verdict();
        const std::int32_t why = puck_verifier_verify_signature(
            verifier.get(), bytes.data(), bytes.size(), signature().data(), signature().size(), received_at, &verdict);
        c::check_agrees(verdict, why);
        CHECK(c::knows_no_event(verdict));
        return why;
    };
    CHECK(verify(body, c::now + 300) == PUCK_OK);
    CHECK(std::string(verdict.reason) == "ok");
    CHECK(verdict.is_authentic == 1);
    CHECK(verdict.timestamp == c::now);
    CHECK(verdict.skew_seconds == 300);
    CHECK(verdict.secret_index == 0);
    CHECK(std::string(verdict.secret_fingerprint) == std::string(support::ring().begin()->fingerprint()));

    CHECK(verify(body, c::now + 301) == PUCK_TIMESTAMP_TOO_OLD);
    CHECK(verdict.is_authentic == 1);
    CHECK(verdict.timestamp == c::now);
    CHECK(verdict.skew_seconds == 301);
    CHECK(verdict.http_status == 503);
    CHECK(verdict.retryable == 1);
    CHECK(std::string(verdict.detail) == puck_reason_message(PUCK_TIMESTAMP_TOO_OLD));
    CHECK(verify(body, c::now - 301) == PUCK_TIMESTAMP_TOO_NEW);
    CHECK(verdict.skew_seconds == -301);
    CHECK(verify(body, INT64_MIN) == PUCK_TIMESTAMP_TOO_NEW);
    CHECK(verdict.skew_seconds == INT64_MIN);

    CHECK(verify(body, c::now * 1000) == PUCK_INVALID_ARGUMENT);
    CHECK(std::string(verdict.detail).find("milliseconds") != std::string::npos);
    CHECK(c::knows_no_proof(verdict));
    CHECK(verify(body + " ", c::now) == PUCK_SIGNATURE_MISMATCH);
    CHECK(c::knows_no_proof(verdict));
    CHECK(verdict.http_status == 401);

    CHECK(puck_verifier_verify_signature(verifier.get(), body.data(), body.size(), nullptr, 0, c::now, nullptr) ==
          PUCK_MISSING_SIGNATURE);
}

TEST_CASE("C: without the window, age does not matter and the signature does") {
    const auto verifier = c::make_verifier();
    puck_verdict verdict = c::spoilt_verdict();
    const std::string old = support::sign(body, support::unix_time(1));
    CHECK(puck_verifier_dangerously_verify_without_window(verifier.get(), body.data(), body.size(), old.data(),
                                                          old.size(), c::now, &verdict) == PUCK_OK);
    c::check_agrees(verdict, PUCK_OK);
    CHECK(verdict.timestamp == 1);
    CHECK(verdict.skew_seconds == c::now - 1);
    CHECK(puck_verifier_dangerously_verify_without_window(verifier.get(), body.data(), 3, old.data(), old.size(),
                                                          c::now, &verdict) == PUCK_SIGNATURE_MISMATCH);
    c::check_agrees(verdict, PUCK_SIGNATURE_MISMATCH);
    CHECK(c::knows_no_proof(verdict));
}

TEST_CASE("C: a request is verified into an event, and nothing is remembered") {
    const auto verifier = c::make_verifier();
    c::request request{support::envelope("018F2E3A-1C47-7A12-B321-AABBCCDDEEFF")};
    request.headers.push_back(c::header("X-Puck-Event-Id", ""));
    request.received_at = c::now - 20;
    for (int round = 0; round < 2; ++round) {
        request.verdict = c::spoilt_verdict();
        REQUIRE(request.verify(verifier) == PUCK_OK);
        CHECK(std::string(request.verdict.reason) == "ok");
        CHECK(request.verdict.http_status == 200);
        CHECK(request.verdict.retryable == 0);
        CHECK(request.verdict.is_authentic == 1);
        CHECK(request.verdict.skew_seconds == -20);
        CHECK(request.verdict.has_event == 1);
        CHECK(request.verdict.event_id == support::event_id);
        CHECK(std::string(request.verdict.event_type) == "finding.discovered");
        CHECK(std::string(request.verdict.api_version) == "v1");
        CHECK(request.verdict.emitted_at_seconds == 1'777'818'121);
        CHECK(request.verdict.emitted_at_nanoseconds == 0);
        CHECK(request.verdict.severity == PUCK_SEVERITY_HIGH);
        puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
        REQUIRE(puck_event_get_fields(request.verified.get(), &fields) == PUCK_OK);
        CHECK(c::view(fields.event_id) == support::event_id);
        CHECK(c::view(fields.data_json) == R"({"severity":"high"})");
    }
}

TEST_CASE("C: a refusal says what was known by then") {
    const auto verifier = c::make_verifier();
    c::request forged{body};
    forged.body += ' ';
    CHECK(forged.verify(verifier) == PUCK_SIGNATURE_MISMATCH);
    CHECK(forged.verified == nullptr);
    CHECK(c::knows_no_proof(forged.verdict));
    CHECK(c::knows_no_event(forged.verdict));

    c::request stale{body};
    stale.received_at += 301;
    CHECK(stale.verify(verifier) == PUCK_TIMESTAMP_TOO_OLD);
    CHECK(stale.verified == nullptr);
    CHECK(stale.verdict.skew_seconds == 301);
    CHECK(c::knows_no_event(stale.verdict));

    c::request hollow{"{}"};
    CHECK(hollow.verify(verifier) == PUCK_MISSING_FIELD);
    CHECK(hollow.verdict.is_authentic == 1);
    CHECK(std::string(hollow.verdict.detail) == "The envelope has no event_id.");
    CHECK(c::knows_no_event(hollow.verdict));

    const std::string longest(128, 'x');
    std::string bytes = body;
    c::request contradicted{bytes.replace(bytes.find("finding.discovered"), 18, longest)};
    contradicted.headers.push_back(c::header("X-Puck-Event-Type", "finding.discovered"));
    CHECK(contradicted.verify(verifier) == PUCK_HEADER_MISMATCH);
    CHECK(contradicted.verified == nullptr);
    CHECK(contradicted.verdict.has_event == 1);
    CHECK(contradicted.verdict.event_id == support::event_id);
    CHECK(contradicted.verdict.event_type == longest);
    CHECK(contradicted.verdict.severity == PUCK_SEVERITY_HIGH);
}

TEST_CASE("C: a verdict that was never filled does not read as accepted") {
    const puck_verdict verdicts[]{puck_verdict{}, PUCK_VERDICT_INIT};
    for (const puck_verdict& verdict : verdicts) {
        CHECK(verdict.reason == nullptr);
        CHECK(verdict.http_status == 0);
        CHECK(verdict.is_authentic == 0);
        CHECK(verdict.has_event == 0);
    }
}

TEST_CASE("C: settings out of their bounds are refused with a sentence, and zero never turns a limit off") {
    const auto refused = [](puck_verifier_settings settings) {
        auto* made = c::spoilt<puck_verifier>();
        const char* detail = nullptr;
        CHECK(puck_verifier_new(&c::secret, 1, &settings, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        REQUIRE(detail != nullptr);
        CHECK(std::strlen(detail) > 20);
    };
    constexpr std::uint64_t size = sizeof(puck_verifier_settings);
    for (const std::int64_t tolerance : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{86'401}, INT64_MIN, INT64_MAX})
        refused({size, tolerance, 1000});
    for (const std::uint64_t max_body : {std::uint64_t{0}, std::uint64_t{1'073'741'825}, UINT64_MAX})
        refused({size, 300, max_body});
    refused({0, 0, 0});

    for (const puck_dedupe_lru_settings& settings :
         {puck_dedupe_lru_settings{sizeof(puck_dedupe_lru_settings), 0, 86'400, 60},
          puck_dedupe_lru_settings{sizeof(puck_dedupe_lru_settings), (1 << 26) + 1, 86'400, 60},
          puck_dedupe_lru_settings{sizeof(puck_dedupe_lru_settings), 10, 599, 60},
          puck_dedupe_lru_settings{sizeof(puck_dedupe_lru_settings), 10, 2'592'001, 60},
          puck_dedupe_lru_settings{sizeof(puck_dedupe_lru_settings), 10, 86'400, 0},
          puck_dedupe_lru_settings{sizeof(puck_dedupe_lru_settings), 10, 600, 600},
          puck_dedupe_lru_settings{0, 0, 0, 0}}) {
        auto* made = c::spoilt<puck_dedupe>();
        const char* detail = nullptr;
        CHECK(puck_dedupe_new_lru(&settings, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        CHECK(std::strlen(detail) > 20);
    }
}

TEST_CASE("C: a receiver refuses a store that remembers for less than twice the tolerance") {
    const auto store = c::lru({sizeof(puck_dedupe_lru_settings), 10, 600, 60});
    puck_verifier_settings settings = PUCK_VERIFIER_SETTINGS_INIT;
    settings.tolerance = 301;
    auto* made = c::spoilt<puck_receiver>();
    const char* detail = nullptr;
    CHECK(puck_receiver_new(&c::secret, 1, &settings, store.get(), &made, &detail) == PUCK_INVALID_ARGUMENT);
    CHECK(made == nullptr);
    CHECK(std::string(detail).find("twice the tolerance") != std::string::npos);
    settings.tolerance = 300;
    CHECK(puck_receiver_new(&c::secret, 1, &settings, store.get(), &made, &detail) == PUCK_OK);
    const c::receiver owner(made);
    CHECK(std::string(detail).empty());
}

TEST_CASE("C: the settings' values are used, and NULL means those of the _INIT") {
    const puck_verifier_settings settings{sizeof settings, 5, body.size() - 1};
    puck_verifier* made = nullptr;
    REQUIRE(puck_verifier_new(&c::secret, 1, &settings, &made, nullptr) == PUCK_OK);
    const c::verifier strict(made);
    const std::string small = support::sign("x");
    CHECK(puck_verifier_verify_signature(strict.get(), "x", 1, small.data(), small.size(), c::now + 6, nullptr) ==
          PUCK_TIMESTAMP_TOO_OLD);
    CHECK(puck_verifier_verify_signature(strict.get(), body.data(), body.size(), signature().data(), signature().size(),
                                         c::now, nullptr) == PUCK_PAYLOAD_TOO_LARGE);

    const std::string large(1'048'577, 'x');
    const auto by_default = c::make_verifier();
    CHECK(puck_verifier_verify_signature(by_default.get(), large.data(), large.size(), "t=1", 3, 1, nullptr) ==
          PUCK_PAYLOAD_TOO_LARGE);
    CHECK(puck_verifier_verify_signature(by_default.get(), large.data(), large.size() - 1, "t=1", 3, 1, nullptr) ==
          PUCK_UNSUPPORTED_SCHEME);
}

TEST_CASE("C: a bad secret is refused with a sentence that does not show it") {
    for (const std::string_view bad :
         {"", "whsec_too-short", "whsec_with a blank-inside", "whsec_with-a-newline\n", "\"whsec_in-quotes-of-a-file\"",
          "PUCK_WEBHOOK_SECRETS=whsec_0123456789abcdef", "whsec_aaaaaaaaaaaaaaaa,whsec_bbbbbbbbbbbbbbbb",
          "${PUCK_WEBHOOK_SECRETS}", "0123456789abcdef", "whsec_0123456789abcdef\u00a0"}) {
        const puck_bytes secrets[]{c::secret, c::bytes(bad)};
        auto* made = c::spoilt<puck_verifier>();
        const char* detail = nullptr;
        CHECK(puck_verifier_new(secrets, 2, nullptr, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        CHECK(std::string(detail).find("secret") != std::string::npos);
        char room[PUCK_SIGNATURE_SIZE] = "x";
        CHECK(puck_sign(secrets, 2, nullptr, 0, 0, room, sizeof room, nullptr) == PUCK_INVALID_ARGUMENT);
        CHECK(room[0] == '\0');
        CHECK((bad.empty() || std::string(detail).find(bad) == std::string::npos));
    }
    auto* made = c::spoilt<puck_verifier>();
    CHECK(puck_verifier_new(nullptr, 0, nullptr, &made, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(made == nullptr);
}

TEST_CASE("C: an envelope gives each of its fields, and outlives the body") {
    std::string bytes =
        support::envelope("018F2E3A-1C47-7A12-B321-AABBCCDDEEFF", R"( {"severity":"critical", "n":1e400} )");
    puck_event* made = nullptr;
    const char* detail = nullptr;
    REQUIRE(puck_parse_envelope(bytes.data(), bytes.size(), &made, &detail) == PUCK_OK);
    CHECK(std::string(detail).empty());
    const c::event event(made);
    bytes.assign(bytes.size(), 'x');

    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    REQUIRE(puck_event_get_fields(event.get(), &fields) == PUCK_OK);
    CHECK(c::view(fields.event_id) == support::event_id);
    CHECK(c::view(fields.event_type) == "finding.discovered");
    CHECK(c::view(fields.emitted_at_text) == "2026-05-03T14:22:01Z");
    CHECK(c::view(fields.api_version) == "v1");
    CHECK(c::view(fields.data_json) == R"({"severity":"critical", "n":1e400})");
    CHECK(fields.emitted_at_seconds == 1'777'818'121);
    CHECK(fields.emitted_at_nanoseconds == 0);
    CHECK(fields.severity == PUCK_SEVERITY_CRITICAL);
    CHECK(std::ranges::equal(fields.id, puck::uuid::parse(support::event_id)->bytes));

    const std::pair<const char*, int> severities[]{{"low", PUCK_SEVERITY_LOW},
                                                   {"medium", PUCK_SEVERITY_MEDIUM},
                                                   {"high", PUCK_SEVERITY_HIGH},
                                                   {"urgent", PUCK_SEVERITY_NONE}};
    for (const auto& [word, number] : severities) {
        const std::string other = support::envelope(support::event_id, std::string(R"({"severity":")") + word + "\"}");
        REQUIRE(puck_parse_envelope(other.data(), other.size(), &made, nullptr) == PUCK_OK);
        const c::event owner(made);
        REQUIRE(puck_event_get_fields(made, &fields) == PUCK_OK);
        CHECK(fields.severity == number);
    }
}

TEST_CASE("C: a bad envelope has a reason and a sentence, and no event") {
    auto* made = c::spoilt<puck_event>();
    const char* detail = nullptr;
    CHECK(puck_parse_envelope("{}", 2, &made, &detail) == PUCK_MISSING_FIELD);
    CHECK(made == nullptr);
    CHECK(std::string(detail) == "The envelope has no event_id.");
    CHECK(puck_parse_envelope(nullptr, 0, &made, nullptr) == PUCK_INVALID_JSON);
}

TEST_CASE("C: a delivery is received and handled once, and its verdict says what it is") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    c::request request{body};
    REQUIRE(request.receive(receiver) == PUCK_OK);
    CHECK(std::string(request.verdict.reason) == "ok");
    CHECK(request.verdict.is_authentic == 1);
    CHECK(request.verdict.has_event == 1);
    CHECK(request.verdict.event_id == support::event_id);
    CHECK(std::string(request.verdict.event_type) == "finding.discovered");
    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    REQUIRE(puck_event_get_fields(puck_delivery_event(request.got.get()), &fields) == PUCK_OK);
    CHECK(c::view(fields.event_id) == support::event_id);

    c::request again{body};
    CHECK(again.receive(receiver) == PUCK_IN_PROGRESS);
    CHECK(again.got == nullptr);
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
    CHECK(puck_delivery_release(request.got.get()) == PUCK_CLAIM_LOST);
    CHECK(again.receive(receiver) == PUCK_DUPLICATE);
    CHECK(again.verdict.http_status == 200);
    CHECK(again.verdict.event_id == support::event_id);
    CHECK(again.verdict.skew_seconds == 0);
    CHECK(std::string(again.verdict.secret_fingerprint).size() == 8);
    CHECK(std::string(again.verdict.detail) == puck_reason_message(PUCK_DUPLICATE));
}

TEST_CASE("C: what is freed without a commit, or released, comes again") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    c::request request{body};
    REQUIRE(request.receive(receiver) == PUCK_OK);
    request.got.reset();
    REQUIRE(request.receive(receiver) == PUCK_OK);
    CHECK(puck_delivery_release(request.got.get()) == PUCK_OK);
    REQUIRE(request.receive(receiver) == PUCK_OK);
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
}

TEST_CASE("C: headers have no case, and many of them are looked at") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    c::request request{body};
    request.headers.assign(1000, c::header("Accept", "*/*"));
    request.headers.push_back(c::header("x-puck-SIGNATURE", request.signature));
    CHECK(request.receive(receiver) == PUCK_OK);
    request.headers.push_back(c::header("X-Puck-Signature", request.signature));
    CHECK(request.receive(receiver) == PUCK_MALFORMED_SIGNATURE);
    CHECK(request.got == nullptr);
    request.headers.clear();
    CHECK(request.receive(receiver) == PUCK_MISSING_SIGNATURE);
}

TEST_CASE("C: a store may be freed before its receiver, and a receiver before its delivery") {
    auto store = c::lru();
    auto receiver = c::make_receiver(store.get());
    c::request request{body};
    store.reset();
    REQUIRE(request.receive(receiver) == PUCK_OK);
    receiver.reset();
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
}

TEST_CASE("C: freeing NULL does nothing") {
    puck_verifier_free(nullptr);
    puck_event_free(nullptr);
    puck_dedupe_free(nullptr);
    puck_receiver_free(nullptr);
    puck_delivery_free(nullptr);
    CHECK(puck_delivery_event(nullptr) == nullptr);
}
