// OpenSSL's allocations, which a test may let fail.
#pragma once

#include "support/failing_memory.hpp"

namespace support {

/// Puts itself under OpenSSL's allocator. Must come before OpenSSL's first allocation.
void watch_openssl_memory();

/// What lets those of this thread fail.
allocation_limit& openssl_memory() noexcept;

}  // namespace support
