// Nothing is thrown across the C boundary: whatever happens inside a call becomes one of the reasons.
#pragma once

#include "structs.hpp"

#include <puck/webhooks.h>
#include <puck/error.hpp>

#include <cstdint>
#include <new>
#include <optional>

namespace puck_c {

/// The result of a call: nothing, or the error.
using outcome = std::optional<puck::error>;

/// The result of a core call that returns a bare reason.
inline outcome failure(puck::reason why) noexcept {
    if (why == puck::reason::ok) return std::nullopt;
    return puck::error(why);
}

template <class Body>
outcome without_exceptions(Body& body) noexcept try {
    return body();
} catch (const std::bad_alloc&) {
    return puck::error(puck::reason::out_of_memory);
} catch (...) {
    return puck::error(puck::reason::internal);
}

inline puck::reason reason_of(const outcome& result) noexcept { return result ? result->reason() : puck::reason::ok; }
inline const char* detail_of(const outcome& result) noexcept { return result ? result->detail().data() : ""; }

/// Runs a call's body, which gives an outcome. Returns the reason's number, and writes its sentence if there is room.
template <class Body>
std::int32_t guarded(const char** detail, Body body) noexcept {
    const outcome result = without_exceptions(body);
    if (detail != nullptr) *detail = detail_of(result);
    return static_cast<std::int32_t>(reason_of(result));
}

/// The same for a body that gives a verdict: it fills what is known of the delivery, and the rest is filled here.
template <class Body>
std::int32_t judged(puck_verdict* verdict, Body body) noexcept {
    puck_verdict unread = PUCK_VERDICT_INIT;  // for a caller who wants none, or whose struct is too small
    const bool is_bad = verdict != nullptr && !clear(*verdict);
    puck_verdict& filled = verdict == nullptr || is_bad ? unread : *verdict;
    const auto judge = [&]() -> outcome {
        if (is_bad) return bad_struct;
        return body(filled);
    };
    const outcome result = without_exceptions(judge);
    const puck::reason why = reason_of(result);
    filled.reason = puck::name(why).data();
    filled.detail = detail_of(result);
    filled.http_status = puck::http_status(why);
    filled.retryable = puck::retryable(why) ? 1 : 0;
    return static_cast<std::int32_t>(why);
}

}  // namespace puck_c
