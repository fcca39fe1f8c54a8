// The allocations of operator new, which a test may count or let fail.
#pragma once

#include <cstddef>

namespace support {

inline constexpr auto without_limit = static_cast<std::size_t>(-1);

/// How many this thread has made.
std::size_t allocations() noexcept;

/// Lets this thread's next `count` allocations succeed, and no further one.
void allow_allocations(std::size_t count) noexcept;

}  // namespace support
