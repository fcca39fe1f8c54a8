#include "puck/secret.hpp"

#include "hex.hpp"
#include "hmac.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <optional>

namespace puck {
namespace {

bool is_white_space_or_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
}
bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }
bool is_quote(char c) noexcept { return c == '"' || c == '\'' || c == '`'; }

/// Whether the text contains an invisible character, in UTF-8: U+00A0, U+00AD, U+1680, U+2000 to U+200F, U+2028,
/// U+2029, U+202F, U+205F, U+2060, U+3000 or U+FEFF.
bool has_invisible_character(std::string_view text) noexcept {
    using namespace std::string_view_literals;
    constexpr std::array others{"\xC2\xA0"sv,     "\xC2\xAD"sv,     "\xE1\x9A\x80"sv, "\xE2\x80\xA8"sv,
                                "\xE2\x80\xA9"sv, "\xE2\x80\xAF"sv, "\xE2\x81\x9F"sv, "\xE2\x81\xA0"sv,
                                "\xE3\x80\x80"sv, "\xEF\xBB\xBF"sv};
    for (std::size_t at = text.find("\xE2\x80"); at != text.npos; at = text.find("\xE2\x80", at + 1))
        if (at + 2 < text.size() && static_cast<unsigned char>(text[at + 2]) - 0x80U < 0x10) return true;
    return std::ranges::any_of(others, [&](std::string_view each) { return text.find(each) != text.npos; });
}

/// Whether the text begins like other kinds of keys: with a short word and an underscore, such as sk_.
bool has_other_prefix(std::string_view text) noexcept {
    const std::string_view word = text.substr(0, text.find('_'));
    return word.size() < text.size() && word.size() >= 2 && word.size() <= 10 &&
           std::ranges::all_of(word, [](char c) { return detail::is_letter_or_digit(c) && !detail::is_digit(c); });
}

constexpr error too_many(reason::invalid_argument,
                         "There are more than 16 signing secrets. Remove those that are no longer in use.");

/// Returns an error if the secret is wrong, with one sentence for each common mistake.
std::optional<error> find_mistake(std::string_view text) noexcept {
    constexpr std::string_view prefix = secret::prefix;
    constexpr auto wrong = reason::invalid_argument;
    const auto holds_one_of = [text](const char* set) { return text.find_first_of(set) != text.npos; };
    const std::size_t first_prefix = text.find(prefix);

    if (text.empty()) return error(wrong, "A signing secret is empty.");
    if (text.size() > secret::max_bytes) return error(wrong, "A signing secret is longer than 4096 bytes.");
    if (has_invisible_character(text))
        return error(wrong,
                     "A signing secret holds an invisible character, such as a non-breaking or zero-width space. "
                     "It was probably pasted from a page: remove it.");
    if (!std::ranges::all_of(text, is_ascii))
        return error(wrong, "A signing secret holds a character that is not ASCII. Copy it again.");
    if (std::ranges::any_of(text, is_white_space_or_control))
        return error(wrong,
                     "A signing secret holds white space, a line end or another control character. Was one "
                     "pasted along with it?");
    if (is_quote(text.front()) || is_quote(text.back()))
        return error(wrong, "A signing secret has quotes around it, as some env files keep them. Remove them.");
    if (first_prefix != text.npos && first_prefix > 0 && text[first_prefix - 1] == '=')
        return error(wrong,
                     "A signing secret has the name of a variable before it. Give only what follows the = sign.");
    if (holds_one_of("${}"))
        return error(wrong, "A signing secret holds $, { or }: it is a placeholder that nobody replaced.");
    if (holds_one_of(",;") || (first_prefix != text.npos && text.find(prefix, first_prefix + 1) != text.npos))
        return error(wrong, "Several signing secrets are joined into one. Give each of them on its own.");
    if (first_prefix != 0 && has_other_prefix(text))
        return error(wrong,
                     "A signing secret begins with another prefix than whsec_. Is it an API key, or was whsec_ "
                     "removed? Use the signing secret of the subscription as Puck handed it out.");
    if (first_prefix != 0)
        return error(wrong,
                     "A signing secret does not begin with whsec_. Was its prefix removed? Use it as Puck "
                     "handed it out.");
    if (holds_one_of("\"'`\\"))
        return error(wrong, "A signing secret holds a quote or a backslash, which none of Puck's has. Copy it again.");
    if (text.size() < secret::min_bytes)
        return error(wrong, "A signing secret has fewer than 10 characters after whsec_. Was it cut off?");
    return std::nullopt;
}

}  // namespace

secret::secret(std::unique_ptr<detail::hmac_key> key, puck::fingerprint shown) noexcept
    : key_(std::move(key)), fingerprint_(shown) {}
secret::secret(secret&&) noexcept = default;
secret& secret::operator=(secret&&) noexcept = default;
secret::~secret() = default;

result<secret> secret::make(std::string_view bytes) noexcept try {
    if (const auto mistake = find_mistake(bytes)) return unexpected{*mistake};
    puck::fingerprint shown;
    detail::secret_digest digest;
    if (!detail::sha256({"puck-webhooks/secret-fingerprint/v1", std::string_view("\0", 1), bytes}, digest))
        return unexpected{error(reason::crypto_failure)};
    detail::write_hex(std::span(digest.reveal()).first(shown.digits.size() / 2), shown.digits.data());
    auto key = detail::hmac_key::make(bytes);
    if (!key) return unexpected{error(reason::crypto_failure)};
    return secret(std::move(key), shown);
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
}

result<secret_ring> secret_ring::make(std::vector<secret> secrets) noexcept {
    if (secrets.empty()) return unexpected{error(reason::invalid_argument, "There is no signing secret.")};
    if (secrets.size() > max_secrets) return unexpected{too_many};
    if (std::ranges::any_of(secrets, [](const secret& one) { return one.key_ == nullptr; }))
        return unexpected{error(reason::invalid_argument, "A signing secret was moved away before its use.")};
    return secret_ring(std::move(secrets));
}

result<secret_ring> secret_ring::make(std::span<const std::string_view> secrets) noexcept try {
    if (secrets.size() > max_secrets) return unexpected{too_many};
    std::vector<secret> made;
    made.reserve(secrets.size());
    for (const std::string_view bytes : secrets) {
        auto one = secret::make(bytes);
        if (!one) return unexpected{one.error()};
        made.push_back(std::move(*one));
    }
    return make(std::move(made));
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
}

result<secret_ring> secret_ring::make(std::initializer_list<std::string_view> secrets) noexcept {
    return make(std::span(secrets.begin(), secrets.size()));
}

}  // namespace puck
