// OpenSSL's allocations, which a test may let fail.
#pragma once

#include <cstddef>

namespace support {

/// Puts itself under OpenSSL's allocator. Must come before OpenSSL's first allocation.
void watch_openssl_memory();

/// How many more allocations OpenSSL gets on this thread.
extern thread_local std::size_t allowed_openssl_allocations;

/// How many OpenSSL has had on this thread.
extern thread_local std::size_t openssl_allocations;

}  // namespace support
