#include "json_text.hpp"

#include <doctest/doctest.h>

#include <string>

using puck::detail::names;
using puck::detail::skip_escape;
using puck::detail::skip_number;

namespace {

/// The length of the number at the beginning; 0 if there is none.
std::size_t number_size(const std::string& text) {
    const char* const end = skip_number(text.c_str());
    return end == nullptr ? 0 : static_cast<std::size_t>(end - text.c_str());
}

std::string unescaped(std::string text, bool has_lone_surrogate = false) {
    const auto result = puck::detail::unescape(text.data(), text.data() + text.size());
    CHECK(result.has_lone_surrogate == has_lone_surrogate);
    return std::string(result.text);
}

}  // namespace

TEST_CASE("numbers follow RFC 8259's grammar") {
    for (const char* number : {"0", "-0", "7", "10", "1234567890", "-12", "0.5", "1.0", "1e5", "1E5", "1e+5", "1e-5",
                               "0e0", "-0.0e-00", "1e400", "123456789012345678901234567890", "1.000000000000000001"})
        CHECK(number_size(number) == std::string(number).size());
    for (const char* none :
         {"", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "1e-", "-a", "a", "-.5", "NaN", "-Infinity"})
        CHECK(number_size(none) == 0);
    // The walk refuses the rest of the text.
    CHECK(number_size("01") == 1);
    CHECK(number_size("0x1") == 1);
    CHECK(number_size("1_000") == 1);
    CHECK(number_size("1.5.5") == 3);
}

TEST_CASE("only JSON's escapes are accepted, and a surrogate may be alone") {
    for (const std::string text : {R"(\")", R"(\\)", R"(\/)", R"(\b)", R"(\f)", R"(\n)", R"(\r)", R"(\t)", R"(\u0041)",
                                   R"(\uabCD)", R"(\ud800)"})
        CHECK(skip_escape(text.c_str()) == text.c_str() + text.size());
    for (const std::string text : {R"(\)", R"(\a)", R"(\v)", R"(\x41)", R"(\')", R"(\0)", R"(\U0041)", R"(\u)",
                                   R"(\u004)", R"(\u004g)", R"(\N)"})
        CHECK(skip_escape(text.c_str()) == nullptr);
}

TEST_CASE("escapes resolve to UTF-8") {
    CHECK(unescaped("plain") == "plain");
    CHECK(unescaped(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
    CHECK(unescaped(R"(\u0000)") == std::string(1, '\0'));
    CHECK(unescaped(R"(a\u0041\u007fz)") == "aA\x7fz");
    CHECK(unescaped(R"(\u0080\u07ff)") == "\xc2\x80\xdf\xbf");
    CHECK(unescaped(R"(\u0800\ud7ff\ue000\uffff)") == "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf");
    CHECK(unescaped(R"(\ud800\udc00\uDBFF\uDFFF)") == "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
    CHECK(unescaped(R"(\\u0041)") == R"(\u0041)");
}

TEST_CASE("a lone surrogate is reported") {
    for (const char* text :
         {R"(\ud800)", R"(\udc00)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\u0041)", R"(\ud800\ud800)",
          R"(\udc00\ud800)", R"(\udc00\udc00)", R"(\ud7ff\udc00)", R"(\ud800\ue000)"})
        (void)unescaped(text, true);
    CHECK(unescaped(R"(\ud83d\ndata)", true) == "\xed\xa0\xbd\ndata");
    CHECK(unescaped(R"(\ud83ddata..)", true) ==
          "\xed\xa0\xbd"
          "data..");
}

TEST_CASE("a word is recognised with and without escapes") {
    CHECK(names("severity", "severity"));
    CHECK(names(R"(sever\u0069ty)", "severity"));
    CHECK(names(R"(\u0073\u0065\u0076\u0065\u0072\u0069\u0074\u0079)", "severity"));
    CHECK_FALSE(names("severitY", "severity"));
    CHECK_FALSE(names(R"(severity\u0000)", "severity"));
    CHECK_FALSE(names(R"(\u0073everit)", "severity"));
    CHECK_FALSE(names(std::string(1000, '\\') + "severity", "severity"));
}
