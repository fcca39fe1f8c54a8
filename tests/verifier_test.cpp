#include <puck/verifier.hpp>

#include "support/deliveries.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

using puck::reason;
using puck::verifier;
using support::now;
using support::sign;

using namespace std::chrono_literals;

namespace {

template <class Judged>
reason why_not(const Judged& judged) {
    return judged ? reason::ok : judged.error().reason();
}

reason refused(puck::verifier_settings settings) {
    const auto made = verifier::make(support::ring(), settings);
    return made ? reason::ok : made.error().reason();
}

}  // namespace

TEST_CASE("only a verifier can make a verified event") {
    static_assert(!std::is_default_constructible_v<puck::verified>);
    static_assert(!std::is_constructible_v<puck::verified, puck::event, puck::proof>);
    static_assert(!std::is_copy_constructible_v<puck::verified>);
}

template <class Event>
concept shows_views = requires(Event&& event) { std::forward<Event>(event).event_id(); };

TEST_CASE("the views of a temporary event do not compile") {
    static_assert(shows_views<const puck::event&>);
    static_assert(!shows_views<puck::event>);
    static_assert(std::is_same_v<decltype(std::declval<puck::verified>().event()), puck::event>);  // moved out
}

TEST_CASE("verify returns the event and its proof, and the same again for a second call") {
    const support::owned_request request(support::envelope());
    const auto v = support::verifier();
    for (int i = 0; i < 2; ++i) {
        auto verified = v.verify(request);
        REQUIRE(verified);
        CHECK(verified->event().event_id() == support::event_id);
        CHECK(verified->proof().timestamp == now);
        CHECK(verified->proof().skew_seconds == 0s);
        CHECK(std::move(*verified).proof().timestamp == now);
        const puck::event taken = std::move(*verified).event();
        CHECK(taken.event_type() == "finding.discovered");
    }
}

TEST_CASE("a rejection has the proof and the event if they are known") {
    support::owned_request request(support::envelope());
    const auto v = support::verifier();
    request.received_at = now + 301s;
    const auto stale = v.verify(request);
    REQUIRE(why_not(stale) == reason::timestamp_too_old);
    REQUIRE(stale.error().proof);
    CHECK(stale.error().proof->skew_seconds == 301s);
    CHECK_FALSE(stale.error().event);

    request.received_at = now;
    request.headers.push_back({"X-Puck-Event-Type", "other"});
    const auto mismatch = v.verify(request);
    REQUIRE(why_not(mismatch) == reason::header_mismatch);
    REQUIRE(mismatch.error().event);
    CHECK(mismatch.error().event->event_id() == support::event_id);
    CHECK(mismatch.error().proof);

    const auto alone = v.verify_signature("b", sign("b", now - 301s), now);
    REQUIRE(why_not(alone) == reason::timestamp_too_old);
    REQUIRE(alone.error().proof);
    CHECK(alone.error().proof->skew_seconds == 301s);
}

TEST_CASE("a proof says when the body was signed, and with which secret") {
    const auto two = support::verifier({support::secret, support::old_secret});
    const auto fresh = two.verify_signature("body", sign("body"), now + 5s);
    REQUIRE(fresh);
    CHECK(fresh->timestamp == now);
    CHECK(fresh->skew_seconds == 5s);
    CHECK(fresh->secret_index == 0);

    const auto old = two.verify_signature("body", sign("body", now, {support::old_secret}), now);
    REQUIRE(old);
    CHECK(old->secret_index == 1);
    CHECK(std::string(old->secret_fingerprint) ==
          std::string(puck::secret::make(support::old_secret).value().fingerprint()));

    const auto both = two.verify_signature("body", sign("body", now, {support::old_secret, support::secret}), now);
    REQUIRE(both);
    CHECK(both->secret_index == 0);
}

TEST_CASE("settings out of their bounds are refused") {
    using std::chrono::seconds;
    for (const seconds tolerance : {0s, seconds(-1), 86'401s, seconds::min(), seconds::max()})
        CHECK(refused({.tolerance = tolerance}) == reason::invalid_argument);
    CHECK(refused({.tolerance = 1s}) == reason::ok);
    CHECK(refused({.tolerance = 86'400s}) == reason::ok);
    for (const std::size_t size : {std::size_t{0}, (std::size_t{1} << 30) + 1, SIZE_MAX})
        CHECK(refused({.max_body = size}) == reason::invalid_argument);
    CHECK(refused({.max_body = 1}) == reason::ok);
    CHECK(refused({.max_body = std::size_t{1} << 30}) == reason::ok);
}

TEST_CASE(
    "a ring that was moved from makes no verifier and no signature, and a verifier that was moved from judges "
    "nothing") {
    auto ring = support::ring();
    auto good = verifier::make(std::move(ring)).value();
    CHECK(verifier::make(std::move(ring)).error().reason() == reason::invalid_argument);  // NOLINT: on purpose
    const auto taken = std::move(good);
    CHECK(puck::sign(ring, "body", now).error().reason() == reason::invalid_argument);
    CHECK(why_not(good.verify_signature("body", sign("body"), now)) == reason::invalid_argument);  // NOLINT: on purpose
    CHECK(why_not(taken.verify_signature("body", sign("body"), now)) == reason::ok);
}

TEST_CASE("the window has two sides, and includes both ends") {
    const auto judge = [](std::chrono::seconds tolerance, std::chrono::sys_seconds at) {
        return why_not(
            support::verifier({support::secret}, {.tolerance = tolerance}).verify_signature("b", sign("b"), at));
    };
    for (const auto tolerance : {1s, 300s, 86'400s}) {
        CHECK(judge(tolerance, now) == reason::ok);
        CHECK(judge(tolerance, now + tolerance) == reason::ok);
        CHECK(judge(tolerance, now - tolerance) == reason::ok);
        CHECK(judge(tolerance, now + tolerance + 1s) == reason::timestamp_too_old);
        CHECK(judge(tolerance, now - tolerance - 1s) == reason::timestamp_too_new);
    }
    CHECK(judge(300s, support::unix_time(999'999'999'999)) == reason::timestamp_too_old);
    CHECK(judge(300s, std::chrono::sys_seconds::min()) == reason::timestamp_too_new);
    CHECK(judge(300s, support::unix_time(0)) == reason::timestamp_too_new);
}

TEST_CASE("the skew of any two moments is defined, and saturates") {
    const auto skew = [](std::int64_t timestamp, std::chrono::sys_seconds at) {
        const auto signature = sign("b", support::unix_time(timestamp));
        return support::verifier().dangerously_verify_without_window("b", signature, at)->skew_seconds;
    };
    using std::chrono::seconds;
    using std::chrono::sys_seconds;
    CHECK(skew(1'000, support::unix_time(1'005)) == 5s);
    CHECK(skew(1'000, support::unix_time(-5)) == seconds(-1'005));
    CHECK(skew(999'999'999'999, sys_seconds::min()) == seconds::min());
    CHECK(skew(1, sys_seconds::min()) == seconds::min());
    CHECK(skew(1, sys_seconds::min() + 1s) == seconds::min());
    CHECK(skew(1, sys_seconds::min() + 2s) == seconds::min() + 1s);
    CHECK(skew(0, sys_seconds::min()) == seconds::min());
}

TEST_CASE("a received_at in milliseconds is an invalid argument, whatever else is wrong") {
    const auto v = support::verifier({support::secret}, {.max_body = 4});
    for (const std::int64_t at : {std::int64_t{1'000'000'000'000}, std::int64_t{1'777'818'121'000}, INT64_MAX}) {
        const auto judged = v.verify_signature("b", sign("b"), support::unix_time(at));
        REQUIRE(why_not(judged) == reason::invalid_argument);
        CHECK(judged.error().detail().find("milliseconds") != std::string_view::npos);
        CHECK(why_not(v.verify_signature("12345", "", support::unix_time(at))) == reason::invalid_argument);
        CHECK(why_not(v.verify({{}, "12345", support::unix_time(at)})) == reason::invalid_argument);
        CHECK(why_not(v.dangerously_verify_without_window("b", sign("b"), support::unix_time(at))) ==
              reason::invalid_argument);
    }
}

TEST_CASE("only a delivery that Puck signed can be too old") {
    const auto v = support::verifier();
    CHECK(why_not(v.verify_signature("b", sign("b", now - 301s), now)) == reason::timestamp_too_old);
    CHECK(why_not(v.verify_signature("b", sign("other", now - 301s), now)) == reason::signature_mismatch);
}

TEST_CASE("without the window a signature is valid for ever") {
    const auto v = support::verifier();
    CHECK(why_not(v.dangerously_verify_without_window("b", sign("b", support::unix_time(0)), now)) == reason::ok);
    CHECK(why_not(v.dangerously_verify_without_window("c", sign("b", support::unix_time(0)), now)) ==
          reason::signature_mismatch);
}

TEST_CASE("the size of the body is checked before the signature") {
    const auto v = support::verifier({support::secret}, {.max_body = 4});
    CHECK(why_not(v.verify_signature("1234", sign("1234"), now)) == reason::ok);
    CHECK(why_not(v.verify_signature("12345", sign("12345"), now)) == reason::payload_too_large);
    CHECK(why_not(v.verify_signature("12345", "", now)) == reason::payload_too_large);
    CHECK(why_not(v.verify_signature("", sign(""), now)) == reason::ok);
    CHECK(why_not(v.verify_signature({}, sign(""), now)) == reason::ok);
}

TEST_CASE("a MAC with the empty key is never accepted") {
    // Python: hmac.new(b"", b"1777818121.body", "sha256").hexdigest()
    const std::string forged = "t=1777818121,v1=fca4641253a9b7bc1f14536037928113084268340b7e8191e7c5de6f49111287";
    CHECK(why_not(support::verifier().verify_signature("body", forged, now)) == reason::signature_mismatch);
}
