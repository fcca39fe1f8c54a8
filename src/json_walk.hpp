// A walk over a JSON document whose tokens are listed. It checks the grammar of RFC 8259, without recursion.
#pragma once

#include "json_scan.hpp"
#include "json_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace puck::detail {

/// Checks a document's grammar from left to right. Each function reads the element of its name, and moves past it. If
/// it returns false, the document is not JSON.
///
///     {"data": {"n": 1e400} }
///     ^^     ^ ^^  ^ ^    ^ ^^
///                            `-- after the last token: the document's length
///
/// The tokens come from a json_scan, which has already refused invalid UTF-8, control characters inside strings, and
/// strings without an end. The walk relies on three properties of the list, which tests/json_scan_test.cpp checks: the
/// first character after a string that is not white space is a token; no character inside a string is a token; and the
/// last entry is the document's length. At that place there is a zero byte, which no rule accepts, so the walk cannot
/// leave the document.
class json_walk {
public:
    json_walk(std::span<char> document, const std::uint32_t* tokens) noexcept
        : text_(document.data()), end_(text_ + document.size()), token_(tokens), escape_(find_escape(text_)) {}

    /// The first character of the next token.
    [[nodiscard]] char next() const noexcept { return *here(); }
    [[nodiscard]] bool at_end() const noexcept { return here() == end_; }

    /// Reads an object. Calls `member(key)` after each colon, with the contents of the key as they are written,
    /// including escapes. `member` must move past the value.
    template <class Member>
    [[nodiscard]] bool object(Member member) {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            const char* const begin = here();
            if (!string()) return false;
            const std::span<char> written = source_from(begin);
            if (!take(':') || !member(written.subspan(1, written.size() - 2))) return false;
        } while (take(','));
        return take('}');
    }

    /// Reads an array. Calls `element()` before each element. `element` must move past it.
    template <class Element>
    [[nodiscard]] bool array(Element element) {
        if (!take('[')) return false;
        if (take(']')) return true;
        do {
            if (!element()) return false;
        } while (take(','));
        return take(']');
    }

    /// Reads a value of any type, which is inside `depth` containers.
    [[nodiscard]] bool value(std::size_t depth) noexcept {
        std::array<char, json_max_depth + 1> closings;  // the closing bracket of each open container
        const std::size_t outside = depth;
        char closing = closings[depth] = '\0';  // of the innermost container opened here; none yet
        for (;;) {
            if (const char first = next(); first == '{' || first == '[') {
                if (depth == json_max_depth) return false;
                closing = closings[++depth] = first == '{' ? '}' : ']';
                ++token_;
                if (next() != closing) {
                    if (closing == '}' && !key()) return false;
                    continue;
                }
            } else if (!scalar()) {
                return false;
            }
            while (depth != outside && take(closing)) closing = closings[--depth];
            if (depth == outside) return true;
            if (!take(',') || (closing == '}' && !key())) return false;
        }
    }

    /// The current place, which source_from() takes.
    [[nodiscard]] const char* here() const noexcept { return text_ + *token_; }

    /// The text from `begin` to the current place, without the white space at its end.
    [[nodiscard]] std::span<char> source_from(const char* begin) const noexcept {
        const char* end = here();
        while (is_space(end[-1])) --end;
        return {text_ + (begin - text_), static_cast<std::size_t>(end - begin)};
    }

private:
    static bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

    [[nodiscard]] const char* find_escape(const char* from) const noexcept {
        const void* const found = std::memchr(from, '\\', static_cast<std::size_t>(end_ - from));
        return found != nullptr ? static_cast<const char*>(found) : end_;
    }

    bool take(char punctuation) noexcept {
        if (next() != punctuation) return false;
        ++token_;
        return true;
    }

    bool key() noexcept { return string() && take(':'); }

    bool string() noexcept {
        if (!take('"')) return false;
        while (escape_ < here()) {
            const char* const after = skip_escape(escape_);
            if (after == nullptr) return false;
            escape_ = find_escape(after);
        }
        return true;
    }

    bool scalar() noexcept {
        const char* end = here();
        switch (next()) {
            case '"': return string();
            case 't': end = skip_word(end, "true"); break;
            case 'f': end = skip_word(end, "false"); break;
            case 'n': end = skip_word(end, "null"); break;
            default: end = skip_number(end);
        }
        if (end == nullptr) return false;
        ++token_;
        while (end < here())
            if (!is_space(*end++)) return false;
        return true;
    }

    static const char* skip_word(const char* at, std::string_view word) noexcept {
        for (const char c : word)
            if (*at++ != c) return nullptr;
        return at;
    }

    char* text_;
    char* end_;
    const std::uint32_t* token_;
    const char* escape_;  // the next backslash, or the end
};

}  // namespace puck::detail
