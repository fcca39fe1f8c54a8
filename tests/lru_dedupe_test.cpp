#include <puck/lru_dedupe.hpp>

#include "support/stores.hpp"
#include "uuid_index.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

using puck::claim;
using puck::reason;
using puck::uuid;
using support::fake_clock;
using support::lru;
using namespace std::chrono_literals;

namespace {

uuid id(std::uint64_t number, std::uint64_t high = 1) {
    uuid made;
    std::memcpy(made.bytes.data(), &high, 8);
    std::memcpy(made.bytes.data() + 8, &number, 8);
    return made;
}

reason why_not(const puck::result<claim>& claim) { return claim ? reason::ok : claim.error().reason(); }

reason refused(puck::lru_dedupe_settings settings) {
    const auto made = puck::lru_dedupe::make(settings);
    return made ? reason::ok : made.error().reason();
}

void handle(puck::lru_dedupe& store, const uuid& event_id) {
    auto claim = store.claim(event_id);
    REQUIRE(claim);
    REQUIRE(store.commit(*claim) == reason::ok);
}

}  // namespace

TEST_CASE("settings out of their bounds are refused") {
    using std::chrono::seconds;
    CHECK(refused({}) == reason::ok);
    CHECK(refused({.capacity = 1, .ttl = 600s, .lease = 1s}) == reason::ok);
    CHECK(refused({.ttl = 2'592'000s, .lease = 3'600s}) == reason::ok);
    CHECK(refused({.ttl = 600s, .lease = 599s}) == reason::ok);
    for (const std::size_t capacity : {std::size_t{0}, (std::size_t{1} << 26) + 1, SIZE_MAX})
        CHECK(refused({.capacity = capacity}) == reason::invalid_argument);
    for (const seconds ttl : {0s, 599s, 2'592'001s, seconds::max(), seconds::min()})
        CHECK(refused({.ttl = ttl}) == reason::invalid_argument);
    for (const seconds lease : {0s, seconds(-1), 3'601s, seconds::max(), seconds::min()})
        CHECK(refused({.lease = lease}) == reason::invalid_argument);
    CHECK(refused({.ttl = 600s, .lease = 600s}) == reason::invalid_argument);
    CHECK(refused({.clock = nullptr}) == reason::invalid_argument);
}

TEST_CASE("an event is claimed and committed, and then it is a duplicate until its ttl ends") {
    const auto store = lru({.ttl = 600s});
    const auto claim = store->claim(id(1));
    REQUIRE(claim);
    CHECK(claim->id == id(1));
    CHECK(why_not(store->claim(id(1))) == reason::in_progress);
    CHECK_FALSE(store->seen(id(1)));
    CHECK(store->commit(*claim) == reason::ok);
    CHECK(store->seen(id(1)));
    CHECK(why_not(store->claim(id(1))) == reason::duplicate);
    fake_clock::advance(599.9);
    CHECK(why_not(store->claim(id(1))) == reason::duplicate);
    CHECK(store->seen(id(1)));
    fake_clock::advance(0.1);
    CHECK_FALSE(store->seen(id(1)));
    CHECK(why_not(store->claim(id(1))) == reason::ok);
}

TEST_CASE("a duplicate does not prolong the ttl") {
    const auto store = lru({.ttl = 600s});
    handle(*store, id(1));
    fake_clock::advance(400);
    CHECK(why_not(store->claim(id(1))) == reason::duplicate);
    fake_clock::advance(200);
    CHECK(why_not(store->claim(id(1))) == reason::ok);
}

TEST_CASE("a released event can be claimed again") {
    const auto store = lru();
    const auto first = store->claim(id(1)).value();
    CHECK(store->release(first) == reason::ok);
    CHECK_FALSE(store->seen(id(1)));
    const auto second = store->claim(id(1)).value();
    CHECK(second.token != first.token);
    CHECK(store->commit(second) == reason::ok);
}

TEST_CASE("only the token that claimed an event can settle it, and every step may be repeated") {
    const auto store = lru();
    const auto held = store->claim(id(1)).value();
    CHECK(store->commit({id(1), held.token + 1}) == reason::claim_lost);
    CHECK(store->release({id(1), 0}) == reason::claim_lost);
    CHECK(why_not(store->claim(id(1))) == reason::in_progress);

    CHECK(store->commit(held) == reason::ok);
    CHECK(store->commit(held) == reason::ok);
    CHECK(store->release(held) == reason::claim_lost);
    CHECK(store->commit({id(1), 0}) == reason::claim_lost);
    CHECK(store->release({id(1), 0}) == reason::claim_lost);
    CHECK(store->seen(id(1)));

    const auto other = store->claim(id(2)).value();
    CHECK(store->release(other) == reason::ok);
    CHECK(store->release(other) == reason::ok);
    CHECK(why_not(store->claim(id(2))) == reason::ok);
    CHECK(store->commit(other) == reason::claim_lost);
    CHECK(store->stats().done == 1);
}

TEST_CASE("a commit that finds no entry writes done, because the handler did succeed") {
    const auto store = lru();
    const auto held = store->claim(id(1)).value();
    CHECK(store->release(held) == reason::ok);
    CHECK(store->commit(held) == reason::ok);
    CHECK(why_not(store->claim(id(1))) == reason::duplicate);
    CHECK(store->commit({id(2), 7}) == reason::ok);
    CHECK(store->seen(id(2)));
    CHECK(store->stats().done == 2);
}

TEST_CASE("a commit that finds no entry and no room fails") {
    const auto store = lru({.capacity = 1, .lease = 60s});
    const auto lost = store->claim(id(1)).value();
    fake_clock::advance(60);
    const auto next = store->claim(id(2)).value();
    CHECK(store->commit(lost) == reason::store_unavailable);
    CHECK(store->commit(next) == reason::ok);
    CHECK(store->commit(lost) == reason::ok);  // it evicts the other event
    CHECK_FALSE(store->seen(id(2)));
    CHECK(store->stats().early_evictions == 1);
}

TEST_CASE("tokens are 63 bits, never 0, and all different") {
    const auto store = lru({.capacity = 20'000});
    std::set<std::uint64_t> tokens;
    for (std::uint64_t i = 0; i < 10'000; ++i) tokens.insert(store->claim(id(i))->token);
    CHECK(tokens.size() == 10'000);
    CHECK(*tokens.begin() > 0);
    CHECK(*tokens.rbegin() < std::uint64_t{1} << 63);
}

TEST_CASE("a token with a 64th bit settles nothing") {
    const auto store = lru();
    const auto held = store->claim(id(1)).value();
    const puck::claim other{id(1), held.token | std::uint64_t{1} << 63};
    CHECK(store->release(other) == reason::claim_lost);
    CHECK(store->commit(held) == reason::ok);
    CHECK(store->release(other) == reason::claim_lost);
    CHECK(store->seen(id(1)));
}

TEST_CASE("the store returns its ttl") { CHECK(lru({.ttl = 601s})->ttl() == 601s); }

TEST_CASE("after the end of its lease an event passes to the next worker") {
    const auto store = lru({.lease = 60s});
    const auto slow = store->claim(id(1)).value();
    fake_clock::advance(59.9);
    CHECK(why_not(store->claim(id(1))) == reason::in_progress);
    fake_clock::advance(0.1);
    const auto next = store->claim(id(1)).value();
    CHECK(store->commit(slow) == reason::claim_lost);
    CHECK(store->release(slow) == reason::claim_lost);
    CHECK(why_not(store->claim(id(1))) == reason::in_progress);
    CHECK(store->stats().in_progress == 1);
    CHECK(store->stats().done == 0);
    CHECK(store->commit(next) == reason::ok);
    CHECK(store->stats().in_progress == 0);
    CHECK(store->stats().done == 1);
    CHECK(store->stats().expired_leases == 1);
}

TEST_CASE("a late worker may still commit if nobody else took the event") {
    const auto store = lru({.lease = 60s});
    const auto claim = store->claim(id(1)).value();
    fake_clock::advance(1000);
    CHECK(store->commit(claim) == reason::ok);
    CHECK(store->seen(id(1)));
}

TEST_CASE("the ttl begins with the commit") {
    const auto store = lru({.ttl = 600s, .lease = 60s});
    const auto claim = store->claim(id(1)).value();
    fake_clock::advance(50);
    CHECK(store->commit(claim) == reason::ok);
    fake_clock::advance(599);
    CHECK(store->seen(id(1)));
}

TEST_CASE("a full store evicts the least recently used done event") {
    const auto store = lru({.capacity = 3});
    for (const std::uint64_t each : {1U, 2U, 3U}) handle(*store, id(each));
    CHECK(why_not(store->claim(id(1))) == reason::duplicate);  // used again, so 2 is now the least recently used
    handle(*store, id(4));
    CHECK(store->seen(id(1)));
    CHECK_FALSE(store->seen(id(2)));
    CHECK(store->seen(id(3)));
    CHECK(store->seen(id(4)));
    CHECK(store->stats().early_evictions == 1);
}

TEST_CASE("an expired event is evicted before one that is not, even if it was used last") {
    const auto store = lru({.capacity = 2, .ttl = 600s});
    handle(*store, id(1));
    fake_clock::advance(10);
    handle(*store, id(2));
    fake_clock::advance(589);
    CHECK(why_not(store->claim(id(1))) == reason::duplicate);  // used again, one second before its ttl ends
    fake_clock::advance(6);
    handle(*store, id(3));
    CHECK(store->seen(id(2)));
    CHECK(store->seen(id(3)));
    CHECK(store->stats().early_evictions == 0);
    CHECK(store->stats().done == 2);
}

TEST_CASE("the eviction of an expired event is not counted as early") {
    const auto store = lru({.capacity = 1, .ttl = 600s});
    handle(*store, id(1));
    fake_clock::advance(600);
    handle(*store, id(2));
    CHECK(store->stats().early_evictions == 0);
}

TEST_CASE("a lease that has ended makes room before an event that is done and still counts") {
    const auto store = lru({.capacity = 2});
    CHECK(why_not(store->claim(id(1))) == reason::ok);  // its worker never returns
    fake_clock::advance(10);
    handle(*store, id(2));
    fake_clock::advance(990);
    handle(*store, id(3));
    CHECK(store->seen(id(2)));
    CHECK(store->seen(id(3)));
    CHECK(store->stats().early_evictions == 0);
    CHECK(store->stats().expired_leases == 1);
}

TEST_CASE("events in progress are never evicted") {
    const auto store = lru({.capacity = 2, .lease = 60s});
    const auto first = store->claim(id(1)).value();
    const auto second = store->claim(id(2)).value();
    CHECK(why_not(store->claim(id(3))) == reason::store_full);
    CHECK(store->commit(first) == reason::ok);
    const auto third = store->claim(id(3)).value();  // takes the entry of the first
    CHECK_FALSE(store->seen(id(1)));
    CHECK(why_not(store->claim(id(4))) == reason::store_full);
    CHECK(store->release(second) == reason::ok);
    CHECK(why_not(store->claim(id(4))) == reason::ok);
    CHECK(store->commit(third) == reason::ok);
}

TEST_CASE("a worker that never returns blocks a full store only until its lease ends") {
    const auto store = lru({.capacity = 1, .lease = 60s});
    CHECK(why_not(store->claim(id(1))) == reason::ok);
    fake_clock::advance(59);
    CHECK(why_not(store->claim(id(2))) == reason::store_full);
    fake_clock::advance(1);
    const auto next = store->claim(id(2)).value();
    CHECK(store->commit(next) == reason::ok);
    CHECK(store->stats().expired_leases == 1);
}

TEST_CASE("the counters count the answers") {
    const auto store = lru({.capacity = 2});
    handle(*store, id(1));
    (void)store->claim(id(1));
    const auto held = store->claim(id(2)).value();
    (void)store->claim(id(2));
    (void)store->claim(id(2));
    const auto stats = store->stats();
    CHECK(stats.claims == 2);
    CHECK(stats.duplicates == 1);
    CHECK(stats.contended == 2);
    CHECK(stats.early_evictions == 0);
    CHECK(stats.expired_leases == 0);
    CHECK(stats.done == 1);
    CHECK(stats.in_progress == 1);
    CHECK(store->release(held) == reason::ok);
    CHECK(store->stats().in_progress == 0);
}

TEST_CASE("two stores hash the same ids in different ways") {
    struct entry {
        uuid id;
    };
    const puck::detail::uuid_index<entry> one(nullptr, 1), other(nullptr, 1);
    int differ = 0;
    for (std::uint64_t i = 0; i < 4; ++i) differ += one.hash(id(i)) != other.hash(id(i)) ? 1 : 0;
    CHECK(differ > 0);  // by chance it fails once in 2^64 runs
}

TEST_CASE("ids with half of their bytes in common are different") {
    const auto store = lru({.capacity = 200'000});
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        handle(*store, id(i, 42));
        handle(*store, id(42, i + 1'000'000));
    }
    CHECK(store->stats().claims == 200'000);
    CHECK(store->stats().early_evictions == 0);
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        CHECK(store->seen(id(i, 42)));
        CHECK(store->seen(id(42, i + 1'000'000)));
    }
}

TEST_CASE("a nearly full store remembers each event, while others are claimed and released") {
    constexpr std::size_t capacity = 1365;  // two thirds of the slots: the table is never fuller
    const auto store = lru({.capacity = capacity});
    enum class state : std::uint8_t { absent, held, done };
    struct known {
        state is = state::absent;
        puck::claim claim{};
    };
    std::vector<known> events(capacity);  // as many as the capacity, so that none is evicted
    std::uint32_t random = 1;
    for (int step = 0; step < 100'000; ++step) {
        random = random * 1664525U + 1013904223U;
        const std::size_t n = (random >> 12) % events.size();
        known& one = events[n];
        const auto claim = store->claim(id(n));
        REQUIRE(why_not(claim) == (one.is == state::absent ? reason::ok
                                   : one.is == state::held ? reason::in_progress
                                                           : reason::duplicate));
        if (claim) one = {state::held, *claim};
        if (one.is != state::held || random >> 30 == 0) continue;
        const bool commits = random >> 27 == 31;  // rarely, because it is the last step of an event
        REQUIRE((commits ? store->commit(one.claim) : store->release(one.claim)) == reason::ok);
        one.is = commits ? state::done : state::absent;
    }
    for (std::size_t n = 0; n < events.size(); ++n) CHECK(store->seen(id(n)) == (events[n].is == state::done));
}

TEST_CASE("exactly one of 16 threads that claim one id wins") {
    const auto store = lru();
    for (std::uint64_t round = 0; round < 200; ++round) {
        std::atomic<int> winners{0}, held{0};
        std::atomic<bool> go{false};
        std::vector<std::thread> threads;
        for (int i = 0; i < 16; ++i)
            threads.emplace_back([&] {
                while (!go) std::this_thread::yield();
                const auto claim = store->claim(id(round));
                if (claim) ++winners;
                if (why_not(claim) == reason::in_progress) ++held;
            });
        go = true;
        for (auto& thread : threads) thread.join();
        CHECK(winners == 1);
        CHECK(held == 15);
    }
}

TEST_CASE("threads that claim, commit and release at random handle each event at most once") {
    constexpr std::uint64_t events = 500;
    const auto store = lru({.capacity = events});
    std::array<std::atomic<int>, events> handled{};
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 8; ++seed)
        threads.emplace_back([&, seed] {
            std::uint32_t random = seed * 2654435761U + 1;
            for (int i = 0; i < 5'000; ++i) {
                random = random * 1664525U + 1013904223U;
                const std::uint64_t event = (random >> 8) % events;
                const auto claim = store->claim(id(event));
                if (!claim) continue;
                if (random >> 31 != 0) {
                    ++handled[event];
                    CHECK(store->commit(*claim) == reason::ok);
                } else {
                    CHECK(store->release(*claim) == reason::ok);
                }
            }
        });
    for (auto& thread : threads) thread.join();
    for (const auto& count : handled) CHECK(count <= 1);
    const auto stats = store->stats();
    CHECK(stats.in_progress == 0);
    CHECK(stats.early_evictions == 0);
}
