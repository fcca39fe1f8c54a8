// A clock and dedupe stores that tests control.
#pragma once

#include <puck/dedupe.hpp>
#include <puck/lru_dedupe.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace support {

/// A steady clock that only a test moves. All stores share one, because a store takes a plain function.
struct fake_clock {
    static inline std::atomic<std::int64_t> nanoseconds{0};
    static std::chrono::nanoseconds read() noexcept { return std::chrono::nanoseconds(nanoseconds); }
    static void advance(double seconds) { nanoseconds += static_cast<std::int64_t>(seconds * 1e9); }
};

inline std::unique_ptr<puck::lru_dedupe> lru(puck::lru_dedupe_settings settings = {}) {
    settings.clock = &fake_clock::read;
    return std::move(puck::lru_dedupe::make(settings).value());
}

/// A store that answers what a test sets, and counts its calls.
class scripted_store final : public puck::dedupe_store {
public:
    std::function<puck::result<puck::claim>(const puck::uuid&)> on_claim = [](const puck::uuid& id) {
        return puck::claim{id, 7};
    };
    std::function<puck::reason()> on_commit = [] { return puck::reason::ok; };
    std::function<puck::reason()> on_release = [] { return puck::reason::ok; };
    int claims = 0, commits = 0, releases = 0;

    std::chrono::seconds remembers_for{86'400};

    std::chrono::seconds ttl() const noexcept override { return remembers_for; }

private:
    puck::result<puck::claim> do_claim(const puck::uuid& id) override {
        ++claims;
        return on_claim(id);
    }
    puck::reason do_commit(const puck::claim&) override {
        ++commits;
        return on_commit();
    }
    puck::reason do_release(const puck::claim&) override {
        ++releases;
        return on_release();
    }
};

}  // namespace support
