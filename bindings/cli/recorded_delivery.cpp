#include "recorded_delivery.hpp"

#include <simdjson.h>
#include <array>
#include <string>
#include <utility>

// The library's own parser reads envelopes and nothing else, so the command reads its lines with simdjson's DOM. It is
// the second place that knows simdjson, and none of the library's: a further JSON library would cost users one more
// dependency and, by measurement, five times the time.

namespace cli {
namespace {

using puck::error;
using puck::reason;
using problem = std::optional<error>;

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

problem explain(simdjson::error_code failed) {
    switch (failed) {
        case simdjson::MEMALLOC: return error(reason::out_of_memory);
        case simdjson::CAPACITY: return error(reason::invalid_argument, "The line is too long.");
        case simdjson::DEPTH_ERROR: return error(reason::invalid_argument, "The line is nested too deeply.");
        case simdjson::NUMBER_ERROR:
            return error(reason::invalid_argument, "The line holds a number that is malformed or too big.");
        case simdjson::STRING_ERROR:
            return error(reason::invalid_argument, "The line holds a string with an escape that stands for nothing.");
        default: return error(reason::invalid_argument, "The line is not a JSON object.");
    }
}

problem add_header(std::vector<puck::header>& headers, std::string_view name, simdjson::dom::element value) {
    std::string_view text;
    if (value.get(text)) return error(reason::invalid_argument, "The line has a header whose value is not a string.");
    headers.push_back({name, text});
    return std::nullopt;
}

problem read_headers(simdjson::dom::element given, std::vector<puck::header>& headers) {
    if (simdjson::dom::object map; !given.get(map)) {
        for (const auto [name, value] : map)
            if (auto failed = add_header(headers, name, value)) return failed;
        return std::nullopt;
    }
    simdjson::dom::array list;
    if (given.get(list))
        return error(reason::invalid_argument, "The line's headers are neither an object nor an array of pairs.");
    for (const auto item : list) {
        simdjson::dom::array pair;
        std::string_view name;
        if (item.get(pair) || pair.size() != 2 || pair.at(0).get(name))
            return error(reason::invalid_argument,
                         "The line's headers hold something that is not a [name, value] pair.");
        if (auto failed = add_header(headers, name, pair.at(1).value_unsafe())) return failed;
    }
    return std::nullopt;
}

}  // namespace

const std::size_t recorded_delivery_reader::padding = simdjson::SIMDJSON_PADDING;

struct recorded_delivery_reader::state {
    simdjson::dom::parser parser;
    recorded_delivery delivery;
    std::string decoded_body;

    problem read(std::string_view line) {
        if (line.starts_with("\xEF\xBB\xBF"))  // some versions of simdjson would pass over it
            return error(reason::invalid_argument, "The line begins with a byte order mark.");
        simdjson::dom::object object;
        if (const auto failed = parser.parse(line.data(), line.size(), false).get(object)) return explain(failed);

        delivery.headers.clear();
        delivery.received_at.reset();
        bool has_headers = false, has_body = false;
        for (const auto [key, value] : object) {
            if (key == "headers") {
                if (std::exchange(has_headers, true))
                    return error(reason::invalid_argument, "The line has headers twice.");
                if (auto failed = read_headers(value, delivery.headers)) return failed;
            } else if (key == "body" || key == "body_base64") {
                if (std::exchange(has_body, true)) return error(reason::invalid_argument, "The line has a body twice.");
                if (auto failed = read_body(value, key == "body_base64")) return failed;
            } else if (key == "received_at") {
                std::int64_t seconds = 0;
                if (delivery.received_at || value.get(seconds))
                    return error(reason::invalid_argument, "The line needs one received_at, in whole Unix seconds.");
                delivery.received_at = seconds;
            }
        }
        if (!has_headers) return error(reason::invalid_argument, "The line has no headers.");
        if (!has_body) return error(reason::invalid_argument, "The line has neither body nor body_base64.");
        return std::nullopt;
    }

    problem read_body(simdjson::dom::element value, bool is_base64) {
        if (value.get(delivery.body)) return error(reason::invalid_argument, "The line's body is not a string.");
        if (!is_base64) return std::nullopt;
        if (!decode_base64(delivery.body, decoded_body))
            return error(reason::invalid_argument, "The line's body_base64 is not base64 as in RFC 4648, padded.");
        delivery.body = decoded_body;
        return std::nullopt;
    }
};

recorded_delivery_reader::recorded_delivery_reader() : state_(std::make_unique<state>()) {}
recorded_delivery_reader::~recorded_delivery_reader() = default;

puck::result<const recorded_delivery*> recorded_delivery_reader::read(std::string_view line) {
    if (const auto failed = state_->read(line)) return puck::unexpected{*failed};
    return &state_->delivery;
}

}  // namespace cli
