// The C API's stores: the built-in one by hand, and one made of callbacks that fail, block, throw and call back.
#include "c/support.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::uint8_t id[16] = {1, 2, 3};
const std::string body = support::envelope();

/// Callbacks that answer what a test wants, and count.
struct scripted {
    std::function<std::int32_t(const std::uint8_t*, std::uint64_t*)> on_claim = [](auto, std::uint64_t* token) {
        *token = 42;
        return PUCK_OK;
    };
    std::function<std::int32_t(std::uint64_t)> on_commit = [](auto) { return PUCK_OK; };
    std::function<std::int32_t(std::uint64_t)> on_release = [](auto) { return PUCK_OK; };
    std::atomic<int> claims{0}, commits{0}, releases{0};
    std::vector<std::uint8_t> settled_id;  // of the last commit or release
    std::uint64_t settled_token = 0;

    std::int32_t settle(std::atomic<int>& count, const std::function<std::int32_t(std::uint64_t)>& answer,
                        const std::uint8_t* event_id, std::uint64_t token) {
        ++count;
        settled_id.assign(event_id, event_id + 16);
        settled_token = token;
        return answer(token);
    }

    c::dedupe store() {
        puck_dedupe_callbacks callbacks = PUCK_DEDUPE_CALLBACKS_INIT;
        callbacks.ttl = 86'400;
        callbacks.user = this;
        callbacks.claim = [](void* user, const std::uint8_t* event_id, std::uint64_t* token) {
            auto& self = *static_cast<scripted*>(user);
            ++self.claims;
            return self.on_claim(event_id, token);
        };
        callbacks.commit = [](void* user, const std::uint8_t* event_id, std::uint64_t token) {
            auto& self = *static_cast<scripted*>(user);
            return self.settle(self.commits, self.on_commit, event_id, token);
        };
        callbacks.release = [](void* user, const std::uint8_t* event_id, std::uint64_t token) {
            auto& self = *static_cast<scripted*>(user);
            return self.settle(self.releases, self.on_release, event_id, token);
        };
        puck_dedupe* made = nullptr;
        REQUIRE(puck_dedupe_new_callbacks(&callbacks, &made, nullptr) == PUCK_OK);
        return c::dedupe(made);
    }
};

}  // namespace

TEST_CASE("C: the built-in store claims, commits, releases and counts") {
    const auto store = c::lru({sizeof(puck_dedupe_lru_settings), 1, 86'400, 60});
    constexpr std::uint8_t other[16] = {9};
    std::uint64_t token = 0, second = 0;
    std::int32_t seen = 7;
    CHECK(puck_dedupe_claim(store.get(), id, &token) == PUCK_OK);
    CHECK(puck_dedupe_claim(store.get(), id, &second) == PUCK_IN_PROGRESS);
    CHECK(puck_dedupe_claim(store.get(), other, &second) == PUCK_STORE_FULL);
    CHECK(second == 0);
    CHECK(puck_dedupe_commit(store.get(), id, token + 1) == PUCK_CLAIM_LOST);
    CHECK(puck_dedupe_release(store.get(), id, token + 1) == PUCK_CLAIM_LOST);
    CHECK(puck_dedupe_release(store.get(), id, token) == PUCK_OK);
    CHECK(puck_dedupe_release(store.get(), id, token) == PUCK_OK);
    CHECK(puck_dedupe_claim(store.get(), id, &token) == PUCK_OK);
    CHECK(puck_dedupe_seen(store.get(), id, &seen) == PUCK_OK);
    CHECK(seen == 0);
    CHECK(puck_dedupe_commit(store.get(), id, token) == PUCK_OK);
    CHECK(puck_dedupe_commit(store.get(), id, token) == PUCK_OK);
    CHECK(puck_dedupe_release(store.get(), id, token) == PUCK_CLAIM_LOST);
    CHECK(puck_dedupe_seen(store.get(), id, &seen) == PUCK_OK);
    CHECK(seen == 1);
    CHECK(puck_dedupe_claim(store.get(), id, &token) == PUCK_DUPLICATE);
    CHECK(puck_dedupe_claim(store.get(), other, &token) == PUCK_OK);

    puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
    REQUIRE(puck_dedupe_get_stats(store.get(), &stats) == PUCK_OK);
    CHECK(stats.claims == 3);
    CHECK(stats.duplicates == 1);
    CHECK(stats.contended == 1);
    CHECK(stats.early_evictions == 1);
    CHECK(stats.expired_leases == 0);
    CHECK(stats.done == 0);
    CHECK(stats.in_progress == 1);
}

TEST_CASE("C: a store of callbacks is asked for each delivery, with the event's own id and token") {
    const std::vector<std::uint8_t> bytes_of_id{0x01, 0x8f, 0x2e, 0x3a, 0x1c, 0x47, 0x7a, 0x12,
                                                0xb3, 0x21, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    scripted script;
    std::vector<std::uint8_t> asked;
    script.on_claim = [&](const std::uint8_t* event_id, std::uint64_t* token) {
        asked.assign(event_id, event_id + 16);
        *token = 77;
        return PUCK_OK;
    };
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    c::request request{body};
    REQUIRE(request.receive(receiver) == PUCK_OK);
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
    CHECK(asked == bytes_of_id);
    CHECK(script.commits == 1);
    CHECK(script.settled_id == bytes_of_id);
    CHECK(script.settled_token == 77);
    request.got.reset();
    CHECK(script.releases == 0);

    c::request forged{body};
    forged.body += ' ';
    CHECK(forged.receive(receiver) == PUCK_SIGNATURE_MISMATCH);
    CHECK(script.claims == 1);
    CHECK(puck_dedupe_get_stats(store.get(), nullptr) == PUCK_INVALID_ARGUMENT);
    puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
    CHECK(puck_dedupe_get_stats(store.get(), &stats) == PUCK_INVALID_ARGUMENT);
    std::int32_t seen = 1;
    CHECK(puck_dedupe_seen(store.get(), id, &seen) == PUCK_INVALID_ARGUMENT);
    CHECK(seen == 0);
}

TEST_CASE("C: a store of callbacks gets back what was not committed") {
    scripted script;
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    const auto expect_release = [&](int count, std::uint64_t token) {
        CHECK(script.releases == count);
        CHECK(script.commits == 0);
        CHECK(script.settled_token == token);
        script.settled_token = 0;
    };
    c::request request{body};
    REQUIRE(request.receive(receiver) == PUCK_OK);
    request.got.reset();  // forgotten
    expect_release(1, 42);
    CHECK(script.settled_id[15] == 0xff);
    REQUIRE(request.receive(receiver) == PUCK_OK);
    CHECK(puck_delivery_release(request.got.get()) == PUCK_OK);
    expect_release(2, 42);
    request.got.reset();
    CHECK(puck_dedupe_release(store.get(), id, 9) == PUCK_OK);
    expect_release(3, 9);
    CHECK(script.settled_id == std::vector<std::uint8_t>(id, id + 16));
}

TEST_CASE("C: what a claim may answer is passed on, and everything else is store_unavailable") {
    scripted script;
    std::int32_t answer = 0;
    script.on_claim = [&](auto, std::uint64_t* token) {
        *token = 99;
        return answer;
    };
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    const auto expect = [&](std::int32_t given, std::int32_t expected) {
        answer = given;
        c::request request{body};
        CHECK(request.receive(receiver) == expected);
        CHECK(request.got == nullptr);
        CHECK(request.verdict.is_authentic == 1);
        CHECK(request.verdict.event_id == support::event_id);
        std::uint64_t token = 1;
        CHECK(puck_dedupe_claim(store.get(), id, &token) == expected);
        CHECK(token == 0);
    };
    for (const int passed : {PUCK_DUPLICATE, PUCK_IN_PROGRESS, PUCK_STORE_UNAVAILABLE, PUCK_STORE_FULL})
        expect(passed, passed);
    for (const int strange : {1, 104, 200, 999, -1, -6, -99, INT32_MIN, INT32_MAX})
        expect(strange, PUCK_STORE_UNAVAILABLE);
}

TEST_CASE("C: what a commit may answer is passed on, and a failing one may be tried again") {
    scripted script;
    std::int32_t answer = 0;
    script.on_commit = [&](auto) { return answer; };
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    for (const int strange : {1, 301, 999, -1, -2, -4, -99, INT32_MIN}) {
        c::request request{body};
        REQUIRE(request.receive(receiver) == PUCK_OK);
        answer = strange;
        CHECK(puck_delivery_commit(request.got.get()) == PUCK_STORE_UNAVAILABLE);
        CHECK(puck_dedupe_commit(store.get(), id, 1) == PUCK_STORE_UNAVAILABLE);
        answer = PUCK_OK;
        CHECK(puck_delivery_commit(request.got.get()) == PUCK_OK);
    }
    c::request request{body};
    REQUIRE(request.receive(receiver) == PUCK_OK);
    answer = PUCK_CLAIM_LOST;
    CHECK(puck_delivery_commit(request.got.get()) == PUCK_CLAIM_LOST);
}

TEST_CASE("C: an exception out of a callback stays inside") {
    scripted script;
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    c::request held{body};
    REQUIRE(held.receive(receiver) == PUCK_OK);
    script.on_claim = [](auto, auto) -> std::int32_t { throw std::runtime_error("down"); };
    script.on_commit = script.on_release = [](auto) -> std::int32_t { throw 7; };
    CHECK(puck_delivery_commit(held.got.get()) == PUCK_STORE_UNAVAILABLE);
    held.got.reset();
    c::request request{body};
    CHECK(request.receive(receiver) == PUCK_STORE_UNAVAILABLE);
    std::uint64_t token = 1;
    CHECK(puck_dedupe_claim(store.get(), id, &token) == PUCK_STORE_UNAVAILABLE);
    CHECK(puck_dedupe_commit(store.get(), id, 1) == PUCK_STORE_UNAVAILABLE);
    CHECK(puck_dedupe_release(store.get(), id, 1) == PUCK_STORE_UNAVAILABLE);
}

TEST_CASE("C: a callback that blocks holds up nobody else") {
    scripted script;
    std::promise<void> entered, leave;
    std::shared_future<void> may_leave = leave.get_future().share();
    std::atomic<bool> first{true};
    script.on_claim = [&](auto, std::uint64_t* token) {
        *token = 1;
        if (first.exchange(false)) {
            entered.set_value();
            may_leave.wait();
        }
        return PUCK_OK;
    };
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    c::request slow{body};
    std::int32_t result = -99;
    std::thread waiting([&] { result = slow.receive(receiver); });
    entered.get_future().wait();
    c::request quick{support::envelope("018f2e3a-1c47-7a12-b321-000000000002")};
    CHECK(quick.receive(receiver) == PUCK_OK);
    leave.set_value();
    waiting.join();
    CHECK(result == PUCK_OK);
}

TEST_CASE("C: a callback may call the library again, the same receiver included") {
    scripted script;
    const auto inner_store = c::lru();
    const auto store = script.store();
    const auto receiver = c::make_receiver(store.get());
    c::request inner{support::envelope("018f2e3a-1c47-7a12-b321-000000000002")};
    bool inside = false;
    script.on_claim = [&](const std::uint8_t* event_id, std::uint64_t* token) {
        if (!inside) {
            inside = true;
            CHECK(inner.receive(receiver) == PUCK_OK);
        }
        return puck_dedupe_claim(inner_store.get(), event_id, token);
    };
    c::request outer{body};
    CHECK(outer.receive(receiver) == PUCK_OK);
    CHECK(puck_delivery_commit(inner.got.get()) == PUCK_OK);
    CHECK(puck_delivery_commit(outer.got.get()) == PUCK_OK);
    CHECK(script.claims == 2);
}

TEST_CASE("C: sixteen threads share a receiver, and each event is handled by one of them") {
    constexpr int events = 100;
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    std::vector<std::string> bodies, signatures;
    for (int i = 0; i < events; ++i) {
        std::string number = std::to_string(i);
        bodies.push_back(support::envelope("018f2e3a-1c47-7a12-b321-" + number.insert(0, 12 - number.size(), '0')));
        signatures.push_back(support::sign(bodies.back()));
    }
    std::vector<std::atomic<int>> handled(events);
    std::atomic<int> strange{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 16; ++t)
        threads.emplace_back([&] {
            for (std::size_t i = 0; i < events; ++i) {
                const puck_header header = c::header("X-Puck-Signature", signatures[i]);
                puck_delivery* delivery = nullptr;
                const std::int32_t why = puck_receiver_receive(receiver.get(), &header, 1, bodies[i].data(),
                                                               bodies[i].size(), c::now, &delivery, nullptr);
                if (why == PUCK_OK) {
                    ++handled[i];
                    strange += puck_delivery_commit(delivery) != PUCK_OK;
                } else {
                    strange += why != PUCK_DUPLICATE && why != PUCK_IN_PROGRESS;
                }
                puck_delivery_free(delivery);
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(strange == 0);
    for (const auto& each : handled) CHECK(each == 1);
}
