#include "puck/signature.hpp"

#include "hex.hpp"
#include "hmac.hpp"
#include "text.hpp"

#include <algorithm>
#include <new>
#include <optional>

namespace puck {
namespace {

constexpr std::int64_t max_timestamp = 999'999'999'999;
constexpr std::size_t candidate_digits = 64;

constexpr bool is_key_character(char c) noexcept { return detail::is_letter_or_digit(c) || c == '_' || c == '-'; }
constexpr bool is_value_character(char c) noexcept { return c >= 0x21 && c <= 0x7e; }

std::optional<std::int64_t> parse_timestamp(std::string_view digits) noexcept {
    if (digits.empty() || digits.size() > signature_header::max_timestamp_digits) return std::nullopt;
    if (digits.front() == '0' && digits.size() > 1) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : digits) {
        if (!detail::is_digit(c)) return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

/// Reads a header into `header`, and answers with what is wrong with it, if anything.
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
                         "The X-Puck-Signature header has a character where its grammar has none.");
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

result<std::string> sign(const secret_ring& secrets, std::string_view body, std::int64_t timestamp) noexcept try {
    if (secrets.size() == 0) return unexpected{error(reason::invalid_argument, "There is no signing secret.")};
    if (timestamp < 0 || timestamp > max_timestamp)
        return unexpected{
            error(reason::invalid_argument, "The timestamp to sign is not within 0 to 999999999999 Unix seconds.")};

    const std::string text = std::to_string(timestamp);
    std::string header = "t=" + text;
    for (const secret& one : secrets) {
        detail::computed_mac mac;
        if (!detail::sign_delivery(one.key(), text, body, mac)) return unexpected{error(reason::crypto_failure)};
        std::array<char, candidate_digits> digits;
        detail::write_hex(mac.reveal(), digits.data());
        header.append(",v1=").append(digits.data(), digits.size());
    }
    return header;
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
}

}  // namespace puck
