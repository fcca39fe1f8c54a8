#include <puck/verifier.hpp>

#include "support/deliveries.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <type_traits>

using puck::reason;
using puck::verifier;
using support::now;
using support::sign;

namespace {

reason why_not(const puck::result<puck::verified>& judged) { return judged ? reason::ok : judged.error().why(); }

reason refused(puck::verifier_settings settings) {
    const auto made = verifier::make(support::ring(), settings);
    return made ? reason::ok : made.error().why();
}

}  // namespace

TEST_CASE("only a verifier can make a verified body") {
    static_assert(!std::is_default_constructible_v<puck::verified>);
    static_assert(!std::is_constructible_v<puck::verified, puck::authenticity, std::string_view>);
}

TEST_CASE("a verified body says when it was signed, and with which secret") {
    const auto two = support::verifier({support::secret, support::old_secret});
    const auto fresh = two.verify("body", sign("body"), now + 5);
    REQUIRE(fresh);
    CHECK(fresh->body() == "body");
    CHECK(fresh->timestamp == now);
    CHECK(fresh->skew(now + 5) == 5);
    CHECK(fresh->secret_index == 0);

    const auto old = two.verify("body", sign("body", now, {support::old_secret}), now);
    REQUIRE(old);
    CHECK(old->secret_index == 1);
    CHECK(std::string(old->secret_fingerprint) ==
          std::string(puck::secret::make(support::old_secret).value().fingerprint()));

    const auto both = two.verify("body", sign("body", now, {support::old_secret, support::secret}), now);
    REQUIRE(both);
    CHECK(both->secret_index == 0);
}

TEST_CASE("settings out of their bounds are refused") {
    for (const std::int64_t tolerance : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{86'401}, INT64_MIN, INT64_MAX})
        CHECK(refused({.tolerance = tolerance}) == reason::invalid_argument);
    CHECK(refused({.tolerance = 1}) == reason::ok);
    CHECK(refused({.tolerance = 86'400}) == reason::ok);
    for (const std::size_t size : {std::size_t{0}, (std::size_t{1} << 30) + 1, SIZE_MAX})
        CHECK(refused({.max_body = size}) == reason::invalid_argument);
    CHECK(refused({.max_body = 1}) == reason::ok);
    CHECK(refused({.max_body = std::size_t{1} << 30}) == reason::ok);
}

TEST_CASE(
    "a ring that was moved away makes no verifier and no signature, and a verifier that was moved away judges "
    "nothing") {
    auto ring = support::ring();
    auto good = verifier::make(std::move(ring)).value();
    CHECK(verifier::make(std::move(ring)).error().why() == reason::invalid_argument);  // NOLINT: on purpose
    const auto taken = std::move(good);
    CHECK(puck::sign(ring, "body", now).error().why() == reason::invalid_argument);
    CHECK(why_not(good.verify("body", sign("body"), now)) == reason::invalid_argument);  // NOLINT: on purpose
    CHECK(why_not(taken.verify("body", sign("body"), now)) == reason::ok);
}

TEST_CASE("the window has two sides, and both ends belong to it") {
    const auto judge = [](std::int64_t tolerance, std::int64_t at) {
        return why_not(support::verifier({support::secret}, {.tolerance = tolerance}).verify("b", sign("b"), at));
    };
    for (const std::int64_t tolerance : {1, 300, 86'400}) {
        CHECK(judge(tolerance, now) == reason::ok);
        CHECK(judge(tolerance, now + tolerance) == reason::ok);
        CHECK(judge(tolerance, now - tolerance) == reason::ok);
        CHECK(judge(tolerance, now + tolerance + 1) == reason::timestamp_too_old);
        CHECK(judge(tolerance, now - tolerance - 1) == reason::timestamp_too_new);
    }
    CHECK(judge(300, INT64_MAX) == reason::timestamp_too_old);
    CHECK(judge(300, INT64_MIN) == reason::timestamp_too_new);
    CHECK(judge(300, 0) == reason::timestamp_too_new);
}

TEST_CASE("the skew of any two moments is a number") {
    CHECK(puck::authenticity{999'999'999'999, 0, {}}.skew(INT64_MIN) == INT64_MIN);
    CHECK(puck::authenticity{0, 0, {}}.skew(INT64_MIN) == INT64_MIN);
    CHECK(puck::authenticity{0, 0, {}}.skew(INT64_MAX) == INT64_MAX);
    CHECK(puck::authenticity{1, 0, {}}.skew(INT64_MAX) == INT64_MAX - 1);
    CHECK(puck::authenticity{-5, 0, {}}.skew(INT64_MAX) == INT64_MAX);
    CHECK(puck::authenticity{-5, 0, {}}.skew(INT64_MAX - 4) == INT64_MAX);
    CHECK(puck::authenticity{-5, 0, {}}.skew(INT64_MAX - 5) == INT64_MAX);
    CHECK(puck::authenticity{INT64_MIN, 0, {}}.skew(INT64_MIN) == 0);
    CHECK(puck::authenticity{INT64_MAX, 0, {}}.skew(INT64_MAX) == 0);
}

TEST_CASE("staleness is said only of what Puck signed") {
    const auto v = support::verifier();
    CHECK(why_not(v.verify("b", sign("b", now - 301), now)) == reason::timestamp_too_old);
    CHECK(why_not(v.verify("b", sign("other", now - 301), now)) == reason::signature_mismatch);
}

TEST_CASE("without its window a signature counts for ever") {
    const auto v = support::verifier();
    CHECK(why_not(v.dangerously_verify_without_window("b", sign("b", 0))) == reason::ok);
    CHECK(why_not(v.dangerously_verify_without_window("c", sign("b", 0))) == reason::signature_mismatch);
}

TEST_CASE("the body's size comes before everything") {
    const auto v = support::verifier({support::secret}, {.max_body = 4});
    CHECK(why_not(v.verify("1234", sign("1234"), now)) == reason::ok);
    CHECK(why_not(v.verify("12345", sign("12345"), now)) == reason::payload_too_large);
    CHECK(why_not(v.verify("12345", "", now)) == reason::payload_too_large);
    CHECK(why_not(v.verify("", sign(""), now)) == reason::ok);
    CHECK(why_not(v.verify({}, sign(""), now)) == reason::ok);
}

TEST_CASE("a MAC under the empty key is never accepted") {
    // Python: hmac.new(b"", b"1777818121.body", "sha256").hexdigest()
    const std::string forged = "t=1777818121,v1=fca4641253a9b7bc1f14536037928113084268340b7e8191e7c5de6f49111287";
    CHECK(why_not(support::verifier().verify("body", forged, now)) == reason::signature_mismatch);
}
