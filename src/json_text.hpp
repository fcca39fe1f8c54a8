// The lexical rules of RFC 8259 that json_walk.hpp uses: numbers and escapes.
#pragma once

#include <string_view>

namespace puck::detail {

/// The place after the number that begins at `at`, or null if it is not a JSON number. Only the grammar counts, not the
/// value: 1e400 is a number. Some byte that is not a digit must follow in memory.
[[nodiscard]] const char* skip_number(const char* at) noexcept;

/// The place after the escape whose backslash is at `at`, or null if it is not a JSON escape. A lone surrogate is
/// allowed, as in the grammar of the RFC. Some byte that is not a hex digit must follow in memory.
[[nodiscard]] const char* skip_escape(const char* at) noexcept;

struct unescaped_text {
    std::string_view text;  // UTF-8; a lone surrogate is encoded as if it were a character
    bool has_lone_surrogate;
};

/// Resolves the escapes of a string's contents, in place: the text never grows. All escapes must be valid.
[[nodiscard]] unescaped_text unescape(char* begin, char* end) noexcept;

[[nodiscard]] bool names_with_escapes(std::string_view contents, std::string_view word) noexcept;

/// Whether a string's contents are this word, after their escapes are resolved. The escapes must be valid, and the word
/// must have at most 16 ASCII characters.
[[nodiscard]] inline bool names(std::string_view contents, std::string_view word) noexcept {
    // With an escape, the contents are longer than the word.
    return contents == word || (contents.size() > word.size() && names_with_escapes(contents, word));
}

}  // namespace puck::detail
