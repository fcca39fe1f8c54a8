// The command's line reader: lines of recorded deliveries, beside another JSON library.
#include "../bindings/cli/recorded_delivery.hpp"
#include "reference_json.hpp"
#include "support.hpp"

#include <utility>
#include <vector>

namespace {

using nlohmann::json;
using headers = std::vector<std::pair<std::string, std::string>>;

headers headers_of(const json& given) {
    headers all;
    for (const auto& [key, value] : given.items())
        all.emplace_back(given.is_array() ? value[0].get<std::string>() : key,
                         (given.is_array() ? value[1] : value).get<std::string>());
    return all;
}

void check(const cli::recorded_delivery& read, const json& line) {
    headers found;
    for (const puck::header& each : read.headers) found.emplace_back(each.name, each.value);
    headers expected = headers_of(line["headers"]);
    if (line["headers"].is_object()) {  // nlohmann keeps one of each name
        fuzz::require(found.size() >= expected.size(), "no header is lost");
    } else {
        fuzz::require(found == expected, "both read the same headers");
    }
    if (line.contains("body")) fuzz::require(read.body == line["body"].get<std::string>(), "both read the same body");
    fuzz::require(read.received_at.has_value() == line.contains("received_at"), "both see whether there is a time");
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
        if (!read) {
            fuzz::require(read.error().why() == puck::reason::invalid_argument && !read.error().detail().empty(),
                          "a line that is none is told with a sentence");
            continue;
        }
        const json second = json::parse(line, nullptr, false);
        fuzz::require(second.is_object(), "what is accepted is JSON to the other library too");
        check(**read, second);
    }
    return 0;
}
