// Looks for bytes in the memory of this process. Linux only.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace support {

/// Bytes that are stored masked, so that a search for them does not find this object.
class masked_bytes {
public:
    explicit masked_bytes(std::span<const std::uint8_t> bytes) : masked_(bytes.begin(), bytes.end()) {
        for (std::uint8_t& byte : masked_) byte ^= mask;
    }

    /// The bytes themselves, as text. The caller must wipe it.
    [[nodiscard]] std::string reveal() const {
        std::string bytes;
        bytes.reserve(masked_.size());
        for (const std::uint8_t byte : masked_) bytes += static_cast<char>(byte ^ mask);
        return bytes;
    }

    /// How often the bytes occur in the memory that this process can write to.
    [[nodiscard]] std::size_t occurrences() const {
        constexpr std::size_t window = 1 << 20;
        auto* const buffer = static_cast<std::uint8_t*>(
            mmap(nullptr, window, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        const auto own = reinterpret_cast<std::uintptr_t>(buffer);
        const int memory = open("/proc/self/mem", O_RDONLY);
        std::ifstream maps("/proc/self/maps");
        std::size_t found = 0;
        for (std::string line; std::getline(maps, line);) {
            std::uintptr_t begin = 0, end = 0;
            char rights[5] = "";
            if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, rights) != 3) continue;
            // The largest regions belong to sanitizers, and contain no bytes of the program.
            if (rights[0] != 'r' || rights[1] != 'w' || end - begin > (std::uintptr_t{1} << 30)) continue;
            for (std::uintptr_t at = begin; at < end; at += window - masked_.size()) {
                if (at < own + window && own < at + window) continue;
                const ssize_t got = pread(memory, buffer, std::min(window, end - at), static_cast<off_t>(at));
                if (got > 0) found += count_in({buffer, static_cast<std::size_t>(got)});
            }
        }
        close(memory);
        munmap(buffer, window);
        return found;
    }

private:
    static constexpr std::uint8_t mask = 0x5a;

    [[nodiscard]] std::size_t count_in(std::span<const std::uint8_t> bytes) const {
        const auto is_same = [](std::uint8_t plain, std::uint8_t masked) { return (plain ^ mask) == masked; };
        std::size_t found = 0;
        for (auto at = bytes.begin();
             (at = std::search(at, bytes.end(), masked_.begin(), masked_.end(), is_same)) != bytes.end(); ++at)
            ++found;
        return found;
    }

    std::vector<std::uint8_t> masked_;
};

}  // namespace support
