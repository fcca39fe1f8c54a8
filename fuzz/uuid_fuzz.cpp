// UUIDs, compared with a second parser.
#include "support.hpp"

#include <optional>

namespace {

/// The canonical form, if the text is a UUID.
std::optional<std::string> read(std::string_view text) {
    constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (text.size() != form.size()) return std::nullopt;
    std::string canonical;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const char c = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
        const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (form[i] == 'x' ? !is_digit : c != '-') return std::nullopt;
        canonical += c;
    }
    return canonical;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    const auto expected = read(text);
    const auto parsed = puck::uuid::parse(text);
    fuzz::require(parsed.has_value() == expected.has_value(), "both parsers agree whether it is a UUID");
    if (!parsed) return 0;
    const auto written = parsed->text();
    const std::string_view canonical(written.data(), written.size());
    fuzz::require(canonical == *expected, "both parsers give the same canonical form");
    fuzz::require(puck::uuid::parse(canonical) == parsed, "the canonical form is the same UUID");
    return 0;
}
