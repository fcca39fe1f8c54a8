// The allocations of operator new, which a test may count or let fail.
#pragma once

#include "support/failing_memory.hpp"

#include <cstddef>

namespace support {

/// How many this thread has made.
std::size_t allocations() noexcept;

/// What lets those of this thread fail.
allocation_limit& cxx_memory() noexcept;

}  // namespace support
