#include <puck/receiver.hpp>

#include "support/deliveries.hpp"
#include "support/stores.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using puck::reason;
using puck::receiver;
using support::envelope;
using support::owned_request;
using support::scripted_store;
using namespace std::chrono_literals;

namespace {

template <class Judged>
reason why_not(const Judged& judged) {
    return judged ? reason::ok : judged.error().reason();
}

/// A receiver with a store that the test controls.
struct fixture {
    std::shared_ptr<scripted_store> store = std::make_shared<scripted_store>();
    receiver with_script = support::receiver(store);
};

struct lru_fixture {
    std::shared_ptr<puck::lru_dedupe> store = support::lru();
    receiver with_lru = support::receiver(store);
};

}  // namespace

TEST_CASE("a delivery cannot be copied, and only a receiver can make one") {
    static_assert(!std::is_copy_constructible_v<puck::delivery>);
    static_assert(!std::is_default_constructible_v<puck::delivery>);
    static_assert(std::is_nothrow_move_constructible_v<puck::delivery>);
}

TEST_CASE_FIXTURE(lru_fixture, "a genuine delivery is returned with its claim, and is a duplicate after its commit") {
    const owned_request request(envelope());
    auto delivery = with_lru.receive(request);
    REQUIRE(delivery);
    CHECK(delivery->event().event_id() == support::event_id);
    CHECK(delivery->proof().timestamp == support::now);
    CHECK(delivery->proof().secret_index == 0);
    CHECK(std::move(*delivery).proof().timestamp == support::now);  // a copy: nothing is moved
    CHECK(delivery->proof().skew_seconds == 0s);

    const auto meanwhile = with_lru.receive(request);
    CHECK(why_not(meanwhile) == reason::in_progress);
    CHECK(meanwhile.error().http_status() == 503);

    CHECK(delivery->commit() == reason::ok);
    const auto again = with_lru.receive(request);
    REQUIRE(why_not(again) == reason::duplicate);
    CHECK(again.error().http_status() == 200);
    REQUIRE(again.error().event);
    CHECK(again.error().event->event_id() == support::event_id);
    REQUIRE(again.error().proof);
}

TEST_CASE_FIXTURE(lru_fixture, "a delivery that is destroyed without a commit is released") {
    const owned_request request(envelope());
    { const auto forgotten = with_lru.receive(request); }
    CHECK(store->stats().in_progress == 0);
    try {
        const auto delivery = with_lru.receive(request);
        REQUIRE(delivery);
        throw std::runtime_error("the handler failed");
    } catch (const std::runtime_error&) {}
    CHECK(store->stats().in_progress == 0);
    auto third = with_lru.receive(request);
    REQUIRE(third);
    CHECK(third->commit() == reason::ok);
}

TEST_CASE_FIXTURE(lru_fixture, "a delivery keeps its claim when it is moved") {
    const owned_request request(envelope());
    auto first = std::move(*with_lru.receive(request));
    {
        auto second = std::move(first);
        CHECK(store->stats().in_progress == 1);
        CHECK(first.commit() == reason::invalid_argument);  // NOLINT: on purpose
        CHECK(second.event().event_id() == support::event_id);
        first = std::move(second);
    }
    CHECK(store->stats().in_progress == 1);

    const std::string other_id = "018f2e3a-1c47-7a12-b321-000000000001";
    const owned_request other(envelope(other_id));
    first = std::move(*with_lru.receive(other));  // releases the claim that it held before
    CHECK(store->stats().in_progress == 1);
    CHECK(first.event().event_id() == other_id);

    auto& itself = first;
    first = std::move(itself);  // changes nothing
    CHECK(store->stats().in_progress == 1);
    CHECK(first.commit() == reason::ok);
    CHECK(why_not(with_lru.receive(request)) == reason::ok);
}

TEST_CASE_FIXTURE(lru_fixture, "commit and release may be repeated, and a release never undoes a commit") {
    const owned_request request(envelope());
    {
        auto delivery = with_lru.receive(request);
        CHECK(delivery->commit() == reason::ok);
        CHECK(delivery->commit() == reason::ok);
        CHECK(delivery->release() == reason::claim_lost);
        CHECK(store->stats().done == 1);
    }
    CHECK(why_not(with_lru.receive(request)) == reason::duplicate);

    const owned_request other(envelope("018f2e3a-1c47-7a12-b321-000000000001"));
    {
        auto delivery = with_lru.receive(other);
        CHECK(delivery->release() == reason::ok);
        CHECK(delivery->release() == reason::ok);
        CHECK(delivery->commit() == reason::ok);  // the handler did succeed, and nobody else took the event
    }
    CHECK(why_not(with_lru.receive(other)) == reason::duplicate);
}

TEST_CASE_FIXTURE(fixture, "a delivery that was settled is not released by its destructor") {
    const owned_request request(envelope());
    CHECK(with_script.receive(request)->commit() == reason::ok);
    CHECK(store->releases == 0);
    CHECK(with_script.receive(request)->release() == reason::ok);
    CHECK(store->releases == 1);
}

TEST_CASE_FIXTURE(fixture, "a delivery that was committed and then moved is not released") {
    const owned_request request(envelope());
    {
        auto committed = with_script.receive(request);
        CHECK(committed->commit() == reason::ok);
        auto open = with_script.receive(request);
        *open = std::move(*committed);
        CHECK(store->releases == 1);  // of the one that was open
    }
    CHECK(store->releases == 1);
}

TEST_CASE_FIXTURE(fixture, "a delivery that was committed is not released when a repeated commit fails") {
    const owned_request request(envelope());
    {
        auto delivery = with_script.receive(request);
        CHECK(delivery->commit() == reason::ok);
        store->on_commit = [] { return reason::store_unavailable; };
        CHECK(delivery->commit() == reason::store_unavailable);
    }
    CHECK(store->releases == 0);
}

TEST_CASE_FIXTURE(fixture,
                  "a delivery that was settled stays so when it is moved, and is not released when it is replaced") {
    const owned_request request(envelope());
    {
        auto first = std::move(*with_script.receive(request));
        auto second = std::move(*with_script.receive(request));
        CHECK(second.commit() == reason::ok);
        first = std::move(second);  // releases what the first one held
        CHECK(store->releases == 1);
        first = std::move(*with_script.receive(request));
        CHECK(store->releases == 1);
        first = std::move(*with_script.receive(request));  // what it held was not settled
        CHECK(store->releases == 2);
        CHECK(first.commit() == reason::ok);
        const auto third = std::move(first);
    }
    CHECK(store->releases == 2);
    CHECK(store->commits == 2);
}

TEST_CASE_FIXTURE(fixture, "after a failed commit the delivery may be committed again, or else is released") {
    const owned_request request(envelope());
    store->on_commit = [] { return reason::store_unavailable; };
    {
        auto delivery = with_script.receive(request);
        CHECK(delivery->commit() == reason::store_unavailable);
        CHECK(delivery->commit() == reason::store_unavailable);
    }
    CHECK(store->commits == 2);
    CHECK(store->releases == 1);
}

TEST_CASE_FIXTURE(fixture, "a lost claim is not released") {
    const owned_request request(envelope());
    store->on_commit = [] { return reason::claim_lost; };
    CHECK(with_script.receive(request)->commit() == reason::claim_lost);
    CHECK(store->commits == 1);
    CHECK(store->releases == 0);
}

TEST_CASE_FIXTURE(fixture, "a store that throws counts as unavailable") {
    const owned_request request(envelope());
    store->on_commit = []() -> reason { throw std::runtime_error("down"); };
    store->on_release = []() -> reason { throw 7; };
    {
        auto delivery = with_script.receive(request);
        REQUIRE(delivery);
        CHECK(delivery->commit() == reason::store_unavailable);
        CHECK(delivery->release() == reason::store_unavailable);
    }
    store->on_claim = [](const puck::uuid&) -> puck::result<puck::claim> { throw std::runtime_error("down"); };
    CHECK(why_not(with_script.receive(request)) == reason::store_unavailable);
}

TEST_CASE_FIXTURE(fixture,
                  "the answer of the store is the reason of the rejection, which has the proof and the event") {
    const owned_request request(envelope());
    for (const reason answer :
         {reason::duplicate, reason::in_progress, reason::store_full, reason::store_unavailable}) {
        store->on_claim = [=](const puck::uuid&) -> puck::result<puck::claim> {
            return puck::unexpected{puck::error(answer)};
        };
        const auto judged = with_script.receive(request);
        CHECK(why_not(judged) == answer);
        CHECK(judged.error().http_status() == puck::http_status(answer));
        REQUIRE(judged.error().event);
        CHECK(judged.error().event->event_id() == support::event_id);
        REQUIRE(judged.error().proof);
        CHECK(judged.error().proof->timestamp == support::now);
    }
}

TEST_CASE_FIXTURE(fixture, "the key of the store is the signed id") {
    owned_request request(envelope("018F2E3A-1C47-7A12-B321-AABBCCDDEEFF"));
    request.headers.push_back({"X-Puck-Delivery-Id", "018f2e3c-5d10-7c44-9e02-000000000001"});  // not signed
    puck::uuid asked{};
    store->on_claim = [&](const puck::uuid& id) {
        asked = id;
        return puck::claim{id, 1};
    };
    REQUIRE(with_script.receive(request));
    CHECK(asked == puck::uuid::parse(support::event_id));
}

TEST_CASE_FIXTURE(fixture, "only a genuine, fresh and well-formed delivery reaches the store") {
    owned_request good(envelope());
    const auto judge = [&](std::string_view body, std::vector<puck::header> headers,
                           std::chrono::sys_seconds at = support::now) {
        return why_not(with_script.receive({headers, body, at}));
    };
    const std::string& signature = good.signature;
    const std::string broken = "{";
    const std::string broken_signature = support::sign(broken);
    const std::string huge(1'048'577, ' ');

    CHECK(judge(huge, {}) == reason::payload_too_large);
    CHECK(judge(good.body, {}) == reason::missing_signature);
    CHECK(judge(good.body, {{"X-Puck-Signature", ""}}) == reason::missing_signature);
    CHECK(judge(good.body, {{"X-Puck-Signature", "t=1"}}) == reason::unsupported_scheme);
    CHECK(judge(good.body, {{"X-Puck-Signature", signature}, {"x-puck-signature", signature}}) ==
          reason::malformed_signature);
    CHECK(judge(good.body, {{"X-Puck-Signature", signature}, {"X-PUCK-SIGNATURE", ""}}) == reason::malformed_signature);
    CHECK(judge(good.body + " ", {{"X-Puck-Signature", signature}}) == reason::signature_mismatch);
    CHECK(judge(good.body, {{"X-Puck-Signature", signature}}, support::now + 301s) == reason::timestamp_too_old);
    CHECK(judge(good.body, {{"X-Puck-Signature", signature}}, support::now - 301s) == reason::timestamp_too_new);
    CHECK(judge(broken, {{"X-Puck-Signature", broken_signature}}) == reason::invalid_json);
    CHECK(judge(broken, {{"X-Puck-Signature", broken_signature}}, support::now + 301s) == reason::timestamp_too_old);
    CHECK(judge(broken, {{"X-Puck-Signature", signature}}) == reason::signature_mismatch);
    CHECK(judge(good.body, {{"X-Puck-Signature", signature}, {"X-Puck-Event-Id", "x"}}) == reason::header_mismatch);
    CHECK(store->claims == 0);

    CHECK(judge(good.body, {{"x-pUCK-sIGNATURE", signature}}) == reason::ok);
    CHECK(store->claims == 1);
}

TEST_CASE_FIXTURE(fixture, "a rejection has the proof and the event if they are known") {
    owned_request request(envelope());
    request.received_at = support::now + 301s;
    const auto stale = with_script.receive(request);
    REQUIRE(why_not(stale) == reason::timestamp_too_old);
    REQUIRE(stale.error().proof);
    CHECK(stale.error().proof->timestamp == support::now);
    CHECK(stale.error().proof->skew_seconds == 301s);
    CHECK_FALSE(stale.error().event);

    request.received_at = support::now;
    request.body += " ";
    const auto forged = with_script.receive(request);
    CHECK_FALSE(forged.error().proof);
    CHECK_FALSE(forged.error().event);

    const owned_request wrong_json("[]");
    const auto parsed = with_script.receive(wrong_json);
    CHECK(parsed.error().proof);
    CHECK_FALSE(parsed.error().event);

    owned_request lying(envelope());
    lying.headers.push_back({"X-Puck-Event-Type", "other"});
    const auto mismatch = with_script.receive(lying);
    REQUIRE(why_not(mismatch) == reason::header_mismatch);
    CHECK(mismatch.error().proof);
    CHECK(mismatch.error().event);
}

TEST_CASE("unsigned headers must be absent, be empty, or match the envelope") {
    const owned_request good(envelope());
    const auto judge = [&](std::vector<puck::header> more) {
        const receiver fresh = support::receiver(support::lru());
        more.push_back({"X-Puck-Signature", good.signature});
        return why_not(fresh.receive({more, good.body, support::now}));
    };
    CHECK(judge({{"X-Puck-Event-Id", support::event_id}, {"X-Puck-Event-Type", "finding.discovered"}}) == reason::ok);
    CHECK(judge({{"x-puck-event-id", "018F2E3A-1C47-7A12-B321-AABBCCDDEEFF"}}) == reason::ok);
    CHECK(judge({{"X-Puck-Event-Id", " 018f2e3a-1c47-7a12-b321-aabbccddeeff\t"}}) == reason::ok);
    CHECK(judge({{"X-Puck-Event-Id", support::event_id}, {"X-Puck-Event-Id", support::event_id}}) == reason::ok);
    CHECK(judge({{"X-Puck-Delivery-Id", "a"}, {"X-Puck-Delivery-Id", "b"}, {"Content-Type", "x"}}) == reason::ok);
    for (const char* silent : {"", " ", "\t "}) {
        CHECK(judge({{"X-Puck-Event-Id", silent}, {"X-Puck-Event-Type", silent}}) == reason::ok);
        CHECK(judge({{"X-Puck-Event-Id", silent}, {"X-Puck-Event-Id", "x"}}) == reason::header_mismatch);
    }
    for (const char* bad :
         {"018f2e3a-1c47-7a12-b321-aabbccddeef0", "not-a-uuid", "00000000-0000-0000-0000-000000000000"}) {
        CHECK(judge({{"X-Puck-Event-Id", bad}}) == reason::header_mismatch);
        CHECK(judge({{"X-Puck-Event-Id", support::event_id}, {"X-Puck-Event-Id", bad}}) == reason::header_mismatch);
        CHECK(judge({{"X-Puck-Event-Id", bad}, {"X-Puck-Event-Id", support::event_id}}) == reason::header_mismatch);
    }
    for (const char* bad : {"Finding.discovered", "finding.discovered.x", "finding"})
        CHECK(judge({{"X-Puck-Event-Type", bad}}) == reason::header_mismatch);
}

TEST_CASE("a receiver with a bad setting or a bad store is refused") {
    const auto refused = [](puck::receiver_settings settings) {
        const auto made = receiver::make(support::ring(), std::move(settings));
        return made ? std::string()
                    : std::string(name(made.error().reason())) + ": " + std::string(made.error().detail());
    };
    CHECK(refused({}).starts_with("invalid_argument: The receiver has no dedupe store."));
    const auto store = std::make_shared<scripted_store>();
    CHECK(refused({.tolerance = 43'200s, .dedupe = store}).empty());
    CHECK(refused({.tolerance = 43'201s, .dedupe = store})
              .starts_with("invalid_argument: The dedupe store remembers for less than twice the tolerance"));
    store->remembers_for = 599s;
    CHECK_FALSE(refused({.dedupe = store}).empty());
    store->remembers_for = 600s;
    CHECK(refused({.dedupe = store}).empty());
    CHECK(refused({.tolerance = 0s, .dedupe = store}).find("tolerance") != std::string::npos);
    CHECK(refused({.max_body = 0, .dedupe = store}).find("body limit") != std::string::npos);

    auto ring = support::ring();
    const auto taken = std::move(ring);
    CHECK_FALSE(receiver::make(std::move(ring), {.dedupe = store}));  // NOLINT: on purpose
}

TEST_CASE_FIXTURE(fixture, "a receiver that was moved from judges nothing") {
    const owned_request request(envelope());
    const receiver taken = std::move(with_script);
    const auto judged = with_script.receive(request);  // NOLINT: on purpose
    CHECK(why_not(judged) == reason::invalid_argument);
    CHECK(judged.error().detail().starts_with("The receiver was moved away"));
    CHECK(why_not(taken.receive(request)) == reason::ok);
}

TEST_CASE_FIXTURE(fixture, "a rejection can be thrown by value() and moved out of a result") {
    const owned_request stranger("{}");
    owned_request request(envelope());
    request.signature.back() = request.signature.back() == '0' ? '1' : '0';
    CHECK_THROWS_AS((void)with_script.receive(request).value(), puck::bad_result_access);
    const puck::rejection no = with_script.receive(stranger).error();
    CHECK(no.reason() == reason::missing_field);
    CHECK(no.proof);
}

TEST_CASE("a delivery keeps the store alive") {
    const owned_request request(envelope());
    auto store = std::make_shared<scripted_store>();
    const std::weak_ptr<scripted_store> watched = store;
    {
        auto delivery = support::receiver(std::move(store)).receive(request);
        REQUIRE(delivery);
        CHECK_FALSE(watched.expired());
        CHECK(delivery->commit() == reason::ok);
    }
    CHECK(watched.expired());
}

TEST_CASE("sixteen threads claim, commit, release and outlive leases at random, and each event has one holder") {
    constexpr std::size_t events = 40;
    constexpr std::int64_t lease = 60'000'000'000;  // nanoseconds, as the store's default
    const std::shared_ptr<puck::lru_dedupe> store = support::lru({.capacity = events, .ttl = 2'592'000s});
    const puck::receiver receiver = support::receiver(store);
    std::vector<std::unique_ptr<support::owned_request>> requests;
    for (std::size_t n = 0; n < events; ++n) {
        std::string id(support::event_id);
        id.replace(id.size() - 2, 2, std::to_string(10 + n));
        requests.push_back(std::make_unique<support::owned_request>(envelope(id)));
    }

    struct history {
        std::atomic<std::int64_t> held_until{0};  // the end of the holder's lease; 0 if there is no holder
        std::atomic<int> commits{0};
    };
    std::array<history, events> histories;
    std::atomic<int> overlaps{0}, wrong_answers{0}, met{0};

    constexpr std::uint32_t thread_count = 16;
    std::latch all_have_asked(thread_count);

    const auto work = [&](std::uint32_t random) {
        {
            const auto first = receiver.receive(*requests[0]);  // one thread holds it until all have asked
            if (why_not(first) == reason::in_progress) ++met;
            all_have_asked.arrive_and_wait();
        }
        for (int step = 0; step < 400; ++step) {
            random = random * 1664525U + 1013904223U;
            const std::size_t n = (random >> 8) % events;
            history& mine = histories[n];
            const std::int64_t until = support::fake_clock::nanoseconds + lease;
            auto judged = receiver.receive(*requests[n]);
            if (!judged) {
                const reason why = judged.error().reason();
                if (why != reason::duplicate && why != reason::in_progress) ++wrong_answers;
                if (why == reason::duplicate && mine.commits == 0) ++wrong_answers;
                if (why == reason::in_progress) ++met;
                continue;
            }
            const std::int64_t others = mine.held_until.exchange(until);
            const std::int64_t moment = support::fake_clock::nanoseconds;
            if (moment < until && moment < others) ++overlaps;
            std::this_thread::yield();  // so that other threads find a claim that is held
            std::int64_t held = until;
            const std::uint32_t outcome = random >> 28;
            if (outcome < 12) {  // the handler fails
                mine.held_until.compare_exchange_strong(held, 0);
                judged->release();
                continue;
            }
            if (outcome < 14) support::fake_clock::advance(61);  // the handler takes too long
            ++mine.commits;  // before the commit: others may see the duplicate at once
            if (judged->commit() != reason::ok) --mine.commits;
        }
    };
    std::vector<std::thread> threads;
    for (std::uint32_t seed = 0; seed < thread_count; ++seed) threads.emplace_back(work, seed * 2654435761U + 1);
    for (auto& thread : threads) thread.join();

    CHECK(met >= 15);
    CHECK(overlaps == 0);
    CHECK(wrong_answers == 0);
    std::size_t done = 0;
    for (const history& each : histories) {
        CHECK(each.commits <= 1);
        done += each.commits == 1 ? 1 : 0;
    }
    CHECK(done > 0);
    CHECK(store->stats().done == done);
    CHECK(store->stats().in_progress == 0);
}
