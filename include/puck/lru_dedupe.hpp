// The built-in dedupe store: one process, fixed memory.
#pragma once

#include "puck/clock.hpp"
#include "puck/dedupe.hpp"
#include "puck/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace puck {

struct lru_dedupe_settings {
    std::size_t capacity = 65'536;  ///< events remembered at once: 1 to 67,108,864, of at most 64 bytes each
    /// Seconds for which a committed event is a duplicate: 600 to 2,592,000, and at least twice the verifier's tolerance.
    std::int64_t ttl = 86'400;
    std::int64_t lease = 60;                    ///< seconds that a handler has: 1 to 3,600, and less than the ttl
    steady_clock_function clock = &steady_now;  ///< what ttl and lease run on
};

/// How often what happened since the store was built, and how it stands now.
struct dedupe_stats {
    std::uint64_t claims;           ///< claims that were granted
    std::uint64_t duplicates;       ///< claims refused because the event was done
    std::uint64_t contended;        ///< claims refused because another worker held the event
    std::uint64_t early_evictions;  ///< done events forgotten before their ttl: if it grows, the capacity is too small
    std::uint64_t expired_leases;   ///< claims that passed on because their handler took too long
    std::size_t
        done;  ///< events that take room as done, among them those whose ttl is over and whose place was not needed
    std::size_t in_progress;  ///< events held by a handler now
};

/// Remembers the events of one process. Safe for any number of threads.
///
/// All memory is taken when it is built. When that is full, the done event that was used least recently makes room; an
/// event in progress does so only when its lease is over and nothing done is left, and otherwise the answer is
/// `store_full`.
class lru_dedupe final : public dedupe_store {
public:
    /// Fails with `invalid_argument` when a setting is out of its bounds, or with `out_of_memory`.
    [[nodiscard]] static result<std::unique_ptr<lru_dedupe>> make(lru_dedupe_settings settings = {}) noexcept;
    ~lru_dedupe() override;

    [[nodiscard]] result<claimed> claim(const uuid& event_id) noexcept override;
    [[nodiscard]] reason commit(const claimed& claim) noexcept override;
    [[nodiscard]] reason release(const claimed& claim) noexcept override;

    /// Whether the event is done, without claiming it.
    [[nodiscard]] bool seen(const uuid& event_id) const noexcept;

    [[nodiscard]] dedupe_stats stats() const noexcept;

private:
    class table;
    explicit lru_dedupe(std::unique_ptr<table> entries) noexcept;

    std::unique_ptr<table> table_;
};

}  // namespace puck
