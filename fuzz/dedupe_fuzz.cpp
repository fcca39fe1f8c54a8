// The built-in store, compared with a slow and simple model.
//
// An input is one byte for the capacity, and then two bytes for each step: the operation, and the event or claim.
#include "support.hpp"

#include <algorithm>
#include <list>
#include <vector>

namespace {

using puck::reason;

constexpr std::int64_t second = 1'000'000'000, ttl = 600 * second, lease = 30 * second;

std::int64_t time_now = 0;
std::chrono::nanoseconds model_clock() noexcept { return std::chrono::nanoseconds(time_now); }

/// Section 7 of the contract. `all` is in the order of use; granted claims, commits and duplicates are uses. An entry
/// whose deadline has passed counts as absent, except for its own claim.
struct model {
    struct entry {
        puck::uuid id;
        bool is_done;
        std::int64_t deadline;
        int claim;
        int commit = 0;  // its number, if it is done
    };
    std::size_t capacity;
    std::list<entry> all{};
    int claims = 0, commits = 0;

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
        if (known != all.end())
            all.erase(known);
        else if (!make_room())
            return reason::store_full;
        all.push_back({id, false, time_now + lease, ++claims});
        return reason::ok;
    }

    bool make_room() {
        if (all.size() < capacity) return true;
        const auto is_over = [](const entry& one) { return time_now >= one.deadline; };
        auto least = all.end();  // of those that are done and over, the one that was committed first
        for (auto one = all.begin(); one != all.end(); ++one)
            if (one->is_done && is_over(*one) && (least == all.end() || one->commit < least->commit)) least = one;
        if (least == all.end()) least = std::ranges::find_if(all, is_over);
        if (least == all.end()) least = std::ranges::find_if(all, &entry::is_done);
        if (least == all.end()) return false;
        all.erase(least);
        return true;
    }

    reason commit(const puck::uuid& id, int claim) {
        const auto known = find(id);
        if (known != all.end()) {
            if (known->claim != claim && time_now < known->deadline) return reason::claim_lost;
            all.erase(known);
        } else if (!make_room()) {
            return reason::store_unavailable;
        }
        all.push_back({id, true, time_now + ttl, claim, ++commits});
        return reason::ok;
    }

    reason release(const puck::uuid& id, int claim) {
        const auto known = find(id);
        if (known == all.end()) return reason::ok;
        if (known->is_done || known->claim != claim)
            return time_now < known->deadline ? reason::claim_lost : reason::ok;
        all.erase(known);
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
    puck::claim real;
    int model;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::size_t capacity = 1 + in.byte() % 6;
    time_now = 0;
    const auto store = puck::lru_dedupe::make({.capacity = capacity,
                                               .ttl = std::chrono::seconds(ttl / second),
                                               .lease = std::chrono::seconds(lease / second),
                                               .clock = model_clock})
                           .value();
    model expected{capacity};
    std::vector<held_claim> claims;

    while (!in.is_empty()) {
        const std::uint8_t step = in.byte(), which = in.byte();
        if (step % 4 == 0) {
            const auto claimed = store->claim(event(which));
            const reason why = expected.claim(event(which));
            fuzz::require((claimed ? reason::ok : claimed.error().reason()) == why,
                          "the store answers a claim like the model");
            if (claimed) claims.push_back({*claimed, expected.claims});
        } else if (step % 4 == 3) {
            time_now += step & 0x80 ? std::int64_t{which} * 5 * second : which;
        } else if (!claims.empty()) {
            const held_claim& one = claims[which % claims.size()];
            const bool commit = step % 4 == 1;
            const reason real = commit ? store->commit(one.real) : store->release(one.real);
            const puck::uuid& id = one.real.id;
            fuzz::require(real == (commit ? expected.commit(id, one.model) : expected.release(id, one.model)),
                          "the store answers a commit or a release like the model");
        }
        const auto stats = store->stats();
        const auto done = static_cast<std::size_t>(std::ranges::count_if(expected.all, &model::entry::is_done));
        fuzz::require(stats.done == done && stats.in_progress == expected.all.size() - done,
                      "the store holds as many entries as the model");
        fuzz::require(store->seen(event(which)) == expected.seen(event(which)),
                      "the store has seen the same events as the model");
    }
    return 0;
}
