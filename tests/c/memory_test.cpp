// The C API when memory or OpenSSL fails at any step: nothing is accepted, nothing leaks (the sanitizers look), and
// the store stands as before.
#include "c/support.hpp"
#include "support/cxx_memory.hpp"
#include "support/openssl_memory.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <cstring>
#include <string>
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
    for (const auto how : support::both_ways) {
        const everything all;
        std::vector<puck_header> headers(200, c::header("Accept", "*/*"));  // too many for the stack
        headers.push_back(c::header("X-Puck-Signature", signature()));

        const auto in_progress = [&] {
            puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
            CHECK(puck_dedupe_get_stats(all.store.get(), &stats) == PUCK_OK);
            return stats.in_progress;
        };
        const auto receive = [&] {
            puck_delivery* got = nullptr;
            puck_verdict verdict = PUCK_VERDICT_INIT;
            const std::int32_t why = puck_receiver_receive(all.receiver.get(), headers.data(), headers.size(),
                                                           body.data(), body.size(), c::now, &got, &verdict);
            support::cxx_memory().allow_all();
            support::openssl_memory().allow_all();
            CHECK((got != nullptr) == (why == PUCK_OK));
            c::check_agrees(verdict, why);
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
        const auto verify_signature = [&] {
            return puck_verifier_verify_signature(all.verifier.get(), body.data(), body.size(), signature().data(),
                                                  signature().size(), c::now, nullptr);
        };
        const auto verify = [&] {
            puck_event* got = nullptr;
            puck_verdict verdict = PUCK_VERDICT_INIT;
            const std::int32_t why = puck_verifier_verify(all.verifier.get(), headers.data(), headers.size(),
                                                          body.data(), body.size(), c::now, &got, &verdict);
            const bool has_event = got != nullptr;
            puck_event_free(got);
            const bool agrees = std::strcmp(verdict.reason, puck_reason_name(why)) == 0;
            return agrees && has_event == (why == PUCK_OK) ? why : PUCK_INTERNAL;
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
            const std::int32_t why = puck_dedupe_new_lru(nullptr, &made, nullptr);
            puck_dedupe_free(made);
            return why;
        };
        const auto new_callbacks = [] {
            puck_dedupe_callbacks callbacks = PUCK_DEDUPE_CALLBACKS_INIT;
            callbacks.ttl = 86'400;
            callbacks.claim = [](void*, const std::uint8_t*, std::uint64_t*) -> std::int32_t { return PUCK_OK; };
            callbacks.commit =
                callbacks.release = [](void*, const std::uint8_t*, std::uint64_t) -> std::int32_t { return PUCK_OK; };
            puck_dedupe* made = nullptr;
            const std::int32_t why = puck_dedupe_new_callbacks(&callbacks, &made, nullptr);
            puck_dedupe_free(made);
            return why;
        };

        const auto heap = [how](auto call) {
            return fail_each_allocation(support::cxx_memory(), how, call, std::int32_t{PUCK_OUT_OF_MEMORY},
                                        std::int32_t{PUCK_OK});
        };
        CHECK(heap(receive) >= 3);
        CHECK(heap(parse) >= 2);
        CHECK(heap(sign) >= 2);
        CHECK(heap(verify) >= 3);
        CHECK(heap(verify_signature) == 0);
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
        CHECK(openssl(verify_signature) >= support::allocations_in_hmac());
        CHECK(openssl(sign) >= 5);
        CHECK(openssl(new_receiver) >= 5);
        CHECK(ERR_peek_error() == 0);
    }
}

TEST_CASE("C: receiving allocates the event's bytes and the delivery") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    const puck_header header = c::header("X-Puck-Signature", signature());
    std::size_t made = 0;
    for (int round = 0; round < 3; ++round) {
        puck_delivery* got = nullptr;
        const std::size_t before = support::allocations();
        puck_receiver_receive(receiver.get(), &header, 1, body.data(), body.size(), c::now, &got, nullptr);
        made = support::allocations() - before;
        REQUIRE(got != nullptr);
        puck_delivery_free(got);
    }
    CHECK(made == 2);
}
