// Small functions for the text of headers, which is ASCII. They do not depend on the locale.
#pragma once

#include <string_view>

namespace puck::detail {

/// RFC 9110's OWS.
constexpr bool is_space_or_tab(char c) noexcept { return c == ' ' || c == '\t'; }

/// The text without the spaces and tabs at its ends.
constexpr std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space_or_tab(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space_or_tab(text.back())) text.remove_suffix(1);
    return text;
}

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr bool is_letter_or_digit(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// Whether both are equal, if the case of ASCII letters is ignored.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    if (a == b) return true;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

}  // namespace puck::detail
