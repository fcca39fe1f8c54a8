#include "openssl_memory.hpp"

#include <openssl/crypto.h>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace support {

namespace {

thread_local allocation_limit limit;
thread_local std::latch* meeting = nullptr;

void* allocate(std::size_t size, const char*, int) {
    if (std::latch* const all = std::exchange(meeting, nullptr)) all->arrive_and_wait();
    return limit.takes_one() ? std::malloc(size) : nullptr;
}
void* reallocate(void* old, std::size_t size, const char*, int) {
    return limit.takes_one() ? std::realloc(old, size) : nullptr;
}
void release(void* gone, const char*, int) { std::free(gone); }

}  // namespace

allocation_limit& openssl_memory() noexcept { return limit; }

void meet_in_next_allocation(std::latch& all) noexcept { meeting = &all; }

void watch_openssl_memory() {
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        throw std::logic_error("OpenSSL has allocated already");
}

}  // namespace support
