// Stand-ins for time and for dedupe stores.
#pragma once

#include <puck/dedupe.hpp>
#include <puck/lru_dedupe.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace support {

/// A steady clock that moves only when a test says so. One for all, since the store takes a plain function.
struct fake_clock {
    static inline std::atomic<std::int64_t> nanoseconds{0};
    static std::int64_t read() noexcept { return nanoseconds; }
    static void advance(double seconds) { nanoseconds += static_cast<std::int64_t>(seconds * 1e9); }
};

inline std::unique_ptr<puck::lru_dedupe> lru(puck::lru_dedupe_settings settings = {}) {
    settings.clock = &fake_clock::read;
    return std::move(puck::lru_dedupe::make(settings).value());
}

/// A store that does as it is told, and counts.
class scripted_store final : public puck::dedupe_store {
public:
    std::function<puck::result<puck::claimed>(const puck::uuid&)> on_claim = [](const puck::uuid& id) {
        return puck::claimed{id, 7};
    };
    std::function<puck::reason()> on_commit = [] { return puck::reason::ok; };
    std::function<puck::reason()> on_release = [] { return puck::reason::ok; };
    int claims = 0, commits = 0, releases = 0;

    puck::result<puck::claimed> claim(const puck::uuid& id) override {
        ++claims;
        return on_claim(id);
    }
    puck::reason commit(const puck::claimed&) override {
        ++commits;
        return on_commit();
    }
    puck::reason release(const puck::claimed&) override {
        ++releases;
        return on_release();
    }
};

}  // namespace support
