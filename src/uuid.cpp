#include "puck/uuid.hpp"

#include "hex.hpp"

#include <algorithm>

namespace puck {
namespace {

// The groups of digits in the text form. There is a hyphen between two groups.
struct group {
    std::size_t at, size;
};
constexpr std::array<group, 5> groups{{{0, 8}, {9, 4}, {14, 4}, {19, 4}, {24, 12}}};
constexpr std::size_t digit_count = 32;

}  // namespace

std::optional<uuid> uuid::parse(std::string_view text) noexcept {
    if (text.size() != text_size) return std::nullopt;

    std::array<char, digit_count> digits;
    char* out = digits.data();
    for (const auto [at, size] : groups) {
        if (at != 0 && text[at - 1] != '-') return std::nullopt;
        out += text.copy(out, size, at);
    }
    uuid parsed;
    if (!detail::read_hex({digits.data(), digits.size()}, parsed.bytes)) return std::nullopt;
    return parsed;
}

std::array<char, uuid::text_size> uuid::text() const noexcept {
    std::array<char, digit_count> digits;
    detail::write_hex(bytes, digits.data());
    std::array<char, text_size> text;
    text.fill('-');
    const char* in = digits.data();
    for (const auto [at, size] : groups) {
        std::copy_n(in, size, &text[at]);
        in += size;
    }
    return text;
}

}  // namespace puck
