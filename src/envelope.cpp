#include "puck/envelope.hpp"

#include "json_walk.hpp"
#include "text.hpp"

#include <simdjson.h>
#include <algorithm>
#include <array>
#include <bit>
#include <new>
#include <optional>
#include <utility>
#include <vector>

// One document is read in two passes. simdjson's first stage runs over all bytes at once: it checks the UTF-8 and lists
// where the tokens begin. Neither of its second stages fits our contract (DOM refuses valid numbers that no type can
// hold, On-Demand checks only what it is asked for, and where `data` ends only one more pass could tell), so the walk
// over that list is ours: json_walk.hpp. It converts nothing and keeps nothing but the five fields.

namespace puck {
namespace {

constexpr std::size_t max_document = 1'073'741'824;

/// The fastest implementation for this machine. simdjson's own choice would ask the environment first.
const simdjson::implementation& choose_implementation() noexcept {
    for (const simdjson::implementation* each : simdjson::get_available_implementations())  // the best comes first
        if (each->supported_by_runtime_system()) return *each;
    return *simdjson::builtin_implementation();
}

const simdjson::implementation& best_implementation() noexcept {
    static const simdjson::implementation& best = choose_implementation();
    return best;
}

// simdjson makes its list in the first call, and ends the program if there is no memory for it. So that call is made
// while the program is loaded, and not while it judges a delivery.
[[maybe_unused]] const simdjson::implementation& chosen_at_load = best_implementation();

thread_local bool workspace_is_gone = false;  // outlives the workspace while a thread ends

/// What a thread keeps from one document to the next.
struct workspace {
    workspace() = default;
    workspace(const workspace&) = delete;
    workspace& operator=(const workspace&) = delete;
    ~workspace() { workspace_is_gone = true; }

    std::unique_ptr<simdjson::internal::dom_parser_implementation> scanner;
    std::vector<std::string_view> other_keys;  // top-level keys that are none of the five

    /// Lists the tokens of a document that is followed by simdjson's padding.
    [[nodiscard]] simdjson::error_code scan(std::span<const char> text) noexcept {
        if (!scanner || scanner->capacity() < text.size()) {
            scanner.reset();
            const std::size_t capacity = std::bit_ceil(std::max<std::size_t>(text.size(), 4096));
            const auto failed =
                best_implementation().create_dom_parser_implementation(capacity, detail::json_walk::max_depth, scanner);
            if (failed) return failed;
        }
        return scanner->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                               simdjson::stage1_mode::regular);
    }

    /// Forgets the document, and gives back the memory that only an unusually large one needed.
    void clear() noexcept {
        if (scanner && scanner->capacity() > 1'048'576) scanner.reset();
        if (other_keys.capacity() > 4096)
            std::vector<std::string_view>().swap(other_keys);  // = {} would keep the memory
        other_keys.clear();
    }
};

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

using fields = std::array<std::span<char>, field_names.size()>;  // as they stand in the document; empty: absent

std::string_view view(std::span<const char> text) noexcept { return {text.data(), text.size()}; }

/// Which of the fields a key names; as many as there are fields if it is none of them.
std::size_t index_of(std::string_view key) noexcept {
    for (std::size_t i = 0; i < field_names.size(); ++i)
        if (key == field_names[i]) return i;
    return field_names.size();
}

std::span<char> without_quotes(std::span<char> string) noexcept { return string.subspan(1, string.size() - 2); }

/// A string's contents, with their escapes resolved in place.
detail::unescaped_text resolve(std::span<char> contents) noexcept {
    if (view(contents).find('\\') == std::string_view::npos) return {view(contents), false};
    return detail::unescape(contents.data(), contents.data() + contents.size());
}

std::optional<severity> parse_severity(std::span<char> value) noexcept {
    if (value.front() != '"') return std::nullopt;
    for (const severity level : {severity::low, severity::medium, severity::high, severity::critical})
        if (detail::spells(view(without_quotes(value)), name(level))) return level;
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

}  // namespace

/// Fills an event from a document, one step after the other; each step answers with what is wrong, if anything.
class envelope_parser {
public:
    [[nodiscard]] static result<event> parse(std::string_view body) noexcept try {
        if (body.size() > max_document) return unexpected{error(reason::payload_too_large)};
        if (workspace_is_gone) {  // called by a destructor of something that is older than the workspace
            workspace passing;
            return parse(body, passing);
        }
        thread_local workspace kept;
        return parse(body, kept);
    } catch (const std::bad_alloc&) {
        return unexpected{error(reason::out_of_memory)};
    }

private:
    static result<event> parse(std::string_view body, workspace& memory) {
        envelope_parser parser(body, memory);
        if (const auto failed = parser.read()) return unexpected{*failed};
        return std::move(parser.event_);
    }

    envelope_parser(std::string_view body, workspace& memory) : memory_(memory) {
        event_.bytes_ = std::make_unique_for_overwrite<char[]>(body.size() + simdjson::SIMDJSON_PADDING);
        char* const end = event_.bytes_.get() + body.copy(event_.bytes_.get(), body.size());
        std::fill_n(end, simdjson::SIMDJSON_PADDING, '\0');
        text_ = {event_.bytes_.get(), body.size()};
    }
    ~envelope_parser() { memory_.clear(); }

    std::optional<error> read() {
        if (auto failed = scan()) return failed;
        if (!walk()) return error(reason::invalid_json);
        if (auto failed = check_keys()) return failed;
        if (auto failed = check_types()) return failed;
        return read_values();
    }

    std::optional<error> scan() noexcept {
        switch (memory_.scan(text_)) {
            case simdjson::SUCCESS: return std::nullopt;
            case simdjson::MEMALLOC: return error(reason::out_of_memory);
            case simdjson::EMPTY: return error(reason::invalid_json, "The body is empty.");
            case simdjson::UTF8_ERROR: return error(reason::invalid_json, "The body is not valid UTF-8.");
            case simdjson::UNESCAPED_CHARS:
                return error(reason::invalid_json, "A string in the body contains a control character.");
            case simdjson::UNCLOSED_STRING: return error(reason::invalid_json, "A string in the body has no end.");
            default: return error(reason::internal);
        }
    }

    /// Checks the whole document, and notes where the fields are, the other top-level keys, and the severity.
    bool walk() {
        detail::json_walk document(text_, memory_.scanner->structural_indexes.get());
        const bool is_object = document.object([&](std::span<char> spelt) {
            std::string_view key = view(spelt);
            std::size_t known = index_of(key);
            if (known == fields_.size()) {  // or spelt with escapes
                const auto resolved = resolve(spelt);
                if (resolved.has_lone_surrogate) return false;  // no UTF-8 text: it cannot be compared with another key
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
                memory_.other_keys.push_back(key);
                return true;
            }
            has_twin_ |= !fields_[known].empty();
            fields_[known] = document.source_from(begin);
            return true;
        });
        return is_object && document.at_end();
    }

    bool walk_data(detail::json_walk& document) {
        return document.object([&](std::span<char> spelt) {
            const char* const begin = document.here();
            if (!document.value(2)) return false;
            if (detail::spells(view(spelt), "severity")) event_.severity_ = parse_severity(document.source_from(begin));
            return true;
        });
    }

    std::optional<error> check_keys() {
        std::ranges::sort(memory_.other_keys);
        has_twin_ |= std::ranges::adjacent_find(memory_.other_keys) != memory_.other_keys.end();
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
        if (!id) return error(reason::invalid_event_id);
        event_.id_ = *id;
        char* const id_place = fields_[event_id].data() + 1;  // where its text stands, without the quote
        std::ranges::transform(id_text, id_place, detail::lower);
        event_.event_id_ = {id_place, id_text.size()};

        event_.event_type_ = contents(event_type);
        if (!is_event_type(event_.event_type_)) return error(reason::invalid_event_type);

        event_.emitted_at_text_ = contents(emitted_at);
        const auto moment = date_time::parse(event_.emitted_at_text_);
        if (!moment) return error(reason::invalid_emitted_at);
        event_.emitted_at_ = *moment;

        if (contents(api_version) != "v1") return error(reason::unsupported_api_version);

        event_.data_ = view(fields_[data]);
        return std::nullopt;
    }

    workspace& memory_;
    event event_;
    std::span<char> text_;
    fields fields_;
    bool has_twin_ = false;  // whether one of the fields occurs twice
};

std::string_view name(severity level) noexcept {
    constexpr std::array<std::string_view, 4> names{"low", "medium", "high", "critical"};
    const auto index = static_cast<std::size_t>(level);
    return index < names.size() ? names[index] : std::string_view();
}

result<event> parse_envelope(const verified& delivery) noexcept { return envelope_parser::parse(delivery.body()); }

result<event> dangerously_parse_envelope(std::string_view body) noexcept { return envelope_parser::parse(body); }

}  // namespace puck
