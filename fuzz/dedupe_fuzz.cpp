// The built-in store, beside a model that is slow and plain.
//
// An input: a byte for the capacity, and then two bytes for each step: what to do, and with which event or claim.
#include "support.hpp"

#include <algorithm>
#include <list>
#include <vector>

namespace {

using puck::reason;

constexpr std::int64_t second = 1'000'000'000, ttl = 600 * second, lease = 30 * second;

std::int64_t time_now = 0;
std::int64_t model_clock() noexcept { return time_now; }

/// Section 7 of the contract. `all` is in the order of use: of claims that were granted, commits and duplicates.
struct model {
    struct entry {
        puck::uuid id;
        bool is_done;
        std::int64_t deadline;
        int claim;
    };
    std::size_t capacity;
    std::list<entry> all{};
    int claims = 0;

    [[nodiscard]] auto find(const puck::uuid& id) {
        return std::ranges::find_if(all, [&](const entry& one) { return one.id == id; });
    }

    reason claim(const puck::uuid& id) {
        const auto known = find(id);
        if (known != all.end() && time_now < known->deadline) {
            if (!known->is_done) return reason::in_progress;
            all.splice(all.end(), all, known);
            return reason::duplicate;
        }
        if (known != all.end()) {
            all.erase(known);
        } else if (all.size() == capacity) {
            auto least = std::ranges::find_if(all, [](const entry& one) { return one.is_done; });
            if (least == all.end())
                least = std::ranges::find_if(all, [](const entry& one) { return time_now >= one.deadline; });
            if (least == all.end()) return reason::store_full;
            all.erase(least);
        }
        all.push_back({id, false, time_now + lease, ++claims});
        return reason::ok;
    }

    reason settle(const puck::uuid& id, int claim, bool commit) {
        const auto held = find(id);
        if (held == all.end() || held->is_done || held->claim != claim) return reason::claim_lost;
        all.erase(held);
        if (commit) all.push_back({id, true, time_now + ttl, 0});
        return reason::ok;
    }

    bool seen(const puck::uuid& id) {
        const auto known = find(id);
        return known != all.end() && known->is_done && time_now < known->deadline;
    }
};

puck::uuid event(std::uint8_t n) {
    puck::uuid id{};
    id.bytes.front() = 1;
    id.bytes.back() = n % 8;
    return id;
}

struct held_claim {
    puck::claimed real;
    int model;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::size_t capacity = 1 + in.byte() % 6;
    time_now = 0;
    const auto store = puck::lru_dedupe::make(
                           {.capacity = capacity, .ttl = ttl / second, .lease = lease / second, .clock = model_clock})
                           .value();
    model expected{capacity};
    std::vector<held_claim> claims;

    while (!in.is_empty()) {
        const std::uint8_t step = in.byte(), which = in.byte();
        if (step % 4 == 0) {
            const auto claimed = store->claim(event(which));
            const reason why = expected.claim(event(which));
            fuzz::require((claimed ? reason::ok : claimed.error().why()) == why, "a claim is answered as by the model");
            if (claimed) claims.push_back({*claimed, expected.claims});
        } else if (step % 4 == 3) {
            time_now += step & 0x80 ? std::int64_t{which} * 5 * second : which;
        } else if (!claims.empty()) {
            const held_claim& one = claims[which % claims.size()];
            const bool commit = step % 4 == 1;
            const reason real = commit ? store->commit(one.real) : store->release(one.real);
            fuzz::require(real == expected.settle(one.real.event_id, one.model, commit), "and so is its settlement");
        }
        const auto stats = store->stats();
        const auto done = static_cast<std::size_t>(std::ranges::count_if(expected.all, &model::entry::is_done));
        fuzz::require(stats.done == done && stats.in_progress == expected.all.size() - done, "both hold as many");
        fuzz::require(store->seen(event(which)) == expected.seen(event(which)), "both have seen the same");
    }
    return 0;
}
