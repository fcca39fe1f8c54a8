// The cases of tests/vectors, which every language runs, through the whole receiver.
#include "support/vectors.hpp"
#include "support/stores.hpp"

#include <puck/webhooks.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

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
    settings.tolerance = given.value("tolerance", settings.tolerance);
    settings.max_body = given.value("max_body", settings.max_body);
    return settings;
}

void check(const puck::authenticity& proof, const json& expect) {
    CHECK(proof.timestamp == expect.at("timestamp").get<std::int64_t>());
    CHECK(proof.secret_index == expect.at("secret_index").get<std::size_t>());
    CHECK(std::string(proof.secret_fingerprint) == expect.at("secret_fingerprint").get<std::string>());
}

void check(const puck::event& event, const json& expect) {
    CHECK(event.event_id() == expect.at("event_id").get<std::string>());
    CHECK(event.event_type() == expect.at("event_type").get<std::string>());
    CHECK(event.emitted_at_text() == bytes(expect.at("emitted_at_text")));
    CHECK(event.emitted_at().seconds == expect.at("emitted_at_seconds").get<std::int64_t>());
    CHECK(event.emitted_at().nanoseconds == expect.at("emitted_at_nanoseconds").get<std::int32_t>());
    CHECK(event.api_version() == expect.at("api_version").get<std::string>());
    const json severity = event.severity() ? json(std::string(name(*event.severity()))) : json();
    CHECK(severity == expect.at("severity"));
    CHECK(event.data() == body(expect.at("data")));
}

void judge(const json& each) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const json& pair : each.at("headers")) lines.emplace_back(bytes(pair.at(0)), bytes(pair.at(1)));
    std::vector<puck::header> headers;
    for (const auto& [name, value] : lines) headers.push_back({name, value});
    const std::string raw = body(each.at("body"));
    const auto now = each.at("now").get<std::int64_t>();
    const json& expect = each.at("expect");

    const puck::receiver receiver(puck::verifier::make(ring_of(each), settings_of(each)).value(), support::lru());
    auto judged = receiver.receive({headers, raw, now});
    const puck::reason why = judged ? puck::reason::ok : judged.error().why();
    CHECK(name(why) == expect.at("reason").get<std::string>());
    if (judged) {
        check(judged->authenticity(), expect);
        check(judged->event(), expect);
        CHECK(judged->commit() == puck::reason::ok);
    } else {
        CHECK(judged.error().authenticity.has_value() == expect.contains("timestamp"));
        if (judged.error().authenticity && expect.contains("timestamp")) check(*judged.error().authenticity, expect);
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

TEST_CASE("vectors: signature headers") { judge_all("signature.json", 300); }
TEST_CASE("vectors: envelopes") { judge_all("envelope.json", 150); }
TEST_CASE("vectors: headers beside the envelope") { judge_all("headers.json", 15); }
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
