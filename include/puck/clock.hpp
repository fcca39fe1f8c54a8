// The clocks. The core reads none of its own accord: time is an argument, and this is where callers get it.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace puck {

/// Now, in whole Unix seconds: what `verify` and `receive` compare a signature's timestamp with.
[[nodiscard]] inline std::int64_t unix_now() noexcept {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
}

/// Something that counts nanoseconds from some fixed moment and never goes back.
using steady_clock_function = std::int64_t (*)() noexcept;

/// The machine's steady clock, on which leases and times to live run. They are whole seconds, so where there is a clock
/// that steps by a few milliseconds and costs a fraction of the exact one, it is that one.
[[nodiscard]] inline std::int64_t steady_now() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
    if (std::timespec now{}; clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0)
        return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
#endif
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace puck
