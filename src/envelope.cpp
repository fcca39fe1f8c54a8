#include "puck/envelope.hpp"

#include "json_scan.hpp"
#include "json_walk.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace puck {
namespace {

constexpr std::size_t max_document = 1'073'741'824;

enum field_index { event_id, event_type, emitted_at, api_version, data };
constexpr std::array<std::string_view, 5> field_names{"event_id", "event_type", "emitted_at", "api_version", "data"};

constexpr std::array missing{
    error(reason::missing_field, "The envelope has no event_id."),
    error(reason::missing_field, "The envelope has no event_type."),
    error(reason::missing_field, "The envelope has no emitted_at."),
    error(reason::missing_field, "The envelope has no api_version."),
    error(reason::missing_field, "The envelope has no data."),
};
constexpr std::array mistyped{
    error(reason::wrong_type, "The envelope's event_id is not a string."),
    error(reason::wrong_type, "The envelope's event_type is not a string."),
    error(reason::wrong_type, "The envelope's emitted_at is not a string."),
    error(reason::wrong_type, "The envelope's api_version is not a string."),
    error(reason::wrong_type, "The envelope's data is not an object."),
};

using fields = std::array<std::span<char>, field_names.size()>;  // each value as it is in the document; empty if absent

std::string_view view(std::span<const char> text) noexcept { return {text.data(), text.size()}; }

/// The index of the field with this name, or the number of fields if there is no such field.
std::size_t index_of(std::string_view key) noexcept {
    for (std::size_t i = 0; i < field_names.size(); ++i)
        if (key == field_names[i]) return i;
    return field_names.size();
}

std::span<char> without_quotes(std::span<char> string) noexcept { return string.subspan(1, string.size() - 2); }

/// Resolves the escapes of a string's contents, in place.
detail::unescaped_text resolve(std::span<char> contents) noexcept {
    if (view(contents).find('\\') == std::string_view::npos) return {view(contents), false};
    return detail::unescape(contents.data(), contents.data() + contents.size());
}

std::optional<severity> parse_severity(std::span<char> value) noexcept {
    if (value.front() != '"') return std::nullopt;
    for (const severity level : {severity::low, severity::medium, severity::high, severity::critical})
        if (detail::names(view(without_quotes(value)), name(level))) return level;
    return std::nullopt;
}

constexpr auto is_type_character = [] {
    std::array<bool, 256> allowed{};
    for (std::size_t c = 0; c < 128; ++c) {
        const auto ascii = static_cast<char>(c);
        allowed[c] = detail::is_letter_or_digit(ascii) || ascii == '_' || ascii == '.' || ascii == '-';
    }
    return allowed;
}();

bool is_event_type(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 128 &&
           std::ranges::all_of(text, [](char c) { return is_type_character[static_cast<unsigned char>(c)]; });
}

constexpr std::array<std::uint8_t, 16> filled_with(std::uint8_t value) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    bytes.fill(value);
    return bytes;
}

/// RFC 9562 reserves the nil and the max UUID, so no event has them.
bool is_reserved(const uuid& id) noexcept { return id.bytes == filled_with(0x00) || id.bytes == filled_with(0xff); }

}  // namespace

/// Fills an event from a document, in steps. Each step returns an error if something is wrong.
class envelope_parser {
public:
    [[nodiscard]] static result<event> parse(std::string_view body) noexcept try {
        if (body.size() > max_document) return unexpected{error(reason::payload_too_large)};
        envelope_parser parser(body);
        if (const auto failed = parser.read()) return unexpected{*failed};
        return std::move(parser.event_);
    } catch (const std::bad_alloc&) {
        return unexpected{error(reason::out_of_memory)};
    }

private:
    explicit envelope_parser(std::string_view body) {
        event_.bytes_ = std::make_unique_for_overwrite<char[]>(body.size() + detail::json_padding);
        char* const end = event_.bytes_.get() + body.copy(event_.bytes_.get(), body.size());
        std::fill_n(end, detail::json_padding, '\0');
        text_ = {event_.bytes_.get(), body.size()};
    }

    std::optional<error> read() {
        const detail::json_scan scan(view(text_));
        if (auto failed = explain(scan.fault())) return failed;
        if (!walk(scan.tokens())) return error(reason::invalid_json);
        if (auto failed = check_keys()) return failed;
        if (auto failed = check_types()) return failed;
        return read_values();
    }

    static std::optional<error> explain(detail::scan_fault fault) noexcept {
        using detail::scan_fault;
        switch (fault) {
            case scan_fault::none: return std::nullopt;
            case scan_fault::out_of_memory: return error(reason::out_of_memory);
            case scan_fault::empty: return error(reason::invalid_json, "The body is empty.");
            case scan_fault::invalid_utf8: return error(reason::invalid_json, "The body is not valid UTF-8.");
            case scan_fault::control_character:
                return error(reason::invalid_json, "A string in the body contains a control character.");
            case scan_fault::open_string: return error(reason::invalid_json, "A string in the body has no end.");
            case scan_fault::unusable: break;
        }
        return error(reason::internal,
                     "The JSON scanner cannot be used: the process is ending, or this version of simdjson works in "
                     "another way than the library needs.");
    }

    /// Checks the whole document. Stores the places of the fields, the other top-level keys, and the severity.
    bool walk(const std::uint32_t* tokens) {
        detail::json_walk document(text_, tokens);
        const bool is_object = document.object([&](std::span<char> contents) {
            std::string_view key = view(contents);
            std::size_t known = index_of(key);
            if (known == fields_.size()) {  // or the key has escapes
                const auto resolved = resolve(contents);
                if (resolved.has_lone_surrogate) return false;  // not UTF-8, so it cannot be compared
                key = resolved.text;
                known = index_of(key);
            }

            const char* const begin = document.here();
            if (known == data && document.next() == '{') {
                if (!walk_data(document)) return false;
            } else if (!document.value(1)) {
                return false;
            }
            if (known == fields_.size()) {
                other_keys_.push_back(key);
                return true;
            }
            has_twin_ |= !fields_[known].empty();
            fields_[known] = document.source_from(begin);
            return true;
        });
        return is_object && document.at_end();
    }

    bool walk_data(detail::json_walk& document) {
        return document.object([&](std::span<char> contents) {
            const char* const begin = document.here();
            if (!document.value(2)) return false;
            if (detail::names(view(contents), "severity"))
                event_.severity_ = parse_severity(document.source_from(begin));
            return true;
        });
    }

    std::optional<error> check_keys() {
        std::ranges::sort(other_keys_);
        has_twin_ |= std::ranges::adjacent_find(other_keys_) != other_keys_.end();
        if (has_twin_) return error(reason::duplicate_key);
        for (std::size_t i = 0; i < fields_.size(); ++i)
            if (fields_[i].empty()) return missing[i];
        return std::nullopt;
    }

    std::optional<error> check_types() noexcept {
        for (std::size_t i = 0; i < fields_.size(); ++i)
            if (fields_[i].front() != (i == data ? '{' : '"')) return mistyped[i];
        return std::nullopt;
    }

    std::optional<error> read_values() noexcept {
        const auto contents = [&](field_index i) { return resolve(without_quotes(fields_[i])).text; };

        const std::string_view id_text = contents(event_id);
        const auto id = uuid::parse(id_text);
        if (!id || is_reserved(*id)) return error(reason::invalid_event_id);
        event_.id_ = *id;
        char* const id_place = fields_[event_id].data() + 1;  // the place after the quote
        std::ranges::transform(id_text, id_place, detail::lower);
        event_.event_id_ = {id_place, id_text.size()};

        event_.event_type_ = contents(event_type);
        if (!is_event_type(event_.event_type_)) return error(reason::invalid_event_type);

        event_.emitted_at_text_ = contents(emitted_at);
        const auto moment = date_time::parse(event_.emitted_at_text_);
        if (!moment) return error(reason::invalid_emitted_at);
        event_.emitted_at_ = *moment;

        if (contents(api_version) != "v1") return error(reason::unsupported_api_version);

        event_.data_json_ = view(fields_[data]);
        return std::nullopt;
    }

    event event_;
    std::span<char> text_;
    fields fields_;
    std::vector<std::string_view> other_keys_;  // top-level keys that are not fields
    bool has_twin_ = false;                     // whether one of the fields occurs twice
};

std::string_view name(severity level) noexcept {
    constexpr std::array<std::string_view, 5> names{"", "low", "medium", "high", "critical"};
    const auto index = static_cast<std::size_t>(level);
    return index < names.size() ? names[index] : std::string_view();
}

result<event> parse_envelope(std::string_view body) noexcept { return envelope_parser::parse(body); }

}  // namespace puck
