// An event's id: the 16 bytes on which deliveries are deduplicated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace puck {

/// A UUID of any version.
struct uuid {
    static constexpr std::size_t text_size = 36;

    std::array<std::uint8_t, 16> bytes;

    /// Reads the 8-4-4-4-12 form, in either case and nothing around it.
    ///
    ///     018f2e3a-1c47-7a12-b321-aabbccddeeff
    ///
    /// The nil UUID (all 0) and the max UUID (all f) are refused as well: RFC 9562 reserves both, and no event has them.
    [[nodiscard]] static std::optional<uuid> parse(std::string_view text) noexcept;

    /// The canonical form: 36 characters, lower case, not zero-terminated.
    [[nodiscard]] std::array<char, text_size> text() const noexcept;

    friend bool operator==(const uuid&, const uuid&) = default;
};

}  // namespace puck
