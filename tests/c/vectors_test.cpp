// The cases of tests/vectors, which every language runs, through the C door.
#include "support/vectors.hpp"
#include "c/support.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using support::body;
using support::bytes;
using support::json;

namespace {

/// A case's secrets as C takes them.
struct secrets_of {
    std::vector<std::string> texts;
    std::vector<puck_bytes> given;

    explicit secrets_of(const json& each) {
        for (const json& text : each.at("secrets")) texts.push_back(bytes(text));
        for (const std::string& text : texts) given.push_back(c::bytes(text));
    }
};

void check(const puck_account& account, const json& expect) {
    CHECK((account.is_authentic == 1) == expect.contains("timestamp"));
    if (!expect.contains("timestamp")) return;
    CHECK(account.timestamp == expect.at("timestamp").get<std::int64_t>());
    CHECK(account.secret_index == expect.at("secret_index").get<std::int32_t>());
    CHECK(std::string(account.secret_fingerprint) == expect.at("secret_fingerprint").get<std::string>());
}

void check(const puck_event* event, const json& expect) {
    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    REQUIRE(puck_event_get(event, &fields) == PUCK_OK);
    CHECK(c::view(fields.event_id) == expect.at("event_id").get<std::string>());
    CHECK(c::view(fields.event_type) == expect.at("event_type").get<std::string>());
    CHECK(c::view(fields.emitted_at) == bytes(expect.at("emitted_at_text")));
    CHECK(fields.emitted_at_seconds == expect.at("emitted_at_seconds").get<std::int64_t>());
    CHECK(fields.emitted_at_nanoseconds == expect.at("emitted_at_nanoseconds").get<std::int32_t>());
    CHECK(c::view(fields.api_version) == expect.at("api_version").get<std::string>());
    CHECK(c::view(fields.data) == body(expect.at("data")));
    static const char* const severities[]{nullptr, "low", "medium", "high", "critical"};
    REQUIRE(fields.severity >= 0);
    REQUIRE(fields.severity <= 4);
    const char* const severity = severities[fields.severity];
    CHECK((severity == nullptr ? json() : json(severity)) == expect.at("severity"));
}

puck_verifier_settings settings_of(const json& each) {
    puck_verifier_settings settings = PUCK_VERIFIER_SETTINGS_INIT;
    const json given = each.value("settings", json::object());
    settings.tolerance = given.value("tolerance", settings.tolerance);
    settings.max_body = given.value("max_body", settings.max_body);
    return settings;
}

void judge(const json& each) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const json& pair : each.at("headers")) lines.emplace_back(bytes(pair.at(0)), bytes(pair.at(1)));
    std::vector<puck_header> headers;
    for (const auto& [name, value] : lines) headers.push_back(c::header(name, value));
    const std::string raw = body(each.at("body"));
    const json& expect = each.at("expect");
    const secrets_of secrets(each);
    const puck_verifier_settings settings = settings_of(each);

    const auto store = c::lru();
    puck_receiver* receiver = nullptr;
    REQUIRE(puck_receiver_new(secrets.given.data(), secrets.given.size(), &settings, store.get(), &receiver, nullptr) ==
            PUCK_OK);
    const c::receiver owner(receiver);
    puck_delivery* got = nullptr;
    puck_account account = PUCK_ACCOUNT_INIT;
    const std::int32_t why = puck_receive(receiver, headers.data(), headers.size(), raw.data(), raw.size(),
                                          each.at("now").get<std::int64_t>(), &got, &account);
    const c::delivery delivery(got);
    CHECK(std::string(puck_reason_name(why)) == expect.at("reason").get<std::string>());
    CHECK((got != nullptr) == (why == PUCK_OK));
    check(account, expect);
    if (got != nullptr) {
        check(puck_delivery_event(got), expect);
        CHECK(puck_delivery_commit(got) == PUCK_OK);
    }
}

void judge_all(const char* file, std::size_t at_least) {
    const auto cases = support::cases(file);
    CHECK(cases.size() >= at_least);
    for (const json& each : cases) {
        const auto id = each.at("id").get<std::string>();
        CAPTURE(id);
        judge(each);
    }
}

}  // namespace

TEST_CASE("C: vectors: signature headers") { judge_all("signature.json", 300); }
TEST_CASE("C: vectors: envelopes") { judge_all("envelope.json", 150); }
TEST_CASE("C: vectors: headers beside the envelope") { judge_all("headers.json", 15); }
TEST_CASE("C: vectors: JSON conformance inside data") { judge_all("json_suite.json", 150); }

TEST_CASE("C: vectors: secrets") {
    const auto cases = support::cases("secrets.json");
    CHECK(cases.size() >= 15);
    for (const json& each : cases) {
        const auto id = each.at("id").get<std::string>();
        CAPTURE(id);
        const secrets_of secrets(each);
        puck_verifier* made = nullptr;
        const std::int32_t why = puck_verifier_new(secrets.given.data(), secrets.given.size(), nullptr, &made, nullptr);
        const c::verifier owner(made);
        CHECK(why == (each.at("expect").at("accepted").get<bool>() ? PUCK_OK : PUCK_INVALID_ARGUMENT));
    }
}
