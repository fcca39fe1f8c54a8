#include "json_text.hpp"

#include "hex.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace puck::detail {
namespace {

const char* skip_digits(const char* at) noexcept {
    if (!is_digit(*at)) return nullptr;
    while (is_digit(*at)) ++at;
    return at;
}

constexpr bool is_high_surrogate(std::uint32_t code) noexcept { return code >= 0xd800 && code < 0xdc00; }
constexpr bool is_low_surrogate(std::uint32_t code) noexcept { return code >= 0xdc00 && code < 0xe000; }

/// The value of the four hex digits of the \u that begins at `at`.
std::uint32_t code_unit(const char* at) noexcept {
    std::uint32_t value = 0;
    for (int i = 2; i < 6; ++i) value = value << 4 | hex_value(at[i]);
    return value;
}

char* write_utf8(std::uint32_t code, char* out) noexcept {
    const auto put = [&](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6);
        put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    }
    return out;
}

constexpr char resolve_simple_escape(char letter) noexcept {
    switch (letter) {
        case 'b': return '\b';
        case 'f': return '\f';
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        default: return letter;  // a quote, a backslash or a slash stands for itself
    }
}

}  // namespace

const char* skip_number(const char* at) noexcept {
    if (*at == '-') ++at;
    if (*at == '0')
        ++at;
    else if (at = skip_digits(at); at == nullptr)
        return nullptr;
    if (*at == '.') at = skip_digits(at + 1);
    if (at == nullptr) return nullptr;
    if (*at != 'e' && *at != 'E') return at;
    ++at;
    if (*at == '+' || *at == '-') ++at;
    return skip_digits(at);
}

const char* skip_escape(const char* at) noexcept {
    switch (at[1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't': return at + 2;
        case 'u': return std::all_of(at + 2, at + 6, is_hex_digit) ? at + 6 : nullptr;
        default: return nullptr;
    }
}

unescaped_text unescape(char* begin, char* end) noexcept {
    bool has_lone_surrogate = false;
    char* out = begin;
    for (const char* in = begin; in != end;) {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        if (in[1] != 'u') {
            *out++ = resolve_simple_escape(in[1]);
            in += 2;
            continue;
        }
        std::uint32_t code = code_unit(in);
        in += 6;
        const bool more = end - in >= 6 && in[0] == '\\' && in[1] == 'u';
        if (is_high_surrogate(code) && more && is_low_surrogate(code_unit(in))) {
            code = 0x10000 + ((code - 0xd800) << 10) + (code_unit(in) - 0xdc00);
            in += 6;
        } else if (is_high_surrogate(code) || is_low_surrogate(code)) {
            has_lone_surrogate = true;
        }
        out = write_utf8(code, out);
    }
    return {{begin, static_cast<std::size_t>(out - begin)}, has_lone_surrogate};
}

bool names_with_escapes(std::string_view contents, std::string_view word) noexcept {
    if (contents.find('\\') == std::string_view::npos) return false;
    std::array<char, 96> copy;  // an escape takes at most six characters
    if (contents.size() > copy.size()) return false;
    char* const end = std::ranges::copy(contents, copy.data()).out;
    return unescape(copy.data(), end).text == word;
}

}  // namespace puck::detail
