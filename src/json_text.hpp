// The lexical rules of RFC 8259 that the envelope's walk applies itself: numbers and escapes.
#pragma once

#include <string_view>

namespace puck::detail {

/// The place behind the number that begins at `at`, or null if none does. Only the grammar counts, not the value:
/// 1e400 is a number. The bytes must end with one that is not a digit.
[[nodiscard]] const char* skip_number(const char* at) noexcept;

/// The place behind the escape whose backslash is at `at`, or null if it is none of JSON's. A surrogate may be alone, as
/// in the RFC's grammar. The bytes must end with one that is not a hex digit.
[[nodiscard]] const char* skip_escape(const char* at) noexcept;

struct unescaped_text {
    std::string_view text;  // UTF-8, in which a lone surrogate is written as if it were a character
    bool has_lone_surrogate;
};

/// Resolves the escapes of a string's contents, all of which must be valid, in place: the text never grows.
[[nodiscard]] unescaped_text unescape(char* begin, char* end) noexcept;

[[nodiscard]] bool spells_with_escapes(std::string_view contents, std::string_view word) noexcept;

/// Whether a string's contents, with valid escapes or without, spell this word of at most 16 ASCII characters.
[[nodiscard]] inline bool spells(std::string_view contents, std::string_view word) noexcept {
    // An escape is longer than what it stands for.
    return contents == word || (contents.size() > word.size() && spells_with_escapes(contents, word));
}

}  // namespace puck::detail
