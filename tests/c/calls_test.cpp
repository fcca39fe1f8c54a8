// The C door, call by call: what it gives, and what it says to wrong arguments.
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

puck_account spoilt_account() {
    puck_account account;
    std::memset(&account, 0x5a, sizeof account);
    account.struct_size = sizeof account;
    return account;
}

bool is_zero(const puck_account& account) {
    return account.timestamp == 0 && account.is_authentic == 0 && account.secret_index == 0 &&
           account.secret_fingerprint[0] == '\0' && account.event_id[0] == '\0' && account.event_type[0] == '\0';
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
    CHECK(puck_sign(secrets.data(), 2, body.data(), body.size(), support::now, room.data(), room.size(), nullptr) ==
          PUCK_OK);
    CHECK(std::string(room.c_str()) == expected);
    CHECK(puck_sign(secrets.data(), 2, body.data(), body.size(), support::now, room.data(), room.size() - 1, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(room[0] == '\0');
    CHECK(puck_sign(secrets.data(), 2, body.data(), body.size(), support::now, room.data(), 0, nullptr) ==
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

TEST_CASE("C: verify accepts what is genuine and fresh, and tells what it knows") {
    const auto verifier = c::make_verifier();
    const auto verify = [&](std::string_view bytes, std::int64_t now, puck_account* account) {
        return puck_verify(verifier.get(), bytes.data(), bytes.size(), signature().data(), signature().size(), now,
                           account);
    };
    puck_account account = spoilt_account();
    CHECK(verify(body, support::now + 300, &account) == PUCK_OK);
    CHECK(account.is_authentic == 1);
    CHECK(account.timestamp == support::now);
    CHECK(account.secret_index == 0);
    CHECK(std::string(account.secret_fingerprint) == std::string(support::ring().begin()->fingerprint()));
    CHECK(std::string(account.detail).empty());
    CHECK(account.event_id[0] == '\0');

    account = spoilt_account();
    CHECK(verify(body, support::now + 301, &account) == PUCK_TIMESTAMP_TOO_OLD);
    CHECK(account.is_authentic == 1);
    CHECK(std::string(account.detail) == puck_reason_message(PUCK_TIMESTAMP_TOO_OLD));
    CHECK(verify(body, support::now - 301, nullptr) == PUCK_TIMESTAMP_TOO_NEW);

    account = spoilt_account();
    CHECK(verify(body + " ", support::now, &account) == PUCK_SIGNATURE_MISMATCH);
    CHECK(is_zero(account));
    CHECK(std::string(account.detail) == puck_reason_message(PUCK_SIGNATURE_MISMATCH));

    account = spoilt_account();
    CHECK(puck_verify(verifier.get(), body.data(), body.size(), nullptr, 0, support::now, &account) ==
          PUCK_MISSING_SIGNATURE);
    CHECK(is_zero(account));
}

TEST_CASE("C: without the window, age does not matter and the signature does") {
    const auto verifier = c::make_verifier();
    puck_account account = spoilt_account();
    const std::string old = support::sign(body, 1);
    CHECK(puck_dangerously_verify_without_window(verifier.get(), body.data(), body.size(), old.data(), old.size(),
                                                 &account) == PUCK_OK);
    CHECK(account.timestamp == 1);
    CHECK(puck_dangerously_verify_without_window(verifier.get(), body.data(), 3, old.data(), old.size(), &account) ==
          PUCK_SIGNATURE_MISMATCH);
    CHECK(is_zero(account));
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

    for (const puck_lru_settings& settings :
         {puck_lru_settings{sizeof(puck_lru_settings), 0, 86'400, 60},
          puck_lru_settings{sizeof(puck_lru_settings), (1 << 26) + 1, 86'400, 60},
          puck_lru_settings{sizeof(puck_lru_settings), 10, 599, 60},
          puck_lru_settings{sizeof(puck_lru_settings), 10, 2'592'001, 60},
          puck_lru_settings{sizeof(puck_lru_settings), 10, 86'400, 0},
          puck_lru_settings{sizeof(puck_lru_settings), 10, 600, 600}, puck_lru_settings{0, 0, 0, 0}}) {
        auto* made = c::spoilt<puck_dedupe>();
        const char* detail = nullptr;
        CHECK(puck_lru_new(&settings, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        CHECK(std::strlen(detail) > 20);
    }
}

TEST_CASE("C: the settings' values are used, and NULL means those of the _INIT") {
    const puck_verifier_settings settings{sizeof settings, 5, body.size() - 1};
    puck_verifier* made = nullptr;
    REQUIRE(puck_verifier_new(&c::secret, 1, &settings, &made, nullptr) == PUCK_OK);
    const c::verifier strict(made);
    const std::string small = support::sign("x");
    CHECK(puck_verify(strict.get(), "x", 1, small.data(), small.size(), support::now + 6, nullptr) ==
          PUCK_TIMESTAMP_TOO_OLD);
    CHECK(puck_verify(strict.get(), body.data(), body.size(), signature().data(), signature().size(), support::now,
                      nullptr) == PUCK_PAYLOAD_TOO_LARGE);

    const std::string large(1'048'577, 'x');
    const auto by_default = c::make_verifier();
    CHECK(puck_verify(by_default.get(), large.data(), large.size(), "t=1", 3, 1, nullptr) == PUCK_PAYLOAD_TOO_LARGE);
    CHECK(puck_verify(by_default.get(), large.data(), large.size() - 1, "t=1", 3, 1, nullptr) ==
          PUCK_UNSUPPORTED_SCHEME);
}

TEST_CASE("C: a bad secret is refused with a sentence that does not show it") {
    for (const std::string_view bad : {"", "only-15-bytes-x", "whsec_with a blank-inside", "whsec_with-a-newline\n"}) {
        const puck_bytes secrets[]{c::secret, c::bytes(bad)};
        auto* made = c::spoilt<puck_verifier>();
        const char* detail = nullptr;
        CHECK(puck_verifier_new(secrets, 2, nullptr, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        CHECK(std::string(detail).find("secret") != std::string::npos);
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
    REQUIRE(puck_event_get(event.get(), &fields) == PUCK_OK);
    CHECK(c::view(fields.event_id) == support::event_id);
    CHECK(c::view(fields.event_type) == "finding.discovered");
    CHECK(c::view(fields.emitted_at) == "2026-05-03T14:22:01Z");
    CHECK(c::view(fields.api_version) == "v1");
    CHECK(c::view(fields.data) == R"({"severity":"critical", "n":1e400})");
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
        REQUIRE(puck_event_get(made, &fields) == PUCK_OK);
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

TEST_CASE("C: a delivery is received, handled once, and told of") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    c::request request{body};
    request.account = spoilt_account();
    REQUIRE(request.receive(receiver) == PUCK_OK);
    CHECK(std::string(request.account.detail).empty());
    CHECK(request.account.is_authentic == 1);
    CHECK(request.account.event_id == support::event_id);
    CHECK(std::string(request.account.event_type) == "finding.discovered");
    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    REQUIRE(puck_event_get(puck_delivery_event(request.got.get()), &fields) == PUCK_OK);
    CHECK(c::view(fields.event_id) == support::event_id);

    c::request again{body};
    CHECK(again.receive(receiver) == PUCK_IN_PROGRESS);
    CHECK(again.got == nullptr);
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_CLAIM_LOST);
    CHECK(puck_delivery_release(request.got.get()) == PUCK_CLAIM_LOST);
    CHECK(again.receive(receiver) == PUCK_DUPLICATE);
    CHECK(again.account.event_id == support::event_id);
    CHECK(std::string(again.account.detail) == puck_reason_message(PUCK_DUPLICATE));
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
