#include "puck/uuid.hpp"

#include "hex.hpp"

#include <algorithm>
#include <span>

namespace puck {
namespace {

// The groups of the text form, in bytes; two digits stand for each, and a hyphen between two groups.
constexpr std::array<std::size_t, 5> groups{4, 2, 2, 2, 6};

}  // namespace

std::optional<uuid> uuid::parse(std::string_view text) noexcept {
    if (text.size() != text_size) return std::nullopt;

    uuid parsed;
    std::span<std::uint8_t> rest = parsed.bytes;
    for (const std::size_t size : groups) {
        if (!detail::read_hex(text, rest.first(size))) return std::nullopt;
        text.remove_prefix(2 * size);
        rest = rest.subspan(size);
        if (rest.empty()) break;
        if (text.front() != '-') return std::nullopt;
        text.remove_prefix(1);
    }

    const auto all = [&](std::uint8_t value) { return std::ranges::count(parsed.bytes, value) == 16; };
    if (all(0x00) || all(0xff)) return std::nullopt;
    return parsed;
}

std::array<char, uuid::text_size> uuid::text() const noexcept {
    std::array<char, text_size> text;
    char* out = text.data();
    std::span<const std::uint8_t> rest = bytes;
    for (const std::size_t size : groups) {
        if (out != text.data()) *out++ = '-';
        out = detail::write_hex(rest.first(size), out);
        rest = rest.subspan(size);
    }
    return text;
}

}  // namespace puck
