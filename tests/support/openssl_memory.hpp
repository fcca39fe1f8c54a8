// OpenSSL's allocations, which a test may let fail.
#pragma once

#include "support/failing_memory.hpp"

#include <openssl/crypto.h>
#include <latch>

namespace support {

/// Puts itself under OpenSSL's allocator. Must come before OpenSSL's first allocation.
void watch_openssl_memory();

/// What lets those of this thread fail.
allocation_limit& openssl_memory() noexcept;

/// How many allocations each HMAC takes at the least. From 3.5 on it takes none.
[[nodiscard]] inline std::size_t allocations_in_hmac() noexcept {
    return OpenSSL_version_num() < 0x3050'0000UL ? 1 : 0;
}

/// Holds up this thread in its next allocation by OpenSSL, until as many threads as the latch counts are held up there.
void meet_in_next_allocation(std::latch& all) noexcept;

}  // namespace support
