// Hexadecimal digits, as the signature header and UUIDs need them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace puck::detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

/// The value of each byte as a hex digit of either case, or -1.
inline constexpr auto hex_values = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::uint8_t i = 0; i < 16; ++i) {
        const auto digit = static_cast<unsigned char>(hex_digits[i]);
        values[digit] = static_cast<std::int8_t>(i);
        if (i >= 10) values[digit - 0x20U] = static_cast<std::int8_t>(i);
    }
    return values;
}();

constexpr int hex_value(char c) noexcept { return hex_values[static_cast<unsigned char>(c)]; }

/// Fills `bytes` from twice as many digits; false if one of them is none.
constexpr bool read_hex(std::string_view digits, std::span<std::uint8_t> bytes) noexcept {
    int bad = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const int high = hex_value(digits[2 * i]);
        const int low = hex_value(digits[2 * i + 1]);
        bad |= high | low;  // the sign bit of a -1 stays
        bytes[i] = static_cast<std::uint8_t>((static_cast<unsigned>(high) << 4) | static_cast<unsigned>(low));
    }
    return bad >= 0;
}

/// Writes two lower-case digits for each byte to `out`, and returns the place behind the last.
constexpr char* write_hex(std::span<const std::uint8_t> bytes, char* out) noexcept {
    for (const std::uint8_t byte : bytes) {
        *out++ = hex_digits[byte >> 4];
        *out++ = hex_digits[byte & 15];
    }
    return out;
}

}  // namespace puck::detail
