#include <puck/envelope.hpp>

#include "support/deliveries.hpp"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using puck::parse_envelope;
using puck::reason;
using support::envelope;

namespace {

reason why_not(std::string_view body) {
    const auto parsed = parse_envelope(body);
    return parsed ? reason::ok : parsed.error().reason();
}

reason with_data(std::string_view data) { return why_not(envelope(support::event_id, data)); }

/// The good envelope, with one text in it replaced.
std::string replaced(std::string_view from, std::string_view to) {
    std::string body = envelope();
    const auto at = body.find(from);
    REQUIRE(at != std::string::npos);
    return body.replace(at, from.size(), to);
}

std::string nested(std::size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
}

}  // namespace

TEST_CASE("a verified body becomes an event") {
    const std::string body =
        envelope("018F2E3A-1c47-7a12-b321-AABBCCDDEEFF", R"( { "severity" : "critical", "n": [1] } )");
    const auto event = parse_envelope(body);
    REQUIRE(event);
    CHECK(event->event_id() == support::event_id);
    CHECK(parse_envelope(body).value().id() == event->id());
    CHECK(event->id() == puck::uuid::parse(support::event_id));
    CHECK(event->event_type() == "finding.discovered");
    CHECK(event->emitted_at().seconds == support::now);
    CHECK(event->emitted_at_text() == "2026-05-03T14:22:01Z");
    CHECK(event->api_version() == "v1");
    CHECK(event->severity() == puck::severity::critical);
    CHECK(event->data_json() == R"({ "severity" : "critical", "n": [1] })");
}

TEST_CASE("an event owns its bytes, also after a move") {
    static_assert(!std::is_copy_constructible_v<puck::event>);
    static_assert(!std::is_default_constructible_v<puck::event>);
    std::string body = envelope();
    auto parsed = parse_envelope(body);
    REQUIRE(parsed);
    std::fill(body.begin(), body.end(), 'x');
    body.clear();
    body.shrink_to_fit();
    const puck::event moved = std::move(*parsed);
    CHECK(moved.event_id() == support::event_id);
    CHECK(moved.event_type() == "finding.discovered");
    CHECK(moved.data_json() == R"({"severity":"high"})");
}

TEST_CASE("severity is one of four words, or absent") {
    using puck::severity;
    const auto of = [](std::string_view data) {
        return parse_envelope(envelope(support::event_id, data)).value().severity();
    };
    CHECK(of(R"({"severity":"low"})") == severity::low);
    CHECK(of(R"({"severity":"medium"})") == severity::medium);
    CHECK(of(R"({"severity":"high"})") == severity::high);
    CHECK(of(R"({"severity":"critical"})") == severity::critical);
    CHECK(of(R"({"sever\u0069ty":"h\u0069\u0067h"})") == severity::high);
    CHECK(
        of(R"({"\u0073\u0065\u0076\u0065\u0072\u0069\u0074\u0079":"\u0063\u0072\u0069\u0074\u0069\u0063\u0061\u006c"})") ==
        severity::critical);
    for (const char* data : {"{}", R"({"severity":null})", R"({"severity":"HIGH"})", R"({"severity":"urgent"})",
                             R"({"severity":""})", R"({"severity":3})", R"({"severity":["high"]})",
                             R"({"severity":{"severity":"high"}})", R"({"x":{"severity":"high"}})",
                             R"({"severity ":"high"})", R"({"severity":"high "})", R"({"severity":"\ud800"})"})
        CHECK_FALSE(of(data));
    CHECK(of(R"({"severity":"high","severity":"low"})") == severity::low);
    CHECK_FALSE(of(R"({"severity":"high","severity":null})"));
    CHECK(name(severity::low) == "low");
    for (const int none : {0, 5, 255}) CHECK(name(static_cast<severity>(none)) == "");
    CHECK(name(severity::medium) == "medium");
    CHECK(name(severity::high) == "high");
    CHECK(name(severity::critical) == "critical");
}

TEST_CASE("data is returned as it was signed") {
    for (const char* data :
         {"{}", "{ }", R"({"a":1e400,"b":-1e400,"c":123456789012345678901234567890,"d":18446744073709551616})",
          R"({"a":1e-400,"b":-0,"c":-0.0,"d":1E+2})", R"({"a":"\ud800","\udc00":"\ud800\ud800"})", R"({"a":1,"a":2})",
          R"({"a":"\"\\\/\b\f\n\r\t\u00e9"})", "{\"a\":\n\t[1 , 2 ]\r\n}", "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}",
          R"({"event_id":"not this one","data":{}})", "{\"\x7f\":\"\x7f\"}"}) {
        CAPTURE(data);
        const auto parsed = parse_envelope(envelope(support::event_id, " \n" + std::string(data) + "\t "));
        REQUIRE(parsed);
        CHECK(parsed->data_json() == data);
    }
}

TEST_CASE("keys and values are compared after their escapes are resolved") {
    CHECK(why_not(replaced("event_id", "event\\u005fid")) == reason::ok);
    CHECK(why_not(replaced("data", "d\\u0061t\\u0061")) == reason::ok);
    const auto parsed = parse_envelope(
        R"({"event_id":"\u0030\u00318F2e3a-1c47-7a12-b321-aabbccddeeff","event_type":"a\u002eb","emitted_at":)"
        R"("2026-05-03\u005414:22:01Z","api_version":"\u0076\u0031","data":{"\u0061":"\u0062"}})");
    REQUIRE(parsed);
    CHECK(parsed->event_id() == support::event_id);
    CHECK(parsed->event_type() == "a.b");
    CHECK(parsed->emitted_at_text() == "2026-05-03T14:22:01Z");
    CHECK(parsed->data_json() == R"({"\u0061":"\u0062"})");
}

TEST_CASE("a top-level key may occur only once") {
    const std::string good = envelope();
    const auto with = [&](std::string_view member) { return "{" + std::string(member) + "," + good.substr(1); };
    CHECK(why_not(with(R"("x":1)")) == reason::ok);
    CHECK(why_not(with(R"("x":1,"y":2)")) == reason::ok);
    CHECK(why_not(with(R"("x":1,"x":1)")) == reason::duplicate_key);
    CHECK(why_not(with(R"("x":1,"\u0078":1)")) == reason::duplicate_key);
    CHECK(why_not(with(R"("":1,"":1)")) == reason::duplicate_key);
    CHECK(why_not(with(R"("\u0000":1,"":1)")) == reason::ok);
    CHECK(why_not(with(R"("\ud83d\ude00":1,")"
                       "\xf0\x9f\x98\x80"
                       R"(":1)")) == reason::duplicate_key);
    CHECK(why_not(with(R"("\ud800":1)")) == reason::invalid_json);
    CHECK(why_not(with(R"("\udc00\ud800":1)")) == reason::invalid_json);
    CHECK(why_not(with(R"("x":"\ud800")")) == reason::ok);
    for (const char* again :
         {R"("event_id":"018f2e3a-1c47-7a12-b321-aabbccddeeff")", R"("event\u005fid":"other")", R"("event_id":null)",
          R"("data":{})", R"("api_version":"v2")", R"("event_type":"x")", R"("emitted_at":1)"})
        CHECK(why_not(with(again)) == reason::duplicate_key);
}

TEST_CASE("a repeated key is found among 100,000 top-level keys") {
    std::string body = "{";
    for (int i = 0; i < 100'000; ++i) body += "\"" + std::to_string(i) + "\":0,";
    CHECK(why_not(body + envelope().substr(1)) == reason::ok);
    CHECK(why_not(body + "\"77777\":0," + envelope().substr(1)) == reason::duplicate_key);
}

TEST_CASE("the first fault in this order gives the reason: document, keys, types, values") {
    CHECK(why_not(R"({"event_id":1,"event_id":1,)") == reason::invalid_json);
    CHECK(why_not(R"({"event_id":1,"event_id":1})") == reason::duplicate_key);
    CHECK(why_not(R"({"event_id":1})") == reason::missing_field);
    CHECK(why_not(R"({"event_id":"","event_type":"","emitted_at":"","api_version":"","data":1})") ==
          reason::wrong_type);
    CHECK(why_not(R"({"event_id":"","event_type":"","emitted_at":"","api_version":"","data":{}})") ==
          reason::invalid_event_id);
}

TEST_CASE("the error names the field that is missing or has the wrong type") {
    for (const std::string field : {"event_id", "event_type", "emitted_at", "api_version", "data"}) {
        CAPTURE(field);
        const auto absent = parse_envelope(replaced("\"" + field + "\"", "\"not_" + field + "\""));
        REQUIRE_FALSE(absent);
        CHECK(absent.error().reason() == reason::missing_field);
        CHECK(absent.error().detail().find(field) != std::string_view::npos);

        for (const std::string value : {"null", "true", "1", "[]", field == "data" ? "\"x\"" : "{}"}) {
            std::string body = R"({"event_id":"","event_type":"","emitted_at":"","api_version":"","data":{}})";
            const auto at = body.find(field) + field.size() + 2;
            body.replace(at, 2, value);
            const auto mistyped = parse_envelope(body);
            REQUIRE_FALSE(mistyped);
            CHECK(mistyped.error().reason() == reason::wrong_type);
            CHECK(mistyped.error().detail().find(field) != std::string_view::npos);
        }
    }
    CHECK(why_not(replaced("event_id", "EVENT_ID")) == reason::missing_field);
    CHECK(why_not(replaced("event_id", "event-id")) == reason::missing_field);
    CHECK(why_not(replaced("event_id", "event_id ")) == reason::missing_field);
}

TEST_CASE("each field has rules for its value") {
    CHECK(why_not(replaced("finding.discovered", std::string(128, 'z'))) == reason::ok);
    CHECK(why_not(replaced("finding.discovered", "A-Z_0.9")) == reason::ok);
    for (const std::string& type : {std::string(), std::string(129, 'z'), std::string("a b"), std::string("a\\nb"),
                                    std::string("\xc3\xa9"), std::string("a/b"), std::string("\\ud800")})
        CHECK(why_not(replaced("finding.discovered", type)) == reason::invalid_event_type);
    for (const char* version : {"V1", "v2", "1", "", "v1 ", "v1\\u0000", "\\ud800"})
        CHECK(why_not(replaced("\"v1\"", "\"" + std::string(version) + "\"")) == reason::unsupported_api_version);
    CHECK(why_not(replaced("2026-05-03", "2026-02-30")) == reason::invalid_emitted_at);
    CHECK(why_not(replaced("018f2e3a", "018f2e3")) == reason::invalid_event_id);
    CHECK(why_not(replaced("018f2e3a-1c47-7a12-b321-aabbccddeeff", "00000000-0000-0000-0000-000000000000")) ==
          reason::invalid_event_id);
}

TEST_CASE("a body is one object, with only white space around it") {
    CHECK(why_not(" \t\r\n" + envelope() + "\n\n ") == reason::ok);
    for (const std::string& body : {std::string(),
                                    std::string(" "),
                                    std::string("\n\t "),
                                    "\xEF\xBB\xBF" + envelope(),
                                    envelope() + "x",
                                    envelope() + "{}",
                                    envelope() + ",",
                                    envelope() + std::string(1, '\0'),
                                    std::string(1, '\0') + envelope(),
                                    std::string("[]"),
                                    std::string("null"),
                                    std::string("\"x\""),
                                    std::string("1"),
                                    std::string("{"),
                                    std::string("}"),
                                    std::string("{}}"),
                                    std::string("{\"a\"}"),
                                    std::string("{\"a\":}"),
                                    std::string("{1:2}"),
                                    std::string("{\"a\":1,}"),
                                    std::string("{,}"),
                                    std::string("{\"a\" \"b\"}"),
                                    std::string("\""),
                                    std::string("\\"),
                                    envelope().substr(0, envelope().size() - 1)})
        CHECK(why_not(body) == reason::invalid_json);
    const std::string good = envelope();
    std::string utf16;
    for (const char c : good) utf16 += {c, '\0'};
    CHECK(why_not(utf16) == reason::invalid_json);
}

TEST_CASE("a body whose tokens cannot be listed is refused with a sentence of its own") {
    const auto sentence = [](std::string_view body) { return std::string(parse_envelope(body).error().detail()); };
    CHECK(sentence("") == "The body is empty.");
    CHECK(sentence(" \n") == "The body is empty.");
    CHECK(sentence("{\"a\":\"\xff\"}") == "The body is not valid UTF-8.");
    CHECK(sentence("{\"a\":\"\x01\"}") == "A string in the body contains a control character.");
    CHECK(sentence("{\"a\":\"") == "A string in the body has no end.");
}

TEST_CASE("a document that is cut off anywhere is refused") {
    const std::string good = envelope(support::event_id, R"({"a":[1.5e3,true,false,null,"x\n\u00e9",{"b":{}}]})");
    REQUIRE(why_not(good) == reason::ok);
    for (std::size_t size = 0; size < good.size(); ++size) CHECK(why_not(good.substr(0, size)) == reason::invalid_json);
}

TEST_CASE("nesting is allowed up to a depth of 1024") {
    // The envelope and data are two levels, and the value of "v" begins the third.
    for (const auto& brackets : {std::pair<std::string, std::string>("[", "]"), {"{\"k\":", "}"}}) {
        const auto nest = [&](std::size_t depth) {
            std::string out;
            for (std::size_t i = 0; i < depth; ++i) out += brackets.first;
            out += "1";
            for (std::size_t i = 0; i < depth; ++i) out += brackets.second;
            return out;
        };
        CHECK(with_data("{\"v\":" + nest(1022) + "}") == reason::ok);
        CHECK(with_data("{\"v\":" + nest(1023) + "}") == reason::invalid_json);
        CHECK(with_data("{\"v\":" + nest(100'000) + "}") == reason::invalid_json);
        CHECK(why_not("{\"x\":" + nest(1023) + "," + envelope().substr(1)) == reason::ok);
        CHECK(why_not("{\"x\":" + nest(1024) + "," + envelope().substr(1)) == reason::invalid_json);
    }
    CHECK(why_not(std::string(1'048'576, '[')) == reason::invalid_json);
    CHECK(why_not("{\"data\":" + std::string(1'048'576, '[')) == reason::invalid_json);
    CHECK(with_data("{\"v\":" + nested(1022, '[', ']') + "}") == reason::ok);
    CHECK(with_data("{\"v\":" + nested(1023, '[', ']') + "}") == reason::invalid_json);
    CHECK(with_data("{\"v\":[" + nested(2, '[', '}') + "]}") == reason::invalid_json);
}

TEST_CASE("a large document does not affect the next one") {
    const std::string large = envelope(support::event_id, "{\"v\":\"" + std::string(3'000'000, 'x') + "\"}");
    for (int round = 0; round < 3; ++round) {
        CHECK(why_not(large) == reason::ok);
        CHECK(why_not(envelope()) == reason::ok);
        CHECK(why_not(large.substr(0, large.size() - 1)) == reason::invalid_json);
        CHECK(why_not("{\"a\":1,\"b\":2") == reason::invalid_json);
        CHECK(why_not(envelope()) == reason::ok);
    }
}
