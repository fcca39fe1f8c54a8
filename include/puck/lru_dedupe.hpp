// The built-in dedupe store: one process, fixed memory.
#pragma once

#include "puck/clock.hpp"
#include "puck/dedupe.hpp"
#include "puck/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace puck {

struct lru_dedupe_settings {
    std::size_t capacity = 65'536;     ///< in events: 1 to 67,108,864; each takes at most 72 bytes
    std::chrono::seconds ttl{86'400};  ///< how long a committed event counts as a duplicate: 600 to 2,592,000 s
    std::chrono::seconds lease{60};    ///< how long a handler may hold an event: 1 to 3,600 s, and less than the ttl
    steady_clock_function clock = &steady_now;  ///< measures the ttl and the lease
};

/// Counters since the store was made, and its current sizes.
struct dedupe_stats {
    std::uint64_t claims;           ///< claims that were granted
    std::uint64_t duplicates;       ///< claims refused because the event was done
    std::uint64_t contended;        ///< claims refused because another worker held the event
    std::uint64_t early_evictions;  ///< done events evicted before their ttl ended: if it grows, raise the capacity
    std::uint64_t expired_leases;   ///< claims whose lease had ended when a newer claim took the event or its entry
    std::size_t done;               ///< events stored as done; an expired one counts until its entry is reused
    std::size_t in_progress;        ///< events held by a handler now
};

/// Remembers the events of one process. Safe for any number of threads.
///
/// All memory is allocated, and touched, when the store is made. A new event in a full store replaces an expired done
/// event, or else one in progress whose lease has ended, or else the least recently used done event. If there is none
/// of these, the answer is `store_full`.
class lru_dedupe final : public dedupe_store {
public:
    /// Fails with `invalid_argument` if a setting is out of its bounds, with `out_of_memory`, or with `internal` if the
    /// system has no random numbers.
    [[nodiscard]] static result<std::unique_ptr<lru_dedupe>> make(lru_dedupe_settings settings = {}) noexcept;
    ~lru_dedupe() override;

    /// Whether the event is done. It claims nothing.
    [[nodiscard]] bool seen(const uuid& id) const noexcept;

    [[nodiscard]] dedupe_stats stats() const noexcept;

    [[nodiscard]] std::chrono::seconds ttl() const noexcept override;

private:
    class table;
    explicit lru_dedupe(std::unique_ptr<table> entries) noexcept;

    result<puck::claim> do_claim(const uuid& id) noexcept override;
    reason do_commit(const puck::claim& held) noexcept override;
    reason do_release(const puck::claim& held) noexcept override;

    std::unique_ptr<table> table_;
};

}  // namespace puck
