// OpenSSL's allocations, which a test may let fail.
#pragma once

#include "support/failing_memory.hpp"

#include <latch>

namespace support {

/// Puts itself under OpenSSL's allocator. Must come before OpenSSL's first allocation.
void watch_openssl_memory();

/// What lets those of this thread fail.
allocation_limit& openssl_memory() noexcept;

/// Holds up this thread in its next allocation by OpenSSL, until as many threads as the latch counts are held up there.
void meet_in_next_allocation(std::latch& all) noexcept;

}  // namespace support
