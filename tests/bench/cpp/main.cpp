// Benchmarks of the core, of the floors (the least that any implementation needs), and of the same job written by hand.
// Most names are what/size.
#include "by_hand.hpp"
#include "deliveries.hpp"

#include <puck/webhooks.hpp>

#include <absl/container/flat_hash_map.h>
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstring>
#include <memory>

namespace {

using bench::deliveries;

/// Less than the number of deliveries, so each is forgotten when it comes again. So the store is always full, and each
/// claim evicts an event.
constexpr std::size_t capacity = 128;

void stop_unless(bool is_right) {
    if (is_right) return;
    std::cerr << "A delivery was judged wrongly.\n";
    std::exit(1);
}

std::size_t size_of(const benchmark::State& state) { return static_cast<std::size_t>(state.range(0)); }

puck::secret_ring ring() { return puck::secret_ring::make({bench::secret()}).value(); }

puck::verifier verifier() { return puck::verifier::make(ring()).value(); }

puck::receiver receiver_with(std::size_t events) {
    return puck::receiver::make(ring(), {.dedupe = puck::lru_dedupe::make({.capacity = events}).value()}).value();
}

// --- Floors ----------------------------------------------------------------------------------------------------------

void floor_memcpy(benchmark::State& state) {
    deliveries all(size_of(state));
    std::string copy(size_of(state), '\0');
    for (auto _ : state) {
        std::memcpy(copy.data(), all.next().body.data(), copy.size());
        benchmark::DoNotOptimize(copy.data());
        benchmark::ClobberMemory();
    }
}

void floor_sha256(benchmark::State& state) {
    deliveries all(size_of(state));
    const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::array<unsigned char, 32> digest{};
    for (auto _ : state) {
        const std::string& body = all.next().body;
        stop_unless(EVP_DigestInit_ex2(context.get(), sha256.get(), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), body.data(), body.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
        benchmark::DoNotOptimize(digest);
    }
}

/// The context is keyed once, and initialised again without a key for each body. It signs "t." and the body.
void floor_evp_mac(benchmark::State& state) {
    deliveries all(size_of(state));
    const std::string key = bench::secret();
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr), EVP_MAC_free);
    const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(hmac.get()),
                                                                            EVP_MAC_CTX_free);
    char name[] = "SHA256";
    const OSSL_PARAM parameters[]{OSSL_PARAM_construct_utf8_string("digest", name, 0), OSSL_PARAM_construct_end()};
    stop_unless(
        EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(), parameters) == 1);
    const std::string timestamp = std::to_string(puck::unix_now().time_since_epoch().count()) + ".";
    std::array<unsigned char, 32> mac{};
    for (auto _ : state) {
        const std::string& body = all.next().body;
        std::size_t size = 0;
        stop_unless(
            EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1 &&
            EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(timestamp.data()), timestamp.size()) ==
                1 &&
            EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(body.data()), body.size()) == 1 &&
            EVP_MAC_final(context.get(), mac.data(), &size, mac.size()) == 1);
        benchmark::DoNotOptimize(mac);
    }
}

// --- Ours ------------------------------------------------------------------------------------------------------------

void verify_signature(benchmark::State& state) {
    deliveries all(size_of(state));
    const puck::verifier judge = verifier();
    for (auto _ : state) {
        const bench::delivery& one = all.next();
        stop_unless(judge.verify_signature(one.body, one.signature, one.received_at).has_value());
    }
}

/// The signature, the envelope and the unsigned headers.
void verify(benchmark::State& state) {
    deliveries all(size_of(state));
    const puck::verifier judge = verifier();
    for (auto _ : state) stop_unless(judge.verify(all.next().request()).has_value());
}

/// Verified, parsed, claimed and committed.
void receive(benchmark::State& state) {
    deliveries all(size_of(state));
    const puck::receiver receiver = receiver_with(capacity);
    for (auto _ : state) {
        auto delivery = receiver.receive(all.next().request());
        stop_unless(delivery.has_value() && delivery->commit() == puck::reason::ok);
    }
}

// --- The same by hand ------------------------------------------------------------------------------------------------

void by_hand(benchmark::State& state) {
    deliveries all(size_of(state));
    bench::receiver_by_hand receiver(bench::secret(), capacity);
    for (auto _ : state) stop_unless(receiver.receive(all.next().request()));
}

// --- Refusals --------------------------------------------------------------------------------------------------------

void refuse_forged(benchmark::State& state) {
    deliveries all(size_of(state));
    const puck::verifier judge = verifier();
    const std::string forged =
        "t=" + std::to_string(puck::unix_now().time_since_epoch().count()) + ",v1=" + std::string(64, 'a');
    for (auto _ : state)
        stop_unless(judge.verify_signature(all.next().body, forged, puck::unix_now()).error().reason() ==
                    puck::reason::signature_mismatch);
}

void refuse_too_large(benchmark::State& state) {
    const puck::receiver receiver = receiver_with(capacity);
    const std::string body(puck::verifier_settings{}.max_body + 1, ' ');
    const std::array headers{puck::header{"X-Puck-Signature", "t=1,v1=2"}};
    for (auto _ : state)
        stop_unless(receiver.receive({headers, body, {}}).error().reason() == puck::reason::payload_too_large);
}

void refuse_garbage(benchmark::State& state) {
    deliveries all(1024);
    const puck::receiver receiver = receiver_with(capacity);
    const std::string garbage =
        "t=" + std::to_string(puck::unix_now().time_since_epoch().count()) + ",v1=" + std::string(63, 'a') + "g";
    const std::array headers{puck::header{"X-Puck-Signature", garbage}};
    for (auto _ : state)
        stop_unless(receiver.receive({headers, all.next().body, {}}).error().reason() ==
                    puck::reason::malformed_signature);
}

// --- Stores that hold a million events: each claim evicts the oldest one ---------------------------------------------

constexpr std::size_t many = 1'000'000;

/// Pseudo-random ids, each only once.
class new_ids {
public:
    puck::uuid next() {
        puck::uuid id{};
        for (const std::size_t half : {0U, 8U}) {
            std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15);  // splitmix64
            mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
            mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
            mixed ^= mixed >> 31;
            std::memcpy(id.bytes.data() + half, &mixed, sizeof mixed);
        }
        return id;
    }

private:
    std::uint64_t state_ = 0;
};

struct hash_of_uuid {
    std::size_t operator()(const puck::uuid& id) const {
        std::size_t hash = 0;
        std::memcpy(&hash, id.bytes.data(), sizeof hash);  // they are random
        return hash;
    }
};

template <class Key, class Value>
using unordered = std::unordered_map<Key, Value, hash_of_uuid>;
template <class Key, class Value>
using flat = absl::flat_hash_map<Key, Value, hash_of_uuid>;

void store(benchmark::State& state) {
    const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const auto store = puck::lru_dedupe::make({.capacity = many}).value();
    const std::size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    new_ids ids;
    const auto handle = [&] {
        const auto claimed = store->claim(ids.next());
        stop_unless(claimed && store->commit(*claimed) == puck::reason::ok);
    };
    for (std::size_t i = 0; i < many; ++i) handle();
    for (auto _ : state) handle();
    state.counters["bytes_per_entry"] = static_cast<double>(bytes) / static_cast<double>(many);
}

template <class Store>
void store_by_hand(benchmark::State& state) {
    Store store(many);
    new_ids ids;
    const auto handle = [&] {
        const puck::uuid id = ids.next();
        stop_unless(store.claim(id));
        store.commit(id);
    };
    for (std::size_t i = 0; i < many; ++i) handle();
    for (auto _ : state) handle();
}

void store_unordered_map(benchmark::State& state) { store_by_hand<bench::store_by_hand<puck::uuid, unordered>>(state); }
void store_flat_hash_map(benchmark::State& state) { store_by_hand<bench::store_by_hand<puck::uuid, flat>>(state); }

// --- Threads, which share one verifier or one receiver ---------------------------------------------------------------

void verify_shared(benchmark::State& state) {
    static const puck::verifier judge = verifier();
    deliveries all(1024);
    for (auto _ : state) {
        const bench::delivery& one = all.next();
        stop_unless(judge.verify_signature(one.body, one.signature, one.received_at).has_value());
    }
    state.SetItemsProcessed(state.iterations());
}

/// Each event is released, because the threads judge the same events. They begin at different places.
void receive_shared(benchmark::State& state) {
    static const puck::receiver receiver = receiver_with(65'536);
    deliveries all(1024);
    for (int i = 0; i < 128 * state.thread_index(); ++i) all.next();
    for (auto _ : state) {
        auto delivery = receiver.receive(all.next().request());
        if (delivery.has_value())
            stop_unless(delivery->release() == puck::reason::ok);
        else
            stop_unless(delivery.error().reason() == puck::reason::in_progress);
    }
    state.SetItemsProcessed(state.iterations());
}

void each_size(benchmark::internal::Benchmark* benchmark) {
    for (const int size : {256, 1024, 4096, 65536}) benchmark->Arg(size);
}

BENCHMARK(floor_memcpy)->Apply(each_size);
BENCHMARK(floor_sha256)->Apply(each_size);
BENCHMARK(floor_evp_mac)->Apply(each_size);
BENCHMARK(verify_signature)->Apply(each_size);
BENCHMARK(verify)->Apply(each_size);
BENCHMARK(receive)->Apply(each_size);
BENCHMARK(by_hand)->Apply(each_size);
BENCHMARK(refuse_forged)->Arg(1024);
BENCHMARK(refuse_too_large)->Arg(1024);
BENCHMARK(refuse_garbage)->Arg(1024);
BENCHMARK(verify_shared)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(receive_shared)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(store)->MinTime(0.5);
BENCHMARK(store_unordered_map)->MinTime(0.5);
BENCHMARK(store_flat_hash_map)->MinTime(0.5);

}  // namespace

BENCHMARK_MAIN();
