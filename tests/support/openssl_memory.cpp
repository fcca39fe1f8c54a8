#include "openssl_memory.hpp"

#include <openssl/crypto.h>
#include <cstdlib>
#include <stdexcept>

namespace support {

namespace {

thread_local std::size_t allowed = static_cast<std::size_t>(-1);

bool may_allocate() noexcept {
    if (allowed == 0) return false;
    --allowed;
    return true;
}

void* allocate(std::size_t size, const char*, int) { return may_allocate() ? std::malloc(size) : nullptr; }
void* reallocate(void* old, std::size_t size, const char*, int) {
    return may_allocate() ? std::realloc(old, size) : nullptr;
}
void release(void* gone, const char*, int) { std::free(gone); }

}  // namespace

void allow_openssl_allocations(std::size_t count) { allowed = count; }

void watch_openssl_memory() {
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        throw std::logic_error("OpenSSL has allocated already");
}

}  // namespace support
