#include "recorded_delivery.hpp"

#include "json_scan.hpp"
#include "json_text.hpp"
#include "json_walk.hpp"

#include <puck/date_time.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <cstdint>

// The core's own walk, which checks the whole line and evaluates nothing: what stands in keys that do not matter may be
// a number that fits no type, or half of a surrogate pair. This is the one file outside of the core that includes its
// internal headers.

namespace cli {
namespace {

using puck::detail::json_walk;
using puck::detail::unescaped_text;
using headers = std::vector<puck::header>;

template <std::size_t N>
consteval puck::error wrong(const char (&sentence)[N]) {
    return {puck::reason::invalid_argument, sentence};
}

constexpr std::array<int, 256> make_base64_values() {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::array<int, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        values[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
    return values;
}
constexpr auto base64_values = make_base64_values();

/// RFC 4648 section 4, with its padding and without line breaks; bits that stand for nothing must be zero.
bool decode_base64(std::string_view text, std::string& out) {
    out.clear();
    if (text.size() % 4 != 0) return false;
    const std::size_t pads = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    text.remove_suffix(pads);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = base64_values[static_cast<unsigned char>(c)];
        if (value < 0) return false;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xff);
        }
    }
    return (bits & ((1U << count) - 1)) == 0;
}

/// A JSON number without an exponent, rounded down; nothing if it has one, or fits no int64.
std::optional<std::chrono::sys_seconds> parse_seconds(std::string_view number) {
    std::int64_t seconds = 0;
    const char* const begin = number.data();
    const char* const end = begin + number.size();
    const auto [stopped, failed] = std::from_chars(begin, end, seconds);
    const std::string_view fraction(stopped, static_cast<std::size_t>(end - stopped));
    if (failed != std::errc() || fraction.find_first_of("eE") != fraction.npos) return std::nullopt;
    const bool is_below = number.front() == '-' && fraction.find_first_of("123456789") != fraction.npos;
    if (is_below && seconds > INT64_MIN) --seconds;
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

unescaped_text resolve(std::span<char> contents) {
    const std::string_view text(contents.data(), contents.size());
    if (text.find('\\') == text.npos) return {text, false};
    return puck::detail::unescape(contents.data(), contents.data() + contents.size());
}

bool is_puck_header(std::string_view name) {
    constexpr std::string_view prefix = "x-puck-";
    const auto equal = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; };
    return name.size() >= prefix.size() && std::ranges::equal(name.substr(0, prefix.size()), prefix, equal);
}

/// Why the tokens of a line could not be listed, if so.
std::optional<puck::error> explain(puck::detail::scan_fault fault) {
    using puck::detail::scan_fault;
    switch (fault) {
        case scan_fault::none: return std::nullopt;
        case scan_fault::out_of_memory: return puck::error(puck::reason::out_of_memory);
        case scan_fault::empty: return wrong("The line is empty.");
        case scan_fault::invalid_utf8: return wrong("The line is not valid UTF-8.");
        case scan_fault::control_character: return wrong("A string in the line contains a control character.");
        case scan_fault::open_string: return wrong("A string in the line has no end.");
        case scan_fault::unusable: break;
    }
    return puck::error(puck::reason::internal);
}

/// One walk over a line. Its functions move past what they are named after, or return false where the line is not JSON.
/// Whatever else is wrong is noted, so that the rest is still checked.
class line_walk {
public:
    line_walk(std::span<char> line, const std::uint32_t* tokens, headers& single, headers& multi)
        : walk_(line, tokens), headers_(single), multi_value_headers_(multi) {}

    [[nodiscard]] puck::result<recorded_delivery> read(std::string& decoded_body) {
        const bool is_object = walk_.object([this](std::span<char> name) { return member(resolve(name).text); });
        if (!is_object || !walk_.at_end())
            return puck::unexpected{wrong("The line is not a JSON object, or it is nested more than 1024 deep.")};
        find_missing();
        if (problem_) return puck::unexpected{*problem_};
        if (is_base64_) {
            if (!decode_base64(delivery_.body, decoded_body))
                return puck::unexpected{wrong("The line's body is not base64 as in RFC 4648, with its padding.")};
            delivery_.body = decoded_body;
        }
        const bool is_multi = has_multi_value_headers_ && (!has_headers_ || !multi_value_headers_.empty());
        delivery_.headers = is_multi ? multi_value_headers_ : headers_;
        return delivery_;
    }

private:
    enum known_key { single_valued, multi_valued, body, body_base64, received_at, encoding, others };
    static constexpr std::array<std::string_view, others> known_keys{
        "headers", "multiValueHeaders", "body", "body_base64", "received_at", "isBase64Encoded"};

    void note(const puck::error& problem) {
        if (!problem_) problem_ = problem;
    }

    void find_missing() {
        if (!has_headers_ && !has_multi_value_headers_) note(wrong("The line has no headers."));
        if (!seen_[body] && !seen_[body_base64]) note(wrong("The line has neither body nor body_base64."));
        if (seen_[body] && seen_[body_base64]) note(wrong("The line has both body and body_base64."));
    }

    bool member(std::string_view name) {
        const auto key = static_cast<known_key>(std::ranges::find(known_keys, name) - known_keys.begin());
        if (key == others) return walk_.value(1);
        if (seen_[key])
            note(wrong(
                "The line has headers, multiValueHeaders, body, body_base64, received_at or isBase64Encoded twice."));
        seen_[key] = true;
        switch (key) {
            case single_valued: return all_headers(headers_, has_headers_);
            case multi_valued: return all_headers(multi_value_headers_, has_multi_value_headers_);
            case received_at: return time();
            case encoding: return is_base64_encoded();
            default: return contents(key);
        }
    }

    /// A value, as it stands in the line.
    bool value(std::size_t depth, std::span<char>& source) {
        const char* const begin = walk_.here();
        if (!walk_.value(depth)) return false;
        source = walk_.source_from(begin);
        return true;
    }

    /// A value, which is null unless it is a string.
    bool string(std::size_t depth, std::optional<unescaped_text>& text) {
        std::span<char> source;
        if (!value(depth, source)) return false;
        text.reset();
        if (source.front() == '"') text = resolve(source.subspan(1, source.size() - 2));
        return true;
    }

    bool contents(known_key key) {
        std::optional<unescaped_text> text;
        if (!string(1, text)) return false;
        if (!text) {
            note(wrong("The line's body is not a string."));
        } else {
            if (text->has_lone_surrogate)
                note(wrong("The line's body holds half of a surrogate pair, which stands for no bytes."));
            delivery_.body = text->text;
            is_base64_ |= key == body_base64;
        }
        return true;
    }

    bool is_base64_encoded() {
        std::span<char> source;
        if (!value(1, source)) return false;
        if (source.front() == 't')
            is_base64_ = true;
        else if (source.front() != 'f')
            note(wrong("The line's isBase64Encoded is neither true nor false."));
        return true;
    }

    bool time() {
        std::span<char> source;
        if (!value(1, source)) return false;
        const char first = source.front();
        if (first == '"') {
            if (const auto read = puck::date_time::parse(resolve(source.subspan(1, source.size() - 2)).text))
                delivery_.received_at = read->seconds;
        } else if (first == '-' || (first >= '0' && first <= '9')) {
            delivery_.received_at = parse_seconds({source.data(), source.size()});
        }
        if (!delivery_.received_at)
            note(wrong("The line's received_at is neither Unix seconds nor an RFC 3339 date-time."));
        return true;
    }

    bool all_headers(headers& into, bool& are_there) {
        into.clear();
        are_there = walk_.next() != 'n';  // null
        switch (walk_.next()) {
            case '{': return walk_.object([&](std::span<char> name) { return values(into, resolve(name)); });
            case '[': return walk_.array([&] { return named_value(into); });
            case 'n': break;
            default: note(wrong("The line's headers are neither an object nor an array."));
        }
        return walk_.value(1);
    }

    /// One value, or an array of them.
    bool values(headers& into, const unescaped_text& name) {
        if (walk_.next() != '[') return one_value(into, name, 2);
        return walk_.array([&] { return one_value(into, name, 3); });
    }

    bool one_value(headers& into, const unescaped_text& name, std::size_t depth) {
        std::optional<unescaped_text> text;
        if (!string(depth, text)) return false;
        add(into, name, text);
        return true;
    }

    /// A [name, value] pair, or an object that has these two keys.
    bool named_value(headers& into) {
        std::optional<unescaped_text> name, text, ignored;
        bool is_whole = false;
        if (walk_.next() == '[') {
            std::size_t count = 0;
            if (!walk_.array([&] { return string(3, ++count == 1 ? name : count == 2 ? text : ignored); }))
                return false;
            is_whole = count == 2 && name;
        } else if (walk_.next() == '{') {
            std::size_t name_count = 0, text_count = 0;
            const bool is_object = walk_.object([&](std::span<char> written) {
                const std::string_view member = resolve(written).text;
                if (member == "name") return ++name_count, string(3, name);
                if (member == "value") return ++text_count, string(3, text);
                return walk_.value(3);
            });
            if (!is_object) return false;
            is_whole = name_count == 1 && text_count == 1 && name;
        } else if (!walk_.value(2)) {
            return false;
        }
        if (is_whole)
            add(into, *name, text);
        else
            note(
                wrong("The line's headers hold something that is neither a [name, value] pair nor an object of both."));
        return true;
    }

    void add(headers& into, const unescaped_text& name, const std::optional<unescaped_text>& text) {
        if (!text) return note(wrong("The line has a header whose value is not a string."));
        if ((name.has_lone_surrogate || text->has_lone_surrogate) && is_puck_header(name.text))
            note(wrong("A Puck header in the line holds half of a surrogate pair, which stands for no bytes."));
        into.push_back({name.text, text->text});
    }

    json_walk walk_;
    headers& headers_;
    headers& multi_value_headers_;
    recorded_delivery delivery_;
    std::optional<puck::error> problem_;
    std::bitset<others> seen_;
    bool has_headers_ = false, has_multi_value_headers_ = false, is_base64_ = false;
};

}  // namespace

const std::size_t recorded_delivery_reader::padding = puck::detail::json_padding;

puck::result<recorded_delivery> recorded_delivery_reader::read(std::span<char> line) {
    const puck::detail::json_scan scan({line.data(), line.size()});
    if (auto failed = explain(scan.fault())) return puck::unexpected{*failed};
    return line_walk(line, scan.tokens(), headers_, multi_value_headers_).read(decoded_body_);
}

}  // namespace cli
