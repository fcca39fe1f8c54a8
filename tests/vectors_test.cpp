// Runs the cases of tests/vectors, which every language runs, with a verifier and a receiver.
#include "support/vectors.hpp"
#include "support/deliveries.hpp"
#include "support/stores.hpp"

#include <puck/webhooks.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using puck::reason;
using support::body;
using support::bytes;
using support::json;

namespace {

puck::secret_ring ring_of(const json& each) {
    std::vector<puck::secret> secrets;
    for (const json& text : each.at("secrets")) secrets.push_back(puck::secret::make(bytes(text)).value());
    return puck::secret_ring::make(std::move(secrets)).value();
}

puck::verifier_settings settings_of(const json& each) {
    puck::verifier_settings settings;
    const json given = each.value("settings", json::object());
    settings.tolerance = std::chrono::seconds(given.value("tolerance", settings.tolerance.count()));
    settings.max_body = given.value("max_body", settings.max_body);
    return settings;
}

void check(const puck::proof& proof, const json& expect) {
    CHECK(proof.timestamp == support::unix_time(expect.at("timestamp").get<std::int64_t>()));
    CHECK(proof.skew_seconds.count() == expect.at("skew_seconds").get<std::int64_t>());
    CHECK(proof.secret_index == expect.at("secret_index").get<std::size_t>());
    CHECK(std::string(proof.secret_fingerprint) == expect.at("secret_fingerprint").get<std::string>());
}

void check(const puck::event& event, const json& expect) {
    CHECK(event.event_id() == expect.at("event_id").get<std::string>());
    CHECK(event.event_type() == expect.at("event_type").get<std::string>());
    CHECK(event.emitted_at_text() == bytes(expect.at("emitted_at_text")));
    CHECK(event.emitted_at().seconds == support::unix_time(expect.at("emitted_at_seconds").get<std::int64_t>()));
    CHECK(event.emitted_at().nanoseconds.count() == expect.at("emitted_at_nanoseconds").get<std::int32_t>());
    CHECK(event.api_version() == expect.at("api_version").get<std::string>());
    const json severity = event.severity() ? json(std::string(name(*event.severity()))) : json();
    CHECK(severity == expect.at("severity"));
    CHECK(event.data_json() == body(expect.at("data")));
}

/// The proof and the event must be known if and only if the case expects them.
void check(const puck::proof* proof, const puck::event* event, const json& expect) {
    CHECK((proof != nullptr) == expect.contains("timestamp"));
    if (proof != nullptr && expect.contains("timestamp")) check(*proof, expect);
    CHECK((event != nullptr) == expect.contains("event_id"));
    if (event != nullptr && expect.contains("event_id")) check(*event, expect);
}

template <class Judged>
void check(const Judged& judged, const json& expect) {
    const reason verdict = judged ? reason::ok : judged.error().reason();
    CHECK(name(verdict) == expect.at("reason").get<std::string>());
    if (judged) return check(&judged->proof(), &judged->event(), expect);
    const puck::rejection& no = judged.error();
    check(no.proof ? &*no.proof : nullptr, no.event ? &*no.event : nullptr, expect);
}

void judge(const json& each) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const json& pair : each.at("headers")) lines.emplace_back(bytes(pair.at(0)), bytes(pair.at(1)));
    std::vector<puck::header> headers;
    for (const auto& [name, value] : lines) headers.push_back({name, value});
    const std::string raw = body(each.at("body"));
    const puck::request request{headers, raw, support::unix_time(each.at("received_at").get<std::int64_t>())};
    const puck::verifier_settings settings = settings_of(each);

    const auto verifier = puck::verifier::make(ring_of(each), settings).value();
    check(verifier.verify(request), each.at("expect"));

    const std::shared_ptr<puck::dedupe_store> store = support::lru({.ttl = std::chrono::seconds(172'800)});
    const auto receiver = puck::receiver::make(ring_of(each), {settings.tolerance, settings.max_body, store}).value();
    auto delivery = receiver.receive(request);
    check(delivery, each.at("expect"));
    if (!delivery) return;
    CHECK(delivery->commit() == reason::ok);
    CHECK(receiver.receive(request).error().reason() == reason::duplicate);
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

TEST_CASE("vectors: signature headers") { judge_all("signature.json", 300); }
TEST_CASE("vectors: envelopes") { judge_all("envelope.json", 150); }
TEST_CASE("vectors: unsigned headers") { judge_all("headers.json", 15); }
TEST_CASE("vectors: JSON conformance inside data") { judge_all("json_suite.json", 150); }

TEST_CASE("vectors: secrets") {
    const auto cases = support::cases("secrets.json");
    CHECK(cases.size() >= 15);
    for (const json& each : cases) {
        const auto id = each.at("id").get<std::string>();
        CAPTURE(id);
        std::vector<puck::secret> secrets;
        bool accepted = true;
        for (const json& text : each.at("secrets")) {
            auto made = puck::secret::make(bytes(text));
            accepted = accepted && made.has_value();
            if (made) secrets.push_back(std::move(*made));
        }
        accepted = accepted && puck::secret_ring::make(std::move(secrets)).has_value();
        CHECK(accepted == each.at("expect").at("accepted").get<bool>());
    }
}

TEST_CASE("vectors: stores") {
    const auto cases = support::cases("stores.json");
    CHECK(cases.size() >= 40);
    for (const json& each : cases) {
        const auto id = each.at("id").get<std::string>();
        CAPTURE(id);
        const std::chrono::seconds ttl(each.at("ttl").get<std::int64_t>()), lease(each.at("lease").get<std::int64_t>());
        const auto store = support::lru({.ttl = ttl, .lease = lease});
        std::map<std::string, puck::claim> claims;
        std::size_t number = 0;
        for (const json& step : each.at("steps")) {
            CAPTURE(++number);
            const auto does = step.at("do").get<std::string>();
            if (does == "wait") {
                support::fake_clock::advance(step.at("seconds").get<double>());
                continue;
            }
            puck::uuid event{};
            event.bytes.back() = step.value("event", std::uint8_t{1});
            const auto as = step.at("as").get<std::string>();
            reason answer = reason::ok;
            if (does == "claim") {
                const auto claim = store->claim(event);
                if (claim) claims[as] = *claim;
                if (!claim) answer = claim.error().reason();
            } else {
                answer = does == "commit" ? store->commit(claims.at(as)) : store->release(claims.at(as));
            }
            CHECK(name(answer) == step.at("expect").get<std::string>());
        }
    }
}
