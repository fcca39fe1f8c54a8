#include "openssl_memory.hpp"

#include <openssl/crypto.h>
#include <cstdlib>
#include <stdexcept>

namespace support {

thread_local std::size_t allowed_openssl_allocations = static_cast<std::size_t>(-1);
thread_local std::size_t openssl_allocations = 0;

namespace {

bool may_allocate() noexcept {
    if (allowed_openssl_allocations == 0) return false;
    --allowed_openssl_allocations;
    ++openssl_allocations;
    return true;
}

void* allocate(std::size_t size, const char*, int) { return may_allocate() ? std::malloc(size) : nullptr; }
void* reallocate(void* old, std::size_t size, const char*, int) {
    return may_allocate() ? std::realloc(old, size) : nullptr;
}
void release(void* gone, const char*, int) { std::free(gone); }

}  // namespace

void watch_openssl_memory() {
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        throw std::logic_error("OpenSSL has allocated already");
}

}  // namespace support
