// New claims of the shared stores.
#pragma once

#include "puck/dedupe.hpp"

#include <sys/random.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

namespace puck::stores {

/// Fills the bytes from the operating system, so that a forked child repeats nothing. (std::random_device may take 20
/// microseconds, as long as the rest of a claim in SQLite.)
inline void fill_randomly(std::span<std::uint8_t> bytes) {
    if (::getentropy(bytes.data(), bytes.size()) != 0) throw std::system_error(errno, std::generic_category());
}

/// A claim with a new token: 63 bits, because every engine has signed integers of 64 bits.
inline claim new_claim(const uuid& id) {
    std::uint64_t token = 0;
    while (token == 0) {
        std::array<std::uint8_t, 8> bytes;
        fill_randomly(bytes);
        for (const std::uint8_t byte : bytes) token = token << 8 | byte;
        token >>= 1;
    }
    return {id, token};
}

/// A claim on an event that nobody else has: to try a new store.
inline claim new_probe() {
    uuid id;
    fill_randomly(id.bytes);
    return new_claim(id);
}

}  // namespace puck::stores
