// What the core costs, beside the floors that nobody passes. Each benchmark is named what/size.
#include "deliveries.hpp"

#include <puck/webhooks.hpp>

#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstring>
#include <memory>

namespace {

using bench::deliveries;

/// Fewer than there are deliveries: when one comes round again, it is forgotten. So the store is always full, and each claim evicts.
constexpr std::size_t capacity = 128;

void stop_unless(bool is_right) {
    if (is_right) return;
    std::cerr << "A delivery was judged wrongly.\n";
    std::exit(1);
}

std::size_t size_of(const benchmark::State& state) { return static_cast<std::size_t>(state.range(0)); }

puck::verifier verifier() {
    std::vector<puck::secret> secrets;
    secrets.push_back(puck::secret::make(bench::secret()).value());
    return puck::verifier::make(puck::secret_ring::make(std::move(secrets)).value(), {}).value();
}

// --- Floors -----------------------------------------------------------------------------------------------------------

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

/// Keyed once, and initialised again without a key for each body: what is signed is "t." and the body.
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
    const std::string timestamp = std::to_string(puck::unix_now()) + ".";
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

// --- Ours -------------------------------------------------------------------------------------------------------------

void verify(benchmark::State& state) {
    deliveries all(size_of(state));
    const puck::verifier judge = verifier();
    for (auto _ : state) {
        const bench::delivery& one = all.next();
        stop_unless(judge.verify(one.body, one.signature, one.received_at).has_value());
    }
}

/// Verified, parsed, claimed and committed.
void receive(benchmark::State& state) {
    deliveries all(size_of(state));
    const puck::receiver receiver(verifier(), puck::lru_dedupe::make({.capacity = capacity}).value());
    for (auto _ : state) {
        auto delivery = receiver.receive(all.next().request());
        stop_unless(delivery.has_value() && delivery->commit() == puck::reason::ok);
    }
}

void each_size(benchmark::internal::Benchmark* benchmark) {
    for (const int size : {256, 1024, 4096, 65536}) benchmark->Arg(size);
}

BENCHMARK(floor_memcpy)->Apply(each_size);
BENCHMARK(floor_sha256)->Apply(each_size);
BENCHMARK(floor_evp_mac)->Apply(each_size);
BENCHMARK(verify)->Apply(each_size);
BENCHMARK(receive)->Apply(each_size);

}  // namespace

BENCHMARK_MAIN();
