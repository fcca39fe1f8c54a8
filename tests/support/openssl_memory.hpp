// OpenSSL's allocations, which a test may let fail.
#pragma once

#include <cstddef>

namespace support {

/// Puts itself under OpenSSL's allocator. Must come before OpenSSL's first allocation.
void watch_openssl_memory();

/// Lets this thread's next `count` allocations succeed, and no further one.
void allow_openssl_allocations(std::size_t count);

}  // namespace support
