// The allocations of operator new. A test can count them, and make them fail.
#pragma once

#include "support/failing_memory.hpp"

#include <cstddef>

namespace support {

/// The number of allocations that this thread has made.
std::size_t allocations() noexcept;

/// The limit for the allocations of this thread.
allocation_limit& cxx_memory() noexcept;

}  // namespace support
