// Hexadecimal digits, for the signature header and UUIDs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace puck::detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

constexpr bool is_hex_digit(char c) noexcept {
    const bool is_decimal = static_cast<std::uint8_t>(c - '0') < 10;
    const bool is_letter = static_cast<std::uint8_t>((c | 0x20) - 'a') < 6;
    return is_decimal | is_letter;  // || would be a branch
}

/// The value of a hex digit, in either case. For another character the result is unspecified.
constexpr std::uint8_t hex_value(char c) noexcept {
    const auto digit = static_cast<std::uint8_t>(c - '0');
    return digit < 10 ? digit : static_cast<std::uint8_t>((c | 0x20) - 'a' + 10);
}

/// Fills `bytes` from twice as many digits. Returns false if one of them is not a hex digit. It uses no branches and no
/// table, so that the compiler can vectorise it.
constexpr bool read_hex(std::string_view digits, std::span<std::uint8_t> bytes) noexcept {
    std::uint8_t bad = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char high = digits[2 * i];
        const char low = digits[2 * i + 1];
        bad |= static_cast<std::uint8_t>(!is_hex_digit(high));
        bad |= static_cast<std::uint8_t>(!is_hex_digit(low));
        bytes[i] = static_cast<std::uint8_t>(hex_value(high) << 4 | hex_value(low));
    }
    return bad == 0;
}

/// Writes two lower-case digits for each byte to `out`. Returns the place after the last digit.
constexpr char* write_hex(std::span<const std::uint8_t> bytes, char* out) noexcept {
    for (const std::uint8_t byte : bytes) {
        *out++ = hex_digits[byte >> 4];
        *out++ = hex_digits[byte & 15];
    }
    return out;
}

}  // namespace puck::detail
