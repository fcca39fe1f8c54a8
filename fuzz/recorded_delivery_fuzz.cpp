// The command's reader of lines, beside a second one that is written with another JSON library.
#include "../bindings/cli/recorded_delivery.hpp"
#include "reference_json.hpp"
#include "support.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace {

using nlohmann::json;
using headers = std::vector<std::pair<std::string, std::string>>;

struct delivery {
    headers all;
    std::string body;
};

/// A line as nlohmann reads it, and whether an object in it has a key twice, of which nlohmann keeps one.
struct second_reading {
    json line;
    bool has_twins = false;

    explicit second_reading(std::string_view text) {
        std::vector<std::set<std::string>> keys;
        const auto note = [&](int, json::parse_event_t event, const json& value) {
            if (event == json::parse_event_t::object_start) keys.emplace_back();
            if (event == json::parse_event_t::object_end) keys.pop_back();
            if (event == json::parse_event_t::key) has_twins |= !keys.back().insert(value.get<std::string>()).second;
            return true;
        };
        line = json::parse(text, note, false);
    }
};

/// RFC 4648 has one way to write any bytes, so whatever is written otherwise is not base64.
std::optional<std::string> decode_base64(const std::string& text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out(text.size() / 4 * 3, '\0'), again(text.size() + 1, '\0');
    const auto bytes = [](auto& string) { return reinterpret_cast<unsigned char*>(string.data()); };
    if (EVP_DecodeBlock(bytes(out), reinterpret_cast<const unsigned char*>(text.data()), int(text.size())) < 0)
        return std::nullopt;
    out.resize(out.size() - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
    EVP_EncodeBlock(bytes(again), bytes(out), int(out.size()));
    again.pop_back();
    return again == text ? std::optional(out) : std::nullopt;
}

std::optional<headers> headers_of(const json& given) {
    headers all;
    for (const auto& [key, value] : given.items()) {
        const bool is_pair = given.is_array() && value.is_array() && value.size() == 2;
        const bool is_named =
            given.is_array() && value.is_object() && value.contains("name") && value.contains("value");
        if (given.is_array() && !is_pair && !is_named) return std::nullopt;
        const json name = is_pair ? value[0] : is_named ? value["name"] : json(key);
        const json text = is_pair ? value[1] : is_named ? value["value"] : value;
        const json texts = given.is_object() && text.is_array() ? text : json::array({text});
        if (!name.is_string()) return std::nullopt;
        for (const json& each : texts) {
            if (!each.is_string()) return std::nullopt;
            all.emplace_back(name.get<std::string>(), each.get<std::string>());
        }
    }
    return all;
}

/// What the line says, by the contract; nothing if it is not a recorded delivery.
std::optional<delivery> read(const json& line) {
    const auto is_there = [&](const char* key) { return line.contains(key) && !line[key].is_null(); };
    std::optional<headers> found;
    for (const char* const key : {"headers", "multiValueHeaders"}) {
        if (!is_there(key)) continue;
        if (!line[key].is_structured()) return std::nullopt;
        const auto these = headers_of(line[key]);
        if (!these) return std::nullopt;
        if (!found || !these->empty()) found = these;  // an empty multiValueHeaders says nothing
    }
    if (!found || line.contains("body") == line.contains("body_base64")) return std::nullopt;
    const bool is_text = line.contains("body");
    const json& body = line[is_text ? "body" : "body_base64"];
    if (!body.is_string()) return std::nullopt;
    if (line.contains("isBase64Encoded") && !line["isBase64Encoded"].is_boolean()) return std::nullopt;
    if (is_text && !line.value("isBase64Encoded", false)) return delivery{*found, body.get<std::string>()};
    auto decoded = decode_base64(body.get<std::string>());
    if (!decoded) return std::nullopt;
    return delivery{*found, *decoded};
}

/// Whether the time of receipt was read rightly. Of a fraction nlohmann keeps too little to compare it exactly.
bool is_right_time(const json& line, const std::optional<std::chrono::sys_seconds>& found) {
    if (!line.contains("received_at")) return !found;
    const json& given = line["received_at"];
    if (given.is_number_float())
        return found && std::abs(double(found->time_since_epoch().count()) - given.get<double>()) <= 1e4;
    if (given.is_number()) return found && json(found->time_since_epoch().count()) == given;
    const auto parsed = puck::date_time::parse(given.is_string() ? given.get<std::string>() : "");
    return found && parsed && parsed->seconds == *found;
}

bool can_have_time(const json& line) {
    if (!line.contains("received_at")) return true;
    const json& given = line["received_at"];
    if (given.is_string()) return puck::date_time::parse(given.get<std::string>()).has_value();
    return given.is_number_integer() && (!given.is_number_unsigned() || given.get<std::uint64_t>() <= INT64_MAX);
}

void compare(const puck::result<cli::recorded_delivery>& first, const json& line) {
    const auto second = read(line);
    if (!first) {
        fuzz::require(!second || !can_have_time(line), "what the other reader understands is not refused");
        return;
    }
    fuzz::require(second.has_value(), "what is accepted is understood by the other reader");
    headers found;
    for (const puck::header& each : first->headers) found.emplace_back(each.name, each.value);
    headers expected = second->all;
    std::ranges::sort(found);  // nlohmann sorts the names of an object
    std::ranges::sort(expected);
    fuzz::require(found == expected, "both read the same headers");
    fuzz::require(first->body == second->body, "both read the same body");
    fuzz::require(is_right_time(line, first->received_at), "both read the same time");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static cli::recorded_delivery_reader reader;
    fuzz::input in(data, size);
    while (!in.is_empty()) {
        const std::string_view line = in.line();
        std::vector<char> padded(line.size() + cli::recorded_delivery_reader::padding);
        std::ranges::copy(line, padded.begin());
        const auto read = reader.read({padded.data(), line.size()});
        fuzz::require(
            read || (read.error().reason() == puck::reason::invalid_argument && !read.error().detail().empty()),
            "a line that is not a delivery is an invalid argument, with a sentence");

        const std::string tamed = fuzz::tamed(line);
        const bool is_object = fuzz::json_shape().is_valid(tamed) && json::parse(tamed).is_object();
        fuzz::require(is_object || !read, "what is accepted is a JSON object to the other library too");
        if (const second_reading second(line); is_object && second.line.is_object() && !second.has_twins)
            compare(read, second.line);
    }
    return 0;
}
