// The properties of simdjson's first stage that json_walk.hpp relies on, and the faults of a scan.
#include "json_scan.hpp"

#include "json_walk.hpp"
#include "support/deliveries.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using puck::reason;
using puck::detail::json_scan;
using puck::detail::scan_fault;

namespace {

std::string padded(std::string_view text) { return std::string(text) + std::string(puck::detail::json_padding, '\0'); }

scan_fault fault_of(std::string_view text) {
    const std::string document = padded(text);
    return json_scan({document.data(), text.size()}).fault();
}

std::vector<std::uint32_t> tokens_of(std::string_view text) {
    const std::string document = padded(text);
    const json_scan scan({document.data(), text.size()});
    REQUIRE(scan.fault() == scan_fault::none);
    std::vector<std::uint32_t> tokens;
    for (const std::uint32_t* at = scan.tokens(); *at != text.size(); ++at) tokens.push_back(*at);
    return tokens;
}

reason with_data(std::string_view data) {
    const auto parsed = puck::parse_envelope(support::envelope(support::event_id, data));
    return parsed ? reason::ok : parsed.error().reason();
}

}  // namespace

TEST_CASE("brackets, colons, commas and first characters are tokens, but not the characters inside strings") {
    using list = std::vector<std::uint32_t>;
    CHECK(tokens_of("{}") == list{0, 1});
    CHECK(tokens_of(" {\"a{,\": [1e400,\ttrue] } ") == list{1, 2, 7, 9, 10, 15, 17, 21, 23});
    CHECK(tokens_of(R"("a\\\"{"x)") == list{0, 8});
    CHECK(tokens_of("1 2") == list{0, 2});
    CHECK(tokens_of("12") == list{0});
}

TEST_CASE("a document without tokens has a fault") {
    CHECK(fault_of("") == scan_fault::empty);
    CHECK(fault_of(" \t\r\n") == scan_fault::empty);
    CHECK(fault_of("\"\xff\"") == scan_fault::invalid_utf8);
    CHECK(fault_of("\xed\xa0\x80") == scan_fault::invalid_utf8);
    CHECK(fault_of("\"\x01\"") == scan_fault::control_character);
    CHECK(fault_of("\"") == scan_fault::open_string);
    CHECK(fault_of("\"\\\"") == scan_fault::open_string);
    CHECK(fault_of("{") == scan_fault::none);  // the walk checks the grammar
}

TEST_CASE("more scans at the same time than the pool keeps do not disturb each other") {
    std::vector<std::string> documents;
    for (int i = 0; i < 70; ++i) documents.push_back(padded("[" + std::string(static_cast<std::size_t>(i), ' ') + "]"));
    std::vector<std::unique_ptr<json_scan>> scans;
    for (const std::string& each : documents)
        scans.push_back(std::make_unique<json_scan>(std::string_view(each).substr(0, each.find('\0'))));
    for (std::uint32_t i = 0; i < scans.size(); ++i) {
        REQUIRE(scans[i]->fault() == scan_fault::none);
        CHECK(scans[i]->tokens()[1] == i + 1);
        CHECK(scans[i]->tokens()[2] == i + 2);
    }
}

TEST_CASE("a document is too large for the scanner if its list would be larger than an object can be") {
    using puck::detail::is_scannable;
    constexpr std::size_t on_32_bits = 0x7fff'ffff, mib = 1'048'576;
    static_assert(is_scannable(255 * mib, on_32_bits));
    static_assert(!is_scannable(256 * mib, on_32_bits));  // for more the capacity is 512 MiB, and the list 2 GiB
    static_assert(is_scannable(1024 * mib, PTRDIFF_MAX));
}

TEST_CASE("the elements of an array have one comma between each two of them") {
    const auto elements = [](std::string_view text) {
        std::string document = padded(text);
        const json_scan scan({document.data(), text.size()});
        REQUIRE(scan.fault() == scan_fault::none);
        puck::detail::json_walk walk({document.data(), text.size()}, scan.tokens());
        int count = 0;
        const bool is_array = walk.array([&] { return ++count, walk.value(1); }) && walk.at_end();
        return is_array ? count : -1;
    };
    CHECK(elements("[]") == 0);
    CHECK(elements("[1]") == 1);
    CHECK(elements(R"([ "a" , [2], {"b":3} ])") == 3);
    for (const char* bad : {"[", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[1}", "{}", "1", "[1]]"}) {
        CAPTURE(bad);
        CHECK(elements(bad) == -1);
    }
}

TEST_CASE("only white space may be between a string and the next token") {
    for (const char* value : {R"("a"x)", R"("a"1)", R"("a""b")", R"("a" "b")", R"("a"true)", R"("a"\)", R"("a"{})",
                              "\"a\"\x0c", "\"a\"\x1a", "\"a\"\x0b", "\"a\"\xc2\xa0", "\"a\"\xef\xbb\xbf"}) {
        CAPTURE(value);
        CHECK(with_data("{\"v\":" + std::string(value) + "}") == reason::invalid_json);
        CHECK(with_data("{\"v\":[" + std::string(value) + "]}") == reason::invalid_json);
    }
    CHECK(with_data(std::string("{\"v\":\"a\"\0}", 10)) == reason::invalid_json);
}

TEST_CASE("brackets, quotes and backslashes inside strings are text") {
    for (const char* text :
         {"{", "}", "[", "]", ":", ",", "{}[]:,", R"(\")", R"(\\)", R"(\\\")", R"(\\\\)", R"(\"}\")"})
        CHECK(with_data("{\"v\":\"" + std::string(text) + "\",\"" + text + "\":1}") == reason::ok);
    for (const char* text : {R"(\)", R"(\\\)", R"(\x)", R"(\u)", R"(\u123)", R"(\u12g4)", R"(\U0041)", R"(\')", R"(\0)",
                             R"(a\ b)", R"(\u 041)", R"(\u-041)"})
        CHECK(with_data("{\"v\":\"" + std::string(text) + "\"}") == reason::invalid_json);
}

TEST_CASE("strings and numbers may cross every border of the scanner's blocks") {
    for (std::size_t size = 0; size < 300; ++size) {
        const std::string pad(size, 'x');
        CHECK(with_data("{\"v\":\"" + pad + "\"}") == reason::ok);
        CHECK(with_data("{\"v\":\"" + pad + R"(\\"})") == reason::ok);
        CHECK(with_data("{\"v\":\"" + pad + R"(\"})") == reason::invalid_json);
        CHECK(with_data("{\"v\":\"" + pad + R"(\q"})") == reason::invalid_json);
        CHECK(with_data("{\"v\":\"" + pad + "\x01\"}") == reason::invalid_json);
        CHECK(with_data("{\"v\":\"" + pad + "\xff\"}") == reason::invalid_json);
        CHECK(with_data("{\"v\":\"" + pad + "\"x}") == reason::invalid_json);
        CHECK(with_data("{\"v\":" + std::string(size, ' ') + "1}") == reason::ok);
        CHECK(with_data("{\"v\":1" + std::string(size + 1, ' ') + "2}") == reason::invalid_json);
        CHECK(with_data("{\"v\":1" + std::string(size, '0') + "}") == reason::ok);
        CHECK(with_data("{\"v\":1" + std::string(size, '0') + "x}") == reason::invalid_json);
    }
}
