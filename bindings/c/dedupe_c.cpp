// The C API of the dedupe stores: the built-in one, and one made of the caller's functions.

#include "guard.hpp"
#include "handles.hpp"
#include "structs.hpp"

#include <puck/webhooks.h>
#include <puck/lru_dedupe.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

using puck::error;
using puck::reason;
using puck_c::failure;
using puck_c::guarded;
using puck_c::null_pointer;
using puck_c::outcome;

namespace {

/// What the functions may answer is sorted out by `dedupe_store`, exceptions (which only C++ can throw) included.
class callback_dedupe final : public puck::dedupe_store {
public:
    explicit callback_dedupe(const puck_dedupe_callbacks& callbacks) noexcept : callbacks_(callbacks) {}

    [[nodiscard]] std::chrono::seconds ttl() const noexcept override { return std::chrono::seconds(callbacks_.ttl); }

private:
    puck::result<puck::claim> do_claim(const puck::uuid& id) override {
        std::uint64_t token = 0;
        const std::int32_t answer = callbacks_.claim(callbacks_.user, id.bytes.data(), &token);
        if (answer != PUCK_OK) return puck::unexpected{error(static_cast<reason>(answer))};
        return puck::claim{id, token};
    }

    reason do_commit(const puck::claim& held) override { return settle(callbacks_.commit, held); }
    reason do_release(const puck::claim& held) override { return settle(callbacks_.release, held); }

    reason settle(decltype(puck_dedupe_callbacks::commit) how, const puck::claim& held) const {
        return static_cast<reason>(how(callbacks_.user, held.id.bytes.data(), held.token));
    }

    const puck_dedupe_callbacks callbacks_;
};

puck::uuid uuid_of(const std::uint8_t* id) noexcept {
    puck::uuid event_id;
    std::copy_n(id, event_id.bytes.size(), event_id.bytes.begin());
    return event_id;
}

/// Commits or releases a claim.
std::int32_t settle(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t token,
                    reason (puck::dedupe_store::*how)(const puck::claim&) noexcept) noexcept {
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || id == nullptr) return null_pointer;
        return failure(((*dedupe->core).*how)({uuid_of(id), token}));
    });
}

}  // namespace

std::int32_t puck_dedupe_new_lru(const puck_dedupe_lru_settings* settings, puck_dedupe** dedupe, const char** detail) {
    if (dedupe != nullptr) *dedupe = nullptr;
    return guarded(detail, [&]() -> outcome {
        if (dedupe == nullptr) return null_pointer;
        puck_dedupe_lru_settings given = PUCK_DEDUPE_LRU_SETTINGS_INIT;
        if (!puck_c::read(settings, given)) return puck_c::bad_struct;
        const auto capacity = std::min<std::uint64_t>(given.capacity, std::numeric_limits<std::size_t>::max());
        auto made = puck::lru_dedupe::make({.capacity = static_cast<std::size_t>(capacity),
                                            .ttl = std::chrono::seconds(given.ttl),
                                            .lease = std::chrono::seconds(given.lease)});
        if (!made) return made.error();
        const puck::lru_dedupe* const lru = made->get();
        *dedupe = new puck_dedupe{std::move(*made), lru};
        return std::nullopt;
    });
}

std::int32_t puck_dedupe_new_callbacks(const puck_dedupe_callbacks* callbacks, puck_dedupe** dedupe,
                                       const char** detail) {
    if (dedupe != nullptr) *dedupe = nullptr;
    return guarded(detail, [&]() -> outcome {
        puck_dedupe_callbacks given = PUCK_DEDUPE_CALLBACKS_INIT;
        if (dedupe == nullptr || callbacks == nullptr) return null_pointer;
        if (!puck_c::read(callbacks, given)) return puck_c::bad_struct;
        if (given.claim == nullptr || given.commit == nullptr || given.release == nullptr) return null_pointer;
        if (given.ttl < 1)
            return error(reason::invalid_argument,
                         "The ttl is not positive. Set it to the seconds for which a committed event is remembered.");
        *dedupe = new puck_dedupe{std::make_shared<callback_dedupe>(given), nullptr};
        return std::nullopt;
    });
}

void puck_dedupe_free(puck_dedupe* dedupe) { delete dedupe; }

std::int32_t puck_dedupe_claim(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t* token) {
    if (token != nullptr) *token = 0;
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || id == nullptr || token == nullptr) return null_pointer;
        const auto held = dedupe->core->claim(uuid_of(id));
        if (!held) return held.error();
        *token = held->token;
        return std::nullopt;
    });
}

std::int32_t puck_dedupe_commit(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t token) {
    return settle(dedupe, id, token, &puck::dedupe_store::commit);
}

std::int32_t puck_dedupe_release(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t token) {
    return settle(dedupe, id, token, &puck::dedupe_store::release);
}

std::int32_t puck_dedupe_get_stats(const puck_dedupe* dedupe, puck_dedupe_stats* stats) {
    const bool is_good = stats != nullptr && puck_c::clear(*stats);
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || stats == nullptr) return null_pointer;
        if (!is_good) return puck_c::bad_struct;
        if (dedupe->lru == nullptr) return error(reason::invalid_argument);
        const puck::dedupe_stats now = dedupe->lru->stats();
        puck_c::write(*stats, puck_dedupe_stats{0, now.claims, now.duplicates, now.contended, now.early_evictions,
                                                now.expired_leases, now.done, now.in_progress});
        return std::nullopt;
    });
}

std::int32_t puck_dedupe_seen(const puck_dedupe* dedupe, const std::uint8_t* id, std::int32_t* seen) {
    if (seen != nullptr) *seen = 0;
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || id == nullptr || seen == nullptr) return null_pointer;
        if (dedupe->lru == nullptr) return error(reason::invalid_argument);
        *seen = dedupe->lru->seen(uuid_of(id)) ? 1 : 0;
        return std::nullopt;
    });
}
