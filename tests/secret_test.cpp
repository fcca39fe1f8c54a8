#include <puck/secret.hpp>

#include "hex.hpp"
#include "hmac.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <array>
#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

using puck::reason;
using puck::secret;
using puck::secret_ring;

TEST_CASE("a secret cannot be copied, compared or printed") {
    static_assert(!std::is_copy_constructible_v<secret>);
    static_assert(!std::is_copy_constructible_v<secret_ring>);
    static_assert(!std::is_copy_assignable_v<secret>);
    static_assert(!std::equality_comparable<secret>);
    static_assert(!std::is_convertible_v<secret, std::string_view>);
}

TEST_CASE("a faulty secret is refused with a sentence that does not repeat it") {
    const std::string good(40, 's');
    for (const std::string& bad :
         {std::string(), std::string(15, 's'), std::string(4097, 's'), good + "\n", " " + good, good + " " + good,
          good + "\t", good + "\r", good + "\v", good + '\0', good + "\x7f", good + "\x1b"}) {
        const auto made = secret::make(bad);
        REQUIRE_FALSE(made);
        CHECK(made.error().why() == reason::invalid_argument);
        CHECK(made.error().detail().find("secret") != std::string_view::npos);
        CHECK(made.error().detail().find("sss") == std::string_view::npos);
    }
    CHECK(secret::make("").error().detail().find("empty") != std::string_view::npos);
    CHECK(secret::make("short").error().detail().find("16") != std::string_view::npos);
    CHECK(secret::make(good + "\n").error().detail().find("newline") != std::string_view::npos);
}

TEST_CASE("any other bytes are a secret") {
    for (const std::size_t size : {16U, 17U, 63U, 64U, 65U, 4096U}) CHECK(secret::make(std::string(size, '\x80')));
    for (int c = 0x21; c < 256; ++c)
        CHECK(secret::make(std::string(16, static_cast<char>(c))).has_value() == (c != 0x7f));
}

TEST_CASE("a ring holds 1 to 16 secrets") {
    CHECK_FALSE(secret_ring::make({}));
    std::vector<secret> many;
    for (int i = 0; i < 16; ++i) many.push_back(secret::make(std::string(16, static_cast<char>('a' + i))).value());
    auto full = secret_ring::make(std::move(many));
    REQUIRE(full);
    CHECK(full->size() == 16);

    std::vector<secret> too_many;
    for (int i = 0; i < 17; ++i) too_many.push_back(secret::make(std::string(16, static_cast<char>('a' + i))).value());
    CHECK(secret_ring::make(std::move(too_many)).error().why() == reason::invalid_argument);
}

TEST_CASE("one faulty secret among good ones spoils the ring") {
    const auto ring = secret_ring::make({"whsec_0123456789abcdef", "", "whsec_fedcba9876543210"});
    REQUIRE_FALSE(ring);
    CHECK(ring.error().detail().find("empty") != std::string_view::npos);
}

TEST_CASE("a secret that was moved away is refused, not used") {
    std::vector<secret> secrets;
    secrets.push_back(secret::make("whsec_0123456789abcdef").value());
    const secret taken = std::move(secrets.front());
    CHECK(secret_ring::make(std::move(secrets)).error().why() == reason::invalid_argument);
    CHECK(std::string_view(taken.fingerprint()).size() == 8);
}

TEST_CASE("equal secrets show equal fingerprints, others show others") {
    const auto shown = [](std::string_view bytes) { return std::string(secret::make(bytes).value().fingerprint()); };
    CHECK(shown("whsec_0123456789abcdef") == shown("whsec_0123456789abcdef"));
    CHECK(shown("whsec_0123456789abcdef") != shown("whsec_0123456789abcdeg"));
}

TEST_CASE("a secret that is replaced takes the other's place") {
    secret first = secret::make("whsec_0123456789abcdef").value();
    secret second = secret::make("whsec_0123456789abcdeg").value();
    const std::string shown(second.fingerprint());
    first = std::move(second);
    CHECK(std::string(first.fingerprint()) == shown);
}

TEST_CASE("HMAC-SHA256 answers RFC 4231") {
    const auto cases = support::cases("rfc4231.json");
    CHECK(cases.size() >= 6);
    for (const auto& each : cases) {
        CAPTURE(each.at("id"));
        const auto key = puck::detail::hmac_key::make(support::bytes(each.at("key")));
        REQUIRE(key);
        const auto expected = each.at("mac").get<std::string>();  // shorter where the RFC truncates it
        puck::detail::computed_mac mac;
        REQUIRE(key->sign({support::bytes(each.at("message"))}, mac));
        std::array<char, 64> digits;
        puck::detail::write_hex(mac.reveal(), digits.data());
        CHECK(std::string(digits.data(), expected.size()) == expected);
    }
}

TEST_CASE("a timestamp that no header can hold is not signed, rather than cut") {
    const auto key = puck::detail::hmac_key::make("whsec_0123456789abcdef");
    REQUIRE(key);
    puck::detail::computed_mac mac;
    CHECK(puck::detail::sign_delivery(*key, "123456789012", "body", mac));
    CHECK_FALSE(puck::detail::sign_delivery(*key, "1234567890123", "body", mac));
}
