// The C door when memory or OpenSSL fails at any step: nothing is accepted, nothing leaks (the sanitizers look), and
// the store stands as before.
#include "c/support.hpp"
#include "support/cxx_memory.hpp"
#include "support/openssl_memory.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using limit = void (*)(std::size_t);

/// Calls with 0, 1, 2… allocations allowed until it succeeds; each failure must be one of those expected.
std::size_t failures_until_it_works(limit allow, const std::function<std::int32_t()>& call, std::int32_t expected) {
    for (std::size_t failures = 0;; ++failures) {
        allow(failures);
        const std::int32_t why = call();
        allow(support::without_limit);
        if (why == PUCK_OK) return failures;
        CHECK(why == expected);
        REQUIRE(failures < 1000);
    }
}

const std::string body = support::envelope(support::event_id, "{\"v\":\"" + std::string(10'000, 'x') + "\"}");
const std::string& signature() {
    static const std::string made = support::sign(body);  // not before main, which watches OpenSSL's memory
    return made;
}

struct everything {
    c::dedupe store = c::lru();
    c::receiver receiver = c::make_receiver(store.get());
    c::verifier verifier = c::make_verifier();
};

}  // namespace

TEST_CASE("C: every allocation of every call fails in turn") {
    std::thread([] {  // a thread of its own has no working memory yet
        const everything all;
        std::vector<puck_header> headers(200, c::header("Accept", "*/*"));  // too many for the stack
        headers.push_back(c::header("X-Puck-Signature", signature()));

        const auto in_progress = [&] {
            puck_lru_stats stats = PUCK_LRU_STATS_INIT;
            CHECK(puck_lru_get_stats(all.store.get(), &stats) == PUCK_OK);
            return stats.in_progress;
        };
        const auto receive = [&] {
            puck_delivery* got = nullptr;
            puck_account account = PUCK_ACCOUNT_INIT;
            const std::int32_t why = puck_receive(all.receiver.get(), headers.data(), headers.size(), body.data(),
                                                  body.size(), support::now, &got, &account);
            support::allow_allocations(support::without_limit);
            support::allow_openssl_allocations(support::without_limit);
            CHECK((got != nullptr) == (why == PUCK_OK));
            CHECK(in_progress() == (why == PUCK_OK ? 1 : 0));
            puck_delivery_free(got);
            return why;
        };
        const auto parse = [] {
            puck_event* got = nullptr;
            const std::int32_t why = puck_parse_envelope(body.data(), body.size(), &got, nullptr);
            const bool has_event = got != nullptr;
            puck_event_free(got);
            return has_event == (why == PUCK_OK) ? why : PUCK_INTERNAL;
        };
        const auto sign = [] {
            char room[PUCK_SIGNATURE_SIZE];
            const std::int32_t why = puck_sign(&c::secret, 1, body.data(), body.size(), 1, room, sizeof room, nullptr);
            return (room[0] != '\0') == (why == PUCK_OK) ? why : PUCK_INTERNAL;
        };
        const auto verify = [&] {
            return puck_verify(all.verifier.get(), body.data(), body.size(), signature().data(), signature().size(),
                               support::now, nullptr);
        };
        const auto new_receiver = [&] {
            puck_receiver* made = nullptr;
            const std::int32_t why = puck_receiver_new(&c::secret, 1, nullptr, all.store.get(), &made, nullptr);
            const bool is_made = made != nullptr;
            puck_receiver_free(made);
            return is_made == (why == PUCK_OK) ? why : PUCK_INTERNAL;
        };
        const auto new_lru = [] {
            puck_dedupe* made = nullptr;
            const std::int32_t why = puck_lru_new(nullptr, &made, nullptr);
            puck_dedupe_free(made);
            return why;
        };
        const auto new_callbacks = [] {
            puck_callbacks callbacks = PUCK_CALLBACKS_INIT;
            callbacks.claim = [](void*, const std::uint8_t*, std::uint64_t*) -> std::int32_t { return PUCK_OK; };
            callbacks.commit =
                callbacks.release = [](void*, const std::uint8_t*, std::uint64_t) -> std::int32_t { return PUCK_OK; };
            puck_dedupe* made = nullptr;
            const std::int32_t why = puck_callbacks_new(&callbacks, &made, nullptr);
            puck_dedupe_free(made);
            return why;
        };

        const limit heap = [](std::size_t count) { support::allow_allocations(count); };
        CHECK(failures_until_it_works(heap, receive, PUCK_OUT_OF_MEMORY) >= 5);
        CHECK(failures_until_it_works(heap, parse, PUCK_OUT_OF_MEMORY) >= 2);
        CHECK(failures_until_it_works(heap, sign, PUCK_OUT_OF_MEMORY) >= 2);
        CHECK(failures_until_it_works(heap, verify, PUCK_OUT_OF_MEMORY) == 0);
        CHECK(failures_until_it_works(heap, new_receiver, PUCK_OUT_OF_MEMORY) >= 3);
        CHECK(failures_until_it_works(heap, new_lru, PUCK_OUT_OF_MEMORY) >= 3);
        CHECK(failures_until_it_works(heap, new_callbacks, PUCK_OUT_OF_MEMORY) >= 2);

        ERR_clear_error();
        const limit openssl = [](std::size_t count) { support::allow_openssl_allocations(count); };
        CHECK(failures_until_it_works(openssl, receive, PUCK_CRYPTO_FAILURE) >= 1);
        CHECK(failures_until_it_works(openssl, verify, PUCK_CRYPTO_FAILURE) >= 1);
        CHECK(failures_until_it_works(openssl, sign, PUCK_CRYPTO_FAILURE) >= 5);
        CHECK(failures_until_it_works(openssl, new_receiver, PUCK_CRYPTO_FAILURE) >= 5);
        CHECK(ERR_peek_error() == 0);
    })
        .join();
}

TEST_CASE("C: receiving allocates the event's bytes and the delivery") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    const puck_header header = c::header("X-Puck-Signature", signature());
    std::size_t made = 0;
    for (int round = 0; round < 3; ++round) {
        puck_delivery* got = nullptr;
        const std::size_t before = support::allocations();
        puck_receive(receiver.get(), &header, 1, body.data(), body.size(), support::now, &got, nullptr);
        made = support::allocations() - before;
        REQUIRE(got != nullptr);
        puck_delivery_free(got);
    }
    CHECK(made == 2);
}
