#include "puck/signature.hpp"

#include "hex.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace puck {
namespace {

constexpr std::size_t candidate_digits = 2 * sizeof(mac_bytes);

constexpr bool is_key_character(char c) noexcept { return detail::is_letter_or_digit(c) || c == '_' || c == '-'; }
constexpr bool is_value_character(char c) noexcept { return c >= 0x21 && c <= 0x7e; }

std::optional<std::chrono::sys_seconds> parse_timestamp(std::string_view digits) noexcept {
    if (digits.empty() || digits.size() > signature_header::max_timestamp_digits) return std::nullopt;
    if (digits.front() == '0' && digits.size() > 1) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : digits) {
        if (!detail::is_digit(c)) return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return std::chrono::sys_seconds(std::chrono::seconds(value));
}

/// Parses a header into `header`. Returns an error if something is wrong with it.
std::optional<error> read(std::string_view text, signature_header& header) noexcept {
    if (text.size() > signature_header::max_bytes)
        return error(reason::malformed_signature, "The X-Puck-Signature header is longer than 4096 bytes.");
    text = detail::trim(text);
    if (text.empty()) return error(reason::missing_signature);

    bool has_timestamp = false;
    for (bool more = true; more;) {
        const auto comma = text.find(',');
        more = comma != std::string_view::npos;
        const std::string_view item = detail::trim(text.substr(0, comma));
        if (more) text.remove_prefix(comma + 1);

        const auto key_end = std::ranges::find_if_not(item, is_key_character);
        const std::string_view key(item.begin(), key_end);
        if (key.empty() || key_end == item.end() || *key_end != '=')
            return error(reason::malformed_signature,
                         "The X-Puck-Signature header has an item that is not of the form key=value.");
        const std::string_view value = item.substr(key.size() + 1);
        if (key == "v1") {
            if (header.candidate_count == signature_header::max_candidates || value.size() != candidate_digits ||
                !detail::read_hex(value, header.candidates[header.candidate_count]))
                return error(reason::malformed_signature,
                             "The X-Puck-Signature header may have at most 16 v1, each of exactly 64 hex digits.");
            ++header.candidate_count;
        } else if (key == "t") {
            const auto timestamp = parse_timestamp(value);
            if (has_timestamp || !timestamp)
                return error(reason::malformed_signature,
                             "The X-Puck-Signature header needs exactly one t, of 1 to 12 digits.");
            has_timestamp = true;
            header.timestamp_text = value;
            header.timestamp = *timestamp;
        } else if (!std::ranges::all_of(value, is_value_character)) {
            return error(reason::malformed_signature,
                         "The X-Puck-Signature header has a character that its grammar does not allow.");
        }
    }
    if (!has_timestamp) return error(reason::malformed_signature, "The X-Puck-Signature header has no t.");
    if (header.candidate_count == 0) return error(reason::unsupported_scheme);
    return std::nullopt;
}

}  // namespace

result<signature_header> signature_header::parse(std::string_view text) noexcept {
    result<signature_header> parsed(std::in_place);
    if (const auto failed = read(text, *parsed)) parsed = unexpected{*failed};
    return parsed;
}

}  // namespace puck
