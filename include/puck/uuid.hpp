// The id of an event: 16 bytes, by which deliveries are deduplicated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace puck {

/// A UUID of any version, including the nil and the max UUID of RFC 9562.
struct uuid {
    static constexpr std::size_t text_size = 36;

    std::array<std::uint8_t, 16> bytes;

    /// Parses the 8-4-4-4-12 form, in upper or lower case. The text must contain nothing else.
    ///
    ///     018f2e3a-1c47-7a12-b321-aabbccddeeff
    [[nodiscard]] static std::optional<uuid> parse(std::string_view text) noexcept;

    /// The canonical form: 36 characters, lower case, not zero-terminated.
    [[nodiscard]] std::array<char, text_size> text() const noexcept;

    friend bool operator==(const uuid&, const uuid&) = default;
};

}  // namespace puck
