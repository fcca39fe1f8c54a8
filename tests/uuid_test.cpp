#include <puck/uuid.hpp>

#include <doctest/doctest.h>

#include <string>

using puck::uuid;

namespace {

std::string text_of(const uuid& id) {
    const auto text = id.text();
    return {text.data(), text.size()};
}

}  // namespace

TEST_CASE("a UUID is parsed into its 16 bytes, and written in lower case") {
    const auto id = uuid::parse("018F2e3a-1c47-7A12-b321-aabbCCddeEFf");
    REQUIRE(id);
    CHECK(id->bytes == std::array<std::uint8_t, 16>{0x01, 0x8f, 0x2e, 0x3a, 0x1c, 0x47, 0x7a, 0x12, 0xb3, 0x21, 0xaa,
                                                    0xbb, 0xcc, 0xdd, 0xee, 0xff});
    CHECK(text_of(*id) == "018f2e3a-1c47-7a12-b321-aabbccddeeff");
    CHECK(uuid::parse(text_of(*id)) == id);
}

TEST_CASE("only the 8-4-4-4-12 form is accepted") {
    for (const char* bad : {
             "",
             "018f2e3a",
             "018f2e3a-1c47-7a12-b321-aabbccddeef",
             "018f2e3a-1c47-7a12-b321-aabbccddeeff0",
             "018f2e3a1c477a12b321aabbccddeeff",
             "{018f2e3a-1c47-7a12-b321-aabbccddeeff}",
             "urn:uuid:018f2e3a-1c47-7a12-b321-aabbccddeeff",
             "018f2e3-a1c47-7a12-b321-aabbccddeeff",
             "018f2e3a-1c47-7a12-b32-1aabbccddeeff",
             "018f2e3a_1c47_7a12_b321_aabbccddeeff",
             "018f2e3a-1c47-7a12-b321-aabbccddeef\n",
             " 18f2e3a-1c47-7a12-b321-aabbccddeeff",
             "018f2e3a-1c47-7a12-b321-aabbccddeegf",
             "018f2e3a-1c47-7a12-b321-aabbccddee:f",
             "018f2e3a-1c47-7a12-b321-aabbccddee`f",
             "018f2e3a-1c47-7a12-b321-aabbccddee@f",
             "018f2e3a-1c47-7a12-b321-aabbccddee/f",
             "018f2e3a-1c47-7a12-b321-+abbccddeeff",
         }) {
        CAPTURE(bad);
        CHECK_FALSE(uuid::parse(bad));
    }
}

TEST_CASE("every byte that is not a hex digit is refused at every place") {
    const std::string good = "018f2e3a-1c47-7a12-b321-aabbccddeeff";
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int c = 0; c < 256; ++c) {
            std::string changed = good;
            changed[at] = static_cast<char>(c);
            const bool is_hex = std::string("0123456789abcdefABCDEF").find(static_cast<char>(c)) != std::string::npos;
            const bool expected = good[at] == '-' ? c == '-' : is_hex;
            CHECK(uuid::parse(changed).has_value() == expected);
        }
}

TEST_CASE("the nil and the max UUID are UUIDs; only the envelope refuses them") {
    CHECK(uuid::parse("00000000-0000-0000-0000-000000000000") == uuid{});
    CHECK(uuid::parse("FFFFFFFF-ffff-FFFF-ffff-ffffffffffff")->bytes[15] == 0xff);
}
