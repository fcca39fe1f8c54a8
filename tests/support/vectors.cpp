#include "vectors.hpp"

#include <fstream>
#include <stdexcept>

namespace support {

std::string bytes(const json& text) {
    const auto& utf8 = text.get_ref<const std::string&>();
    std::string out;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        if (lead < 0x80) {
            out += utf8[i];
        } else {
            if (lead > 0xc3) throw std::runtime_error("a vector holds a character above U+00FF");
            out += static_cast<char>((lead & 3) << 6 | (static_cast<unsigned char>(utf8.at(++i)) & 0x3f));
        }
    }
    return out;
}

std::string body(const json& given) {
    if (given.is_string()) return bytes(given);
    std::string out;
    for (const json& part : given) {
        const std::string unit = bytes(part.at(0));
        for (auto count = part.at(1).get<std::size_t>(); count > 0; --count) out += unit;
    }
    return out;
}

std::vector<json> cases(std::string_view name) {
    const std::string path = std::string(PUCK_VECTORS) + "/" + std::string(name);
    std::ifstream in(path);
    if (!in) throw std::runtime_error("cannot open " + path);
    return json::parse(in).at("cases").get<std::vector<json>>();
}

}  // namespace support
