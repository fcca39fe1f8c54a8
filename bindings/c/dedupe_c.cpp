// The C door to the dedupe stores: the built-in one, and one made of the caller's functions.

#include "guard.hpp"
#include "handles.hpp"
#include "structs.hpp"

#include <puck/webhooks.h>
#include <puck/lru_dedupe.hpp>

#include <algorithm>
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

/// A function that throws, which only C++ can do, is a store that did not answer.
class callback_dedupe final : public puck::dedupe_store {
public:
    explicit callback_dedupe(const puck_callbacks& callbacks) noexcept : callbacks_(callbacks) {}

    puck::result<puck::claimed> claim(const puck::uuid& event_id) noexcept override try {
        std::uint64_t token = 0;
        const std::int32_t answer = callbacks_.claim(callbacks_.user, event_id.bytes.data(), &token);
        switch (answer) {
            case PUCK_OK: return puck::claimed{event_id, token};
            case PUCK_DUPLICATE:
            case PUCK_IN_PROGRESS:
            case PUCK_STORE_FULL: return puck::unexpected{error(static_cast<reason>(answer))};
            default: return puck::unexpected{error(reason::store_unavailable)};
        }
    } catch (...) {
        return puck::unexpected{error(reason::store_unavailable)};
    }

    reason commit(const puck::claimed& claim) noexcept override { return settle(callbacks_.commit, claim); }
    reason release(const puck::claimed& claim) noexcept override { return settle(callbacks_.release, claim); }

private:
    reason settle(decltype(puck_callbacks::commit) how, const puck::claimed& claim) noexcept try {
        const std::int32_t answer = how(callbacks_.user, claim.event_id.bytes.data(), claim.token);
        const bool is_known = answer == PUCK_OK || answer == PUCK_CLAIM_LOST;
        return is_known ? static_cast<reason>(answer) : reason::store_unavailable;
    } catch (...) {
        return reason::store_unavailable;
    }

    const puck_callbacks callbacks_;
};

puck::uuid uuid_of(const std::uint8_t* id) noexcept {
    puck::uuid event_id;
    std::copy_n(id, event_id.bytes.size(), event_id.bytes.begin());
    return event_id;
}

/// Commits or releases a claim.
std::int32_t settle(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t token,
                    reason (puck::dedupe_store::*how)(const puck::claimed&)) noexcept {
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || id == nullptr) return null_pointer;
        return failure(((*dedupe->core).*how)({uuid_of(id), token}));
    });
}

}  // namespace

std::int32_t puck_lru_new(const puck_lru_settings* settings, puck_dedupe** dedupe, const char** detail) {
    if (dedupe != nullptr) *dedupe = nullptr;
    return guarded(detail, [&]() -> outcome {
        if (dedupe == nullptr) return null_pointer;
        puck_lru_settings given = PUCK_LRU_SETTINGS_INIT;
        if (!puck_c::read(settings, given)) return puck_c::bad_struct;
        const auto capacity = std::min<std::uint64_t>(given.capacity, std::numeric_limits<std::size_t>::max());
        auto made = puck::lru_dedupe::make(
            {.capacity = static_cast<std::size_t>(capacity), .ttl = given.ttl, .lease = given.lease});
        if (!made) return made.error();
        const puck::lru_dedupe* const lru = made->get();
        *dedupe = new puck_dedupe{std::move(*made), lru};
        return std::nullopt;
    });
}

std::int32_t puck_callbacks_new(const puck_callbacks* callbacks, puck_dedupe** dedupe, const char** detail) {
    if (dedupe != nullptr) *dedupe = nullptr;
    return guarded(detail, [&]() -> outcome {
        puck_callbacks given = PUCK_CALLBACKS_INIT;
        if (dedupe == nullptr || callbacks == nullptr) return null_pointer;
        if (!puck_c::read(callbacks, given)) return puck_c::bad_struct;
        if (given.claim == nullptr || given.commit == nullptr || given.release == nullptr) return null_pointer;
        *dedupe = new puck_dedupe{std::make_shared<callback_dedupe>(given), nullptr};
        return std::nullopt;
    });
}

void puck_dedupe_free(puck_dedupe* dedupe) { delete dedupe; }

std::int32_t puck_dedupe_claim(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t* token) {
    if (token != nullptr) *token = 0;
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || id == nullptr || token == nullptr) return null_pointer;
        const auto claimed = dedupe->core->claim(uuid_of(id));
        if (!claimed) return claimed.error();
        *token = claimed->token;
        return std::nullopt;
    });
}

std::int32_t puck_dedupe_commit(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t token) {
    return settle(dedupe, id, token, &puck::dedupe_store::commit);
}

std::int32_t puck_dedupe_release(puck_dedupe* dedupe, const std::uint8_t* id, std::uint64_t token) {
    return settle(dedupe, id, token, &puck::dedupe_store::release);
}

std::int32_t puck_lru_get_stats(const puck_dedupe* dedupe, puck_lru_stats* stats) {
    const bool is_good = stats != nullptr && puck_c::clear(*stats);
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || stats == nullptr) return null_pointer;
        if (!is_good) return puck_c::bad_struct;
        if (dedupe->lru == nullptr) return error(reason::invalid_argument);
        const puck::dedupe_stats now = dedupe->lru->stats();
        puck_c::write(*stats, puck_lru_stats{0, now.claims, now.duplicates, now.contended, now.early_evictions,
                                             now.expired_leases, now.done, now.in_progress});
        return std::nullopt;
    });
}

std::int32_t puck_lru_seen(const puck_dedupe* dedupe, const std::uint8_t* id, std::int32_t* seen) {
    if (seen != nullptr) *seen = 0;
    return guarded(nullptr, [&]() -> outcome {
        if (dedupe == nullptr || id == nullptr || seen == nullptr) return null_pointer;
        if (dedupe->lru == nullptr) return error(reason::invalid_argument);
        *seen = dedupe->lru->seen(uuid_of(id)) ? 1 : 0;
        return std::nullopt;
    });
}
