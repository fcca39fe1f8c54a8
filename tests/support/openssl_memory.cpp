#include "openssl_memory.hpp"

#include <openssl/crypto.h>
#include <cstdlib>
#include <stdexcept>

namespace support {

namespace {

thread_local allocation_limit limit;

void* allocate(std::size_t size, const char*, int) { return limit.takes_one() ? std::malloc(size) : nullptr; }
void* reallocate(void* old, std::size_t size, const char*, int) {
    return limit.takes_one() ? std::realloc(old, size) : nullptr;
}
void release(void* gone, const char*, int) { std::free(gone); }

}  // namespace

allocation_limit& openssl_memory() noexcept { return limit; }

void watch_openssl_memory() {
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        throw std::logic_error("OpenSSL has allocated already");
}

}  // namespace support
