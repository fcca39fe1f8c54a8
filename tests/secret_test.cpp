#include <puck/secret.hpp>

#include "hex.hpp"
#include "hmac.hpp"
#include "signed_content.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <array>
#include <concepts>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
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
    for (const auto& each : support::cases("secrets.json")) {
        if (each.at("expect").at("accepted").get<bool>()) continue;
        CAPTURE(each.at("id"));
        std::vector<std::string> texts;
        for (const auto& text : each.at("secrets")) texts.push_back(support::bytes(text));
        const std::vector<std::string_view> views(texts.begin(), texts.end());
        const auto made = secret_ring::make(std::span(views));
        REQUIRE_FALSE(made);
        CHECK(made.error().reason() == reason::invalid_argument);
        for (const std::string& text : texts)
            if (text.size() >= 16) CHECK(made.error().detail().find(text) == std::string_view::npos);
    }
}

TEST_CASE("each kind of mistake in a secret has its own sentence") {
    const std::map<std::string, std::string> sentences{
        {"empty", "is empty"},
        {"too_long", "longer than 4096"},
        {"invisible", "invisible character"},
        {"not_ascii", "not ASCII"},
        {"white_space", "white space"},
        {"quotes", "quotes around it"},
        {"name", "name of a variable before it"},
        {"placeholder", "placeholder"},
        {"joined", "joined into one"},
        {"other_prefix", "another prefix than whsec_"},
        {"prefix_missing", "does not begin with whsec_"},
        {"character", "a quote or a backslash"},
        {"too_short", "fewer than 10 characters"},
        {"none_given", "There is no signing secret"},
        {"too_many", "more than 16"},
    };
    std::set<std::string> seen;
    for (const auto& each : support::cases("secrets.json")) {
        if (each.at("expect").at("accepted").get<bool>()) continue;
        CAPTURE(each.at("id"));
        std::vector<std::string> texts;
        for (const auto& text : each.at("secrets")) texts.push_back(support::bytes(text));
        const std::vector<std::string_view> views(texts.begin(), texts.end());
        const auto mistake = each.at("expect").at("mistake").get<std::string>();
        const std::string_view detail = secret_ring::make(std::span(views)).error().detail();
        CAPTURE(detail);
        CHECK(detail.find(sentences.at(mistake)) != std::string_view::npos);
        seen.insert(mistake);
    }
    CHECK(seen.size() == sentences.size());
}

TEST_CASE("an invisible character is found after others that begin with the same bytes") {
    const auto made = secret::make("whsec_vectors_one\xE2\x80\x93\xE2\x80\x8B");  // a dash, and a zero-width space
    REQUIRE_FALSE(made);
    CHECK(made.error().detail().find("invisible character") != std::string_view::npos);
}

TEST_CASE("a ring holds 1 to 16 secrets") {
    CHECK_FALSE(secret_ring::make(std::vector<secret>()));
    std::vector<secret> many;
    for (int i = 0; i < 16; ++i)
        many.push_back(secret::make("whsec_" + std::string(16, static_cast<char>('a' + i))).value());
    auto full = secret_ring::make(std::move(many));
    REQUIRE(full);
    CHECK(full->size() == 16);

    std::vector<secret> too_many;
    for (int i = 0; i < 17; ++i)
        too_many.push_back(secret::make("whsec_" + std::string(16, static_cast<char>('a' + i))).value());
    CHECK(secret_ring::make(std::move(too_many)).error().reason() == reason::invalid_argument);
}

TEST_CASE("a ring with one faulty secret is refused") {
    const auto ring = secret_ring::make({"whsec_0123456789abcdef", "", "whsec_fedcba9876543210"});
    REQUIRE_FALSE(ring);
    CHECK(ring.error().detail().find("empty") != std::string_view::npos);
}

TEST_CASE("a secret that was moved from is refused") {
    std::vector<secret> secrets;
    secrets.push_back(secret::make("whsec_0123456789abcdef").value());
    const secret taken = std::move(secrets.front());
    CHECK(secret_ring::make(std::move(secrets)).error().reason() == reason::invalid_argument);
    CHECK(std::string_view(taken.fingerprint()).size() == 8);
}

TEST_CASE("equal secrets have equal fingerprints, and different secrets have different ones") {
    const auto shown = [](std::string_view bytes) { return std::string(secret::make(bytes).value().fingerprint()); };
    CHECK(shown("whsec_0123456789abcdef") == shown("whsec_0123456789abcdef"));
    CHECK(shown("whsec_0123456789abcdef") != shown("whsec_0123456789abcdeg"));
}

TEST_CASE("a secret can be replaced by another one") {
    secret first = secret::make("whsec_0123456789abcdef").value();
    secret second = secret::make("whsec_0123456789abcdeg").value();
    const std::string shown(second.fingerprint());
    first = std::move(second);
    CHECK(std::string(first.fingerprint()) == shown);
}

TEST_CASE("HMAC-SHA256 agrees with RFC 4231") {
    const auto cases = support::cases("rfc4231.json");
    CHECK(cases.size() >= 6);
    for (const auto& each : cases) {
        CAPTURE(each.at("id"));
        const auto key = puck::detail::hmac_key::make(support::bytes(each.at("key")));
        REQUIRE(key);
        const auto expected = each.at("mac").get<std::string>();  // shorter where the RFC truncates it
        puck::detail::secret_digest mac;
        REQUIRE(key->sign({support::bytes(each.at("message"))}, mac));
        std::array<char, 64> digits;
        puck::detail::write_hex(mac.reveal(), digits.data());
        CHECK(std::string(digits.data(), expected.size()) == expected);
    }
}

TEST_CASE("a timestamp that is too long for a header is not cut and signed") {
    const auto key = puck::detail::hmac_key::make("whsec_0123456789abcdef");
    REQUIRE(key);
    puck::detail::secret_digest mac;
    CHECK(puck::detail::sign_content(*key, "123456789012", "body", mac));
    CHECK_FALSE(puck::detail::sign_content(*key, "1234567890123", "body", mac));
}
