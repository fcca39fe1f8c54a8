// The cases of tests/vectors, which every language runs, through The C API.
#include "support/vectors.hpp"
#include "c/support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
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

json severity_of(std::int32_t number) {
    static const char* const severities[]{nullptr, "low", "medium", "high", "critical"};
    REQUIRE(number >= 0);
    REQUIRE(number <= 4);
    return number == PUCK_SEVERITY_NONE ? json() : json(severities[number]);
}

void check(const puck_verdict& verdict, std::int32_t result, const json& expect) {
    c::check_agrees(verdict, result);
    CHECK(std::string(verdict.reason) == expect.at("reason").get<std::string>());
    if (expect.contains("timestamp")) {
        CHECK(verdict.is_authentic == 1);
        CHECK(verdict.timestamp == expect.at("timestamp").get<std::int64_t>());
        CHECK(verdict.skew_seconds == expect.at("skew_seconds").get<std::int64_t>());
        CHECK(verdict.secret_index == expect.at("secret_index").get<std::int32_t>());
        CHECK(std::string(verdict.secret_fingerprint) == expect.at("secret_fingerprint").get<std::string>());
    } else {
        CHECK(c::knows_no_proof(verdict));
    }
    if (expect.contains("event_id")) {
        CHECK(verdict.has_event == 1);
        CHECK(verdict.event_id == expect.at("event_id").get<std::string>());
        CHECK(verdict.event_type == expect.at("event_type").get<std::string>());
        CHECK(verdict.emitted_at_seconds == expect.at("emitted_at_seconds").get<std::int64_t>());
        CHECK(verdict.emitted_at_nanoseconds == expect.at("emitted_at_nanoseconds").get<std::int32_t>());
        CHECK(verdict.api_version == expect.at("api_version").get<std::string>());
        CHECK(severity_of(verdict.severity) == expect.at("severity"));
    } else {
        CHECK(c::knows_no_event(verdict));
    }
}

void check(const puck_event* event, const json& expect) {
    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    REQUIRE(puck_event_get_fields(event, &fields) == PUCK_OK);
    CHECK(c::view(fields.event_id) == expect.at("event_id").get<std::string>());
    CHECK(c::view(fields.event_type) == expect.at("event_type").get<std::string>());
    CHECK(c::view(fields.emitted_at_text) == bytes(expect.at("emitted_at_text")));
    CHECK(fields.emitted_at_seconds == expect.at("emitted_at_seconds").get<std::int64_t>());
    CHECK(fields.emitted_at_nanoseconds == expect.at("emitted_at_nanoseconds").get<std::int32_t>());
    CHECK(c::view(fields.api_version) == expect.at("api_version").get<std::string>());
    CHECK(c::view(fields.data_json) == body(expect.at("data")));
    CHECK(severity_of(fields.severity) == expect.at("severity"));
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

    const auto received_at = each.at("received_at").get<std::int64_t>();
    puck_verdict verdict = c::spoilt_verdict();
    const auto check_call = [&](std::int32_t result, const puck_event* event) {
        CHECK((event != nullptr) == (result == PUCK_OK));
        check(verdict, result, expect);
        if (event != nullptr) check(event, expect);
        verdict = c::spoilt_verdict();
    };

    puck_verifier* verifier = nullptr;
    REQUIRE(puck_verifier_new(secrets.given.data(), secrets.given.size(), &settings, &verifier, nullptr) == PUCK_OK);
    const c::verifier owned_verifier(verifier);
    auto* event = c::spoilt<puck_event>();
    std::int32_t result = puck_verifier_verify(verifier, headers.data(), headers.size(), raw.data(), raw.size(),
                                               received_at, &event, &verdict);
    const c::event owned_event(event);
    check_call(result, event);

    const auto store = c::lru({sizeof(puck_dedupe_lru_settings), 1, 2 * 86'400, 60});
    puck_receiver* receiver = nullptr;
    REQUIRE(puck_receiver_new(secrets.given.data(), secrets.given.size(), &settings, store.get(), &receiver, nullptr) ==
            PUCK_OK);
    const c::receiver owned_receiver(receiver);
    auto* delivery = c::spoilt<puck_delivery>();
    result = puck_receiver_receive(receiver, headers.data(), headers.size(), raw.data(), raw.size(), received_at,
                                   &delivery, &verdict);
    const c::delivery owned_delivery(delivery);
    check_call(result, puck_delivery_event(delivery));
    if (delivery != nullptr) CHECK(puck_delivery_commit(delivery) == PUCK_OK);
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

// The built-in store runs on the machine's clock here, so the cases that wait are left to the C++ test, which moves a
// clock of its own.
TEST_CASE("C: vectors: stores") {
    int run = 0;
    for (const json& each : support::cases("stores.json")) {
        const json& steps = each.at("steps");
        if (std::ranges::any_of(steps, [](const json& step) { return step.at("do") == "wait"; })) continue;
        ++run;
        const auto id = each.at("id").get<std::string>();
        CAPTURE(id);
        const auto store = c::lru({sizeof(puck_dedupe_lru_settings), 16, each.at("ttl").get<std::int64_t>(),
                                   each.at("lease").get<std::int64_t>()});
        REQUIRE(store != nullptr);
        std::map<std::string, std::uint64_t> tokens;
        for (const json& step : steps) {
            const auto as = step.at("as").get<std::string>();
            const std::uint8_t event[16] = {step.value("event", std::uint8_t{1})};
            CAPTURE(step.dump());
            std::int32_t result = PUCK_INTERNAL;
            if (step.at("do") == "claim") {
                result = puck_dedupe_claim(store.get(), event, &tokens[as]);
            } else if (step.at("do") == "commit") {
                result = puck_dedupe_commit(store.get(), event, tokens.at(as));
            } else if (step.at("do") == "release") {
                result = puck_dedupe_release(store.get(), event, tokens.at(as));
            }
            CHECK(std::string(puck_reason_name(result)) == step.at("expect").get<std::string>());
        }
    }
    CHECK(run >= 20);
}
