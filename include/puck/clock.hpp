// The clocks. Judging a delivery reads no clock: time is an argument, and callers get it here.
#pragma once

#include <chrono>
#include <ctime>

namespace puck {

/// The current time in whole Unix seconds, for `request::received_at`.
[[nodiscard]] inline std::chrono::sys_seconds unix_now() noexcept {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// A clock that never goes backwards. It returns the time since a fixed but unspecified moment.
using steady_clock_function = std::chrono::nanoseconds (*)() noexcept;

/// The system's steady clock, which measures leases and ttls. This is the coarse clock where the system has one: it
/// advances in steps of a few milliseconds, which is enough for whole seconds, and it costs a fraction of the exact
/// clock.
[[nodiscard]] inline std::chrono::nanoseconds steady_now() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
    if (std::timespec now{}; clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0)
        return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
#endif
    return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace puck
