// OpenSSL's allocations. A test can make them fail.
#pragma once

#include "support/failing_memory.hpp"

#include <openssl/crypto.h>
#include <latch>

namespace support {

/// Replaces OpenSSL's allocator. Call it before OpenSSL's first allocation.
void watch_openssl_memory();

/// The limit for the allocations of this thread.
allocation_limit& openssl_memory() noexcept;

/// The least number of allocations in an HMAC. OpenSSL 3.5 and later make none.
[[nodiscard]] inline std::size_t allocations_in_hmac() noexcept {
    return OpenSSL_version_num() < 0x3050'0000UL ? 1 : 0;
}

/// Makes this thread wait in its next allocation by OpenSSL, until as many threads wait there as the latch counts.
void meet_in_next_allocation(std::latch& all) noexcept;

}  // namespace support
