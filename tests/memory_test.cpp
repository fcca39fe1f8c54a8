// The library and memory: it reads no byte past an end, allocates nothing on the hot path, leaves no secret in memory
// and no error in OpenSSL's queue, and reports every allocation that fails.
#include "support/cxx_memory.hpp"
#include "support/deliveries.hpp"
#include "support/guard_page.hpp"
#include "support/openssl_memory.hpp"
#include "support/process_memory.hpp"
#include "support/stores.hpp"

#include <puck/webhooks.hpp>

#include "json_scan.hpp"

#include <doctest/doctest.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <latch>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using puck::reason;
using support::envelope;
using support::now;

namespace {

/// Takes every scanner out of the pool, so that the next documents need new ones.
class held_scanners {
public:
    held_scanners() {
        // All at the same time, because a scanner returns to the pool when its scan ends.
        for (int i = 0; i < 64; ++i) scans_.push_back(std::make_unique<puck::detail::json_scan>("{}"));
    }

private:
    std::vector<std::unique_ptr<puck::detail::json_scan>> scans_;
};

template <class T, class E>
reason why_not(const puck::result<T, E>& answer) {
    return answer ? reason::ok : answer.error().reason();
}

/// Calls a function far down the stack, so that later calls do not overwrite what it leaves there.
template <class Function>
[[gnu::noinline]] bool deep_down(Function function) {
    volatile char room[100'000];
    room[0] = 0;
    return function() && room[0] == 0;
}

template <class Function>
std::size_t allocations_of(Function function) {
    const std::size_t before = support::allocations();
    function();
    return support::allocations() - before;
}

}  // namespace

TEST_CASE("verify_signature allocates nothing, and verify and receive only the event's bytes") {
    const std::string body = envelope();
    const std::string signature = support::sign(body);
    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};
    const auto verifier = support::verifier();
    const puck::receiver receiver = support::receiver(support::lru({.capacity = 4}));

    const auto verify_signature = [&] { CHECK(verifier.verify_signature(body, signature, now)); };
    const auto verify = [&] { CHECK(verifier.verify({headers, body, now})); };
    const auto receive = [&] {
        auto delivery = receiver.receive({headers, body, now});
        CHECK(delivery);
        CHECK(delivery->release() == reason::ok);
    };
    receive();  // now there is a scanner in the pool
    const std::size_t by_check = allocations_of([] { CHECK(true); });
    CHECK(allocations_of(verify_signature) == by_check);
    CHECK(allocations_of(verify) == by_check + 1);
    CHECK(allocations_of(receive) == 3 * by_check + 1 - by_check);
}

TEST_CASE("a receiver without memory reports it, accepts nothing, and recovers") {
    const std::string body = envelope(support::event_id, "{\"v\":\"" + std::string(10'000, 'x') + "\"}");
    const std::string signature = support::sign(body);
    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};
    const std::shared_ptr<puck::lru_dedupe> store = support::lru();
    const puck::receiver receiver = support::receiver(store);

    const auto receive = [&] {
        auto judged = receiver.receive({headers, body, now});
        support::cxx_memory().allow_all();
        CHECK(store->stats().in_progress == (judged ? 1 : 0));
        return judged ? judged->release() : judged.error().reason();
    };
    for (const auto how : support::both_ways) {
        const held_scanners none_is_left;
        std::thread([&] {
            CHECK(fail_each_allocation(support::cxx_memory(), how, receive, reason::out_of_memory, reason::ok) >= 3);
        }).join();
    }
}

#ifdef __linux__
TEST_CASE("a store's memory is touched when it is built") {
    const auto resident_bytes = [] {
        std::size_t all = 0, resident = 0;
        std::ifstream("/proc/self/statm") >> all >> resident;
        return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    };
    constexpr std::size_t capacity = std::size_t{1} << 20;  // its entries are too large for the heap: they are mapped
    const std::size_t before = resident_bytes();
    const auto store = puck::lru_dedupe::make({.capacity = capacity}).value();
    CHECK(resident_bytes() - before > capacity * 48 * 9 / 10);
}
#endif

TEST_CASE("secrets, stores and signatures report that there is no memory") {
    const auto fail_each = [](auto build) {
        const auto call = [&] { return why_not(build()); };
        for (const auto how : support::both_ways)
            CHECK(fail_each_allocation(support::cxx_memory(), how, call, reason::out_of_memory, reason::ok) > 0);
    };
    fail_each([] { return puck::secret_ring::make({support::secret, support::old_secret}); });
    fail_each([] { return puck::lru_dedupe::make({.capacity = 16}); });
    const auto ring = support::ring();
    fail_each([&] { return puck::sign(ring, "body", now); });
}

TEST_CASE("nothing is read past the end of a body or a header") {
    const auto verifier = support::verifier();
    for (const std::string& body : {envelope(), envelope() + "\n", std::string("{"), std::string("\""),
                                    std::string("\"\\"), std::string("{\"a\":tru"), std::string("{\"a\":1"),
                                    std::string("{\"a\":-"), std::string("{\"\\u00"), std::string("\xf0\x9f")}) {
        const support::guarded guarded_body(body);
        const support::guarded guarded_signature(support::sign(body));
        CHECK(verifier.verify_signature(guarded_body.view(), guarded_signature.view(), now));
        const auto parsed = puck::parse_envelope(guarded_body.view());
        CHECK(parsed.has_value() == (body.size() > 100));
    }
    for (const char* header : {"", "t", "t=", "t=1", "t=1,", "t=1,v1", "t=1,v1=", "t=1,v1=a"})
        CHECK_FALSE(verifier.verify_signature("", support::guarded(header).view(), now));
    for (const char* text : {"", "0", "018f2e3a-1c47-7a12-b321-aabbccddeef"})
        CHECK_FALSE(puck::uuid::parse(support::guarded(text).view()));
    for (const char* text : {"", "2", "2026-05-03T14:22:01", "2026-05-03T14:22:01.", "2026-05-03T14:22:01+"})
        CHECK_FALSE(puck::date_time::parse(support::guarded(text).view()));
}

#ifdef __linux__
TEST_CASE("a secret is in memory while it is used, and not afterwards") {
    std::array<std::uint8_t, 40> random{};
    std::random_device source;
    for (std::uint8_t& byte : random) byte = static_cast<std::uint8_t>('a' + source() % 26);
    std::ranges::copy(puck::secret::prefix, random.begin());
    const support::masked_bytes secret(random);
    OPENSSL_cleanse(random.data(), random.size());
    REQUIRE(secret.occurrences() == 0);
    {
        std::string plain = secret.reveal();
        auto made = puck::secret_ring::make({plain});
        OPENSSL_cleanse(plain.data(), plain.size());
        const auto verifier = puck::verifier::make(std::move(*made)).value();
        CHECK(secret.occurrences() > 0);  // in OpenSSL's key
        CHECK_FALSE(verifier.verify_signature("body", support::sign("body"), now));
    }
    CHECK(secret.occurrences() == 0);
}

TEST_CASE("the right MAC of a forged body is not in memory afterwards") {
    const std::string body = "forged";
    const std::string signed_text = std::to_string(now.time_since_epoch().count()) + "." + body;
    std::array<std::uint8_t, 32> right{};
    HMAC(EVP_sha256(), support::secret.data(), static_cast<int>(support::secret.size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), right.data(), nullptr);
    const support::masked_bytes mac(right);
    REQUIRE(mac.occurrences() > 0);
    OPENSSL_cleanse(right.data(), right.size());
    REQUIRE(mac.occurrences() == 0);

    const auto verifier = support::verifier();
    const std::string forged = "t=" + std::to_string(now.time_since_epoch().count()) + ",v1=" + std::string(64, '0');
    CHECK_FALSE(deep_down([&] { return verifier.verify_signature(body, forged, now).has_value(); }));
    CHECK(mac.occurrences() == 0);
}
#endif

TEST_CASE("OpenSSL's error queue is the same before and after") {
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 42);
    const unsigned long mine = ERR_peek_last_error();
    {
        const auto verifier = support::verifier();
        CHECK(verifier.verify_signature("body", support::sign("body"), now));
        CHECK_FALSE(verifier.verify_signature("body", support::sign("other"), now));
        CHECK_FALSE(verifier.verify_signature("body", "", now));
    }
    CHECK(ERR_get_error() == mine);
    CHECK(ERR_get_error() == 0);
}

TEST_CASE("when OpenSSL fails at any step, nothing is accepted, the error queue stays clean, and it recovers") {
    const std::string body = envelope();
    const std::string signature = support::sign(body);
    const auto ring = support::ring();
    const auto verifier = support::verifier();

    const auto fail_each = [](auto call, std::size_t least) {
        const auto reason_of = [&] { return why_not(call()); };
        for (const auto how : support::both_ways)
            CHECK(fail_each_allocation(support::openssl_memory(), how, reason_of, reason::crypto_failure, reason::ok) >=
                  least);
    };
    const auto verify = [&] { return verifier.verify_signature(body, signature, now); };
    const auto sign = [&] { return puck::sign(ring, body, now); };
    const auto build = [] { return puck::secret::make(support::secret); };

    ERR_clear_error();
    fail_each(verify, support::allocations_in_hmac());
    fail_each(sign, support::allocations_in_hmac());
    fail_each(build, 5);
    CHECK(ERR_peek_error() == 0);

    ERR_raise(ERR_LIB_USER, 42);
    const unsigned long mine = ERR_peek_last_error();
    fail_each(verify, support::allocations_in_hmac());
    fail_each(sign, support::allocations_in_hmac());
    fail_each(build, 5);
    CHECK(ERR_get_error() == mine);
    CHECK(ERR_get_error() == 0);
}

TEST_CASE("the memory for a huge document is given back") {
    const std::string small = "{\"an unknown key\":0," + envelope().substr(1);
    const std::string large = envelope(support::event_id, "{\"v\":\"" + std::string(900'000, 'x') + "\"}");
    const std::string huge = envelope(support::event_id, "{\"v\":\"" + std::string(3'000'000, 'x') + "\"}");
    const auto parse = [](const std::string& body) {
        return allocations_of([&] { static_cast<void>(puck::parse_envelope(body).has_value()); });
    };
    parse(small);
    const std::size_t usual = parse(small), first = parse(huge);
    CHECK(first > usual);
    CHECK(parse(huge) == first);  // nothing of the first was kept
    CHECK(parse(small) == usual);

    const std::string padded = large + std::string(puck::detail::json_padding, '\0');
    std::vector<std::unique_ptr<puck::detail::json_scan>> scans;  // they hold every scanner for large documents
    for (int i = 0; i < 8; ++i)
        scans.push_back(std::make_unique<puck::detail::json_scan>(std::string_view(padded).substr(0, large.size())));
    parse(huge);
    CHECK(parse(large) > 1);  // a new scanner, beside the bytes of the event
}

TEST_CASE("a scanner that cannot grow for want of memory is not used") {
    const std::string small = envelope();
    const std::string large = envelope(support::event_id, "{\"v\":\"" + std::string(10'000, 'x') + "\"}");
    for (const auto how : support::both_ways) {
        const held_scanners others;
        REQUIRE(puck::parse_envelope(small));  // so that there is one, with room for little
        const auto parse = [&] { return why_not(puck::parse_envelope(large)); };
        CHECK(fail_each_allocation(support::cxx_memory(), how, parse, reason::out_of_memory, reason::ok) >= 2);
    }
}

TEST_CASE("a thread keeps no memory of its own for its next document") {
    const std::string large = envelope(support::event_id, "{\"v\":\"" + std::string(900'000, 'x') + "\"}");
    REQUIRE(puck::parse_envelope(large));  // its scanner is small enough to be kept
    std::size_t by_others = 0;
    for (int i = 0; i < 4; ++i)
        std::thread([&] {
            by_others += allocations_of([&] { static_cast<void>(puck::parse_envelope(large).has_value()); });
        }).join();
    CHECK(by_others == 4);  // the events' bytes
}

TEST_CASE("a document of more than 1 GiB is too large, and is not read") {
    constexpr std::size_t size = (std::size_t{1} << 30) + 1;
    void* const nothing = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(nothing != MAP_FAILED);
    const auto parsed = puck::parse_envelope({static_cast<const char*>(nothing), size});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().reason() == reason::payload_too_large);
    munmap(nothing, size);
}

TEST_CASE("any number of threads may use one verifier and one receiver") {
    const std::string body = envelope();
    const std::string signature = support::sign(body, now, {support::old_secret});
    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};
    const auto verifier = support::verifier({support::secret, support::old_secret});
    const puck::receiver receiver = support::receiver(support::lru(), {support::secret, support::old_secret});
    std::atomic<int> verified{0}, handled{0}, refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 80; ++i)  // more threads than places for contexts
        threads.emplace_back([&] {
            for (int round = 0; round < 50; ++round) {
                verified += verifier.verify_signature(body, signature, now).has_value() ? 1 : 0;
                refused += verifier.verify_signature("forged", signature, now).has_value() ? 0 : 1;
                if (auto delivery = receiver.receive({headers, body, now})) handled += delivery->commit() == reason::ok;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(verified == 80 * 50);
    CHECK(refused == 80 * 50);
    CHECK(handled == 1);
}

TEST_CASE("more threads may verify at the same time than there are kept contexts") {
    if (support::allocations_in_hmac() == 0) {
        MESSAGE("Not tested: this OpenSSL allocates nothing in an HMAC, so the threads cannot meet there.");
        return;
    }
    const auto verifier = support::verifier(), other = support::verifier();
    const std::string body = envelope();
    const std::string signature = support::sign(body);
    constexpr int count = 70;  // 64 are kept
    std::latch all(count);
    std::atomic<int> verified{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
        threads.emplace_back([&] {
            static_cast<void>(other.verify_signature(body, signature, now));  // gives the thread its error queue
            support::meet_in_next_allocation(all);                            // the next allocation is inside the HMAC
            verified += verifier.verify_signature(body, signature, now).has_value() ? 1 : 0;
        });
    for (auto& thread : threads) thread.join();
    CHECK(verified == count);
}
