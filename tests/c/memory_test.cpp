// The C door when memory or OpenSSL fails at any step: nothing is accepted, nothing leaks (the sanitizers look), and
// the store stands as before.
#include "c/support.hpp"
#include "support/cxx_memory.hpp"
#include "support/openssl_memory.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <string>
#include <thread>
#include <vector>

namespace {

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
    for (const auto how : support::both_ways)
        std::thread([how] {  // a thread of its own has no working memory yet
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
                support::cxx_memory().allow_all();
                support::openssl_memory().allow_all();
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
                const std::int32_t why =
                    puck_sign(&c::secret, 1, body.data(), body.size(), 1, room, sizeof room, nullptr);
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
                callbacks.commit = callbacks.release = [](void*, const std::uint8_t*, std::uint64_t) -> std::int32_t {
                    return PUCK_OK;
                };
                puck_dedupe* made = nullptr;
                const std::int32_t why = puck_callbacks_new(&callbacks, &made, nullptr);
                puck_dedupe_free(made);
                return why;
            };

            const auto heap = [how](auto call) {
                return fail_each_allocation(support::cxx_memory(), how, call, std::int32_t{PUCK_OUT_OF_MEMORY},
                                            std::int32_t{PUCK_OK});
            };
            CHECK(heap(receive) >= 5);
            CHECK(heap(parse) >= 2);
            CHECK(heap(sign) >= 2);
            CHECK(heap(verify) == 0);
            CHECK(heap(new_receiver) >= 3);
            CHECK(heap(new_lru) >= 3);
            CHECK(heap(new_callbacks) >= 2);

            ERR_clear_error();
            const auto openssl = [how](auto call) {
                return fail_each_allocation(support::openssl_memory(), how, call, std::int32_t{PUCK_CRYPTO_FAILURE},
                                            std::int32_t{PUCK_OK});
            };
            CHECK(openssl(receive) >= support::allocations_in_hmac());
            CHECK(openssl(verify) >= support::allocations_in_hmac());
            CHECK(openssl(sign) >= 5);
            CHECK(openssl(new_receiver) >= 5);
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
