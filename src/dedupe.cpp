#include "puck/dedupe.hpp"

namespace puck {
namespace {

/// Whether a claim can have this token. A zeroed claim cannot.
bool is_token(std::uint64_t token) noexcept { return token != 0 && token >> 63 == 0; }

/// Runs a commit or a release. Returns `ok`, `claim_lost` or `store_unavailable`, whatever the store does.
template <class Settle>
reason settle(const claim& held, Settle how) noexcept try {
    return is_token(held.token) ? settle_answer(how()) : reason::claim_lost;
} catch (...) {
    return reason::store_unavailable;
}

}  // namespace

result<claim> dedupe_store::claim(const uuid& id) noexcept try {
    auto answer = do_claim(id);
    const bool counts = answer ? answer->id == id && is_token(answer->token)
                               : claim_answer(answer.error().reason()) == answer.error().reason();
    if (!counts) return unexpected{error(reason::store_unavailable)};
    return answer;
} catch (...) {
    return unexpected{error(reason::store_unavailable)};
}

reason dedupe_store::commit(const puck::claim& held) noexcept {
    return settle(held, [&] { return do_commit(held); });
}

reason dedupe_store::release(const puck::claim& held) noexcept {
    return settle(held, [&] { return do_release(held); });
}

reason claim_answer(reason answered) noexcept {
    switch (answered) {
        case reason::ok:
        case reason::duplicate:
        case reason::in_progress:
        case reason::store_full: return answered;
        default: return reason::store_unavailable;
    }
}

reason settle_answer(reason answered) noexcept {
    return answered == reason::ok || answered == reason::claim_lost ? answered : reason::store_unavailable;
}

}  // namespace puck
