#include <puck/signature.hpp>

#include "support/deliveries.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using puck::reason;
using puck::signature_header;

namespace {

const std::string S(64, 'a');

reason why_not(std::string_view text) {
    const auto parsed = signature_header::parse(text);
    return parsed ? reason::ok : parsed.error().reason();
}

}  // namespace

TEST_CASE("a header is parsed into its parts") {
    const std::string text = "t=1777818121,v1=" + S + ",v1=" + std::string(64, 'B');
    const auto header = signature_header::parse(text);
    REQUIRE(header);
    CHECK(header->timestamp == support::unix_time(1'777'818'121));
    CHECK(header->timestamp_text == "1777818121");
    CHECK(header->timestamp_text.data() == text.data() + 2);
    REQUIRE(header->candidate_count == 2);
    puck::mac_bytes first, second;
    first.fill(0xaa);
    second.fill(0xbb);
    CHECK(header->candidates[0] == first);
    CHECK(header->candidates[1] == second);
}

TEST_CASE("order, spaces and unknown keys do not matter") {
    for (const std::string& text : {"t=1, v1=" + S, " \tt=1 ,\tv1=" + S + " ", "v1=" + S + ",t=1", "t=1,v2=xyz,v1=" + S,
                                    "t=1,v0=,v1=" + S, "t=1,x=a=b;c,v1=" + S, "t=1,V1=zz,T=zz,v1=" + S}) {
        CAPTURE(text);
        const auto header = signature_header::parse(text);
        REQUIRE(header);
        CHECK(header->timestamp == support::unix_time(1));
        CHECK(header->candidate_count == 1);
    }
}

TEST_CASE("an empty header is a missing signature") {
    for (const char* text : {"", " ", "\t", " \t  "}) CHECK(why_not(text) == reason::missing_signature);
}

TEST_CASE("without a v1 the scheme is not supported") {
    for (const std::string& text : {std::string("t=1"), "t=1,v0=" + S, "t=1,v2=" + S, "t=1,sha256=" + S, "t=1,v1a=" + S,
                                    "t=1,V1=" + S, std::string("t=0")})
        CHECK(why_not(text) == reason::unsupported_scheme);
}

TEST_CASE("a header that breaks the grammar is malformed") {
    for (const std::string& text : {"v1=" + S,
                                    "T=1,v1=" + S,
                                    "t=1;v1=" + S,
                                    "t=1 v1=" + S,
                                    std::string("t=1,v1"),
                                    "t,v1=" + S,
                                    "=1,v1=" + S,
                                    "t=1,v1=" + S + ",",
                                    ",t=1,v1=" + S,
                                    "t=1,,v1=" + S,
                                    "t=1, ,v1=" + S,
                                    "t=1,t=1,v1=" + S,
                                    "t=1,v1=" + S + ",t=1",
                                    "t=1,v1=" + S + "=junk",
                                    "t=1=1,v1=" + S,
                                    "t=\"1\",v1=\"" + S + "\"",
                                    "t =1,v1=" + S,
                                    "t= 1,v1=" + S,
                                    "t=1,v1 =" + S,
                                    "t=1,v1= " + S,
                                    "t=1,v 1=" + S,
                                    std::string("t=1,v1="),
                                    std::string(","),
                                    std::string("="),
                                    std::string("t=1,=")}) {
        CAPTURE(text);
        CHECK(why_not(text) == reason::malformed_signature);
    }
}

TEST_CASE("t is 1 to 12 digits and nothing else") {
    for (const char* t : {"",
                          "abc",
                          "NaN",
                          "inf",
                          "null",
                          "+1",
                          "-1",
                          "-0",
                          "01",
                          "00",
                          "1_700_000_000",
                          "1e9",
                          "1.0",
                          "0x65",
                          "1junk",
                          "1234567890123",
                          "9223372036854775807",
                          "18446744073709551616",
                          "\xD9\xA1",
                          "\xEF\xBC\x91"})
        CHECK(why_not("t=" + std::string(t) + ",v1=" + S) == reason::malformed_signature);
    CHECK(why_not("t=" + std::string(5000, '1') + ",v1=" + S) == reason::malformed_signature);
    CHECK(signature_header::parse("t=0,v1=" + S)->timestamp == support::unix_time(0));
    CHECK(signature_header::parse("t=999999999999,v1=" + S)->timestamp == support::unix_time(999'999'999'999));
}

TEST_CASE("v1 is 64 hex digits and nothing else, and one bad v1 makes the header malformed") {
    for (const std::size_t size : {0U, 1U, 62U, 63U, 65U, 128U})
        CHECK(why_not("t=1,v1=" + S + ",v1=" + std::string(size, 'a')) == reason::malformed_signature);
    for (const char c : {'g', 'G', '/', ':', '@', '`', ' ', '\0', '\x7f', '\x80', '-', '='})
        for (const std::size_t at : {0U, 31U, 63U}) {
            std::string digits = S;
            digits[at] = c;
            CHECK(why_not("t=1,v1=" + S + ",v1=" + digits + ",x=") == reason::malformed_signature);
        }
    CHECK(why_not("t=1,v1=0x" + S.substr(2)) == reason::malformed_signature);
    CHECK(why_not("t=1,v1=" + std::string(32, 'a') + std::string(32, 'F')) == reason::ok);
}

TEST_CASE("a header has at most 16 v1 and 4096 bytes") {
    std::string text = "t=1";
    for (int i = 0; i < 16; ++i) text += ",v1=" + S;
    CHECK(signature_header::parse(text)->candidate_count == 16);
    CHECK(why_not(text + ",v1=" + S) == reason::malformed_signature);

    text += ",x=";
    text += std::string(4096 - text.size(), 'y');
    CHECK(why_not(text) == reason::ok);
    CHECK(why_not(text + "y") == reason::malformed_signature);
    CHECK(why_not(std::string(4096, ' ')) == reason::missing_signature);
    CHECK(why_not(std::string(4097, ' ')) == reason::malformed_signature);
}

TEST_CASE("a byte outside the grammar is refused at every place") {
    const std::string good = "t=1,x-_9=!~,v1=" + S;
    REQUIRE(why_not(good) == reason::ok);
    for (std::size_t at = 0; at <= good.size(); ++at)
        for (int c = 0; c < 256; ++c) {
            if (c > 0x20 && c < 0x7f) continue;
            if (c == ' ' || c == '\t') continue;
            std::string changed = good;
            changed.insert(at, 1, static_cast<char>(c));
            CHECK(why_not(changed) == reason::malformed_signature);
        }
}
