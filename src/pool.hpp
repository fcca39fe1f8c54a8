// A pool of objects, each of which one thread uses at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace puck::detail {

/// A number that is mostly the same in one thread and different in others, so that each thread begins at its own place
/// of a pool. It comes from the address of the stack. A thread_local variable would need memory at a thread's first
/// use, and glibc ends the process if there is none.
inline std::size_t number_of_this_thread() noexcept {
    const char here = 0;
    const auto block = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&here)) >> 16;
    return static_cast<std::size_t>(block * 0x9e37'79b9'7f4a'7c15 >> 40);
}

/// Keeps up to `Size` objects, which the caller makes and destroys. Any number of threads may use one pool, without
/// locks. A thread looks first at the place where it left an object the last time, and each place has its own cache
/// line.
template <class Object, std::size_t Size>
class pool {
public:
    constexpr pool() noexcept = default;

    /// Returns an object, which the caller then owns, or null if the pool is empty.
    [[nodiscard]] Object* take() noexcept {
        const std::size_t first = number_of_this_thread();
        for (std::size_t i = 0; i < Size; ++i) {
            std::atomic<Object*>& kept = places_[(first + i) % Size].kept;
            if (kept.load(std::memory_order_relaxed) == nullptr) continue;
            if (Object* const object = kept.exchange(nullptr, std::memory_order_acquire)) return object;
        }
        return nullptr;
    }

    /// Puts an object into the pool. Returns false if the pool is full; the caller then still owns the object.
    [[nodiscard]] bool keep(Object* object) noexcept {
        const std::size_t first = number_of_this_thread();
        for (std::size_t i = 0; i < Size; ++i) {
            Object* empty = nullptr;
            if (places_[(first + i) % Size].kept.compare_exchange_strong(empty, object, std::memory_order_release,
                                                                         std::memory_order_relaxed))
                return true;
        }
        return false;
    }

private:
    struct alignas(64) place {
        std::atomic<Object*> kept{nullptr};
    };
    std::array<place, Size> places_{};
};

}  // namespace puck::detail
