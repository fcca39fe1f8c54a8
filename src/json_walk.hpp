// A walk over a JSON document whose tokens have been listed: the grammar of RFC 8259, without recursion.
#pragma once

#include "json_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace puck::detail {

/// Checks a document's grammar from left to right. Each function reads what it is named after and steps behind it, or
/// returns false, and then the document is not JSON.
///
///     {"data": {"n": 1e400} }
///     ^^     ^ ^^  ^ ^    ^ ^^
///                            `-- behind the last token, the document's length
///
/// The list must have been made by simdjson's first stage, which finds faulty UTF-8, control characters inside strings
/// and strings without an end. Three things of it are relied on, and pinned by tests/envelope_test.cpp: what follows a
/// string, other than white space, is listed as a token of its own; nothing inside a string is listed; and the last
/// entry is the document's length. There must stand a zero byte, which no rule accepts, so that the walk cannot leave
/// the document.
class json_walk {
public:
    static constexpr std::size_t max_depth = 1024;

    json_walk(std::span<char> document, const std::uint32_t* tokens) noexcept
        : text_(document.data()), end_(text_ + document.size()), token_(tokens), escape_(find_escape(text_)) {}

    /// The first character of the next token.
    [[nodiscard]] char next() const noexcept { return *here(); }
    [[nodiscard]] bool at_end() const noexcept { return here() == end_; }

    /// An object. Calls `member(key)` behind each colon, with the key's contents as they are spelt; it must step over
    /// the value.
    template <class Member>
    [[nodiscard]] bool object(Member member) {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            const char* const begin = here();
            if (!string()) return false;
            const std::span<char> spelt = source_from(begin);
            if (!take(':') || !member(spelt.subspan(1, spelt.size() - 2))) return false;
        } while (take(','));
        return take('}');
    }

    /// A value of any type, `depth` containers deep.
    [[nodiscard]] bool value(std::size_t depth) noexcept {
        std::array<char, max_depth + 1> closings;  // the bracket that each open container ends with
        const std::size_t outside = depth;
        char closing = closings[depth] = '\0';  // that of the innermost one in here; none yet
        for (;;) {
            if (const char first = next(); first == '{' || first == '[') {
                if (depth == max_depth) return false;
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

    /// Marks a place, to ask for what was read since.
    [[nodiscard]] const char* here() const noexcept { return text_ + *token_; }

    /// What was read since `begin`, without the white space behind it.
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
            const char* const behind = skip_escape(escape_);
            if (behind == nullptr) return false;
            escape_ = find_escape(behind);
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
