#include "cxx_memory.hpp"

#include <cstdlib>
#include <new>

namespace support {
namespace {

thread_local std::size_t made = 0;
thread_local allocation_limit limit;

bool may_allocate() noexcept {
    if (!limit.takes_one()) return false;
    ++made;
    return true;
}

void* allocate(std::size_t size) noexcept { return may_allocate() ? std::malloc(size != 0 ? size : 1) : nullptr; }

void* allocate_or_throw(std::size_t size) {
    void* const got = allocate(size);
    if (got == nullptr) throw std::bad_alloc();
    return got;
}

void* allocate_aligned_or_throw(std::size_t size, std::align_val_t alignment) {
    void* const got = may_allocate() ? std::aligned_alloc(static_cast<std::size_t>(alignment), size) : nullptr;
    if (got == nullptr) throw std::bad_alloc();
    return got;
}

}  // namespace

std::size_t allocations() noexcept { return made; }
allocation_limit& cxx_memory() noexcept { return limit; }

}  // namespace support

void* operator new(std::size_t size) { return support::allocate_or_throw(size); }
void* operator new[](std::size_t size) { return support::allocate_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return support::allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return support::allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return support::allocate_aligned_or_throw(size, alignment);
}
void operator delete(void* gone, std::align_val_t) noexcept { std::free(gone); }
void operator delete(void* gone, std::size_t, std::align_val_t) noexcept { std::free(gone); }
void operator delete(void* gone) noexcept { std::free(gone); }
void operator delete[](void* gone) noexcept { std::free(gone); }
void operator delete(void* gone, std::size_t) noexcept { std::free(gone); }
void operator delete[](void* gone, std::size_t) noexcept { std::free(gone); }
