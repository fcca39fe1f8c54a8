// Nothing is thrown across the C boundary: whatever happens inside a call becomes one of the reasons.
#pragma once

#include <puck/error.hpp>

#include <cstdint>
#include <new>
#include <optional>

namespace puck_c {

/// What a call came to: nothing, or what kept it from its result.
using outcome = std::optional<puck::error>;

/// What a core call that answers with a bare reason came to.
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

/// Runs a call's body, which gives an outcome. Returns the reason's number, and writes its sentence if there is room.
template <class Body>
std::int32_t guarded(const char** detail, Body body) noexcept {
    const outcome came_to = without_exceptions(body);
    if (detail != nullptr) *detail = came_to ? came_to->detail().data() : "";
    return came_to ? static_cast<std::int32_t>(came_to->why()) : 0;
}

}  // namespace puck_c
