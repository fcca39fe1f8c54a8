// A second JSON parser: nlohmann's. It cannot hold every value that RFC 8259 allows, so such values are replaced first.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

/// The text, with each escape of a surrogate and each huge number replaced by something of the same grammar. Other
/// strings and numbers stay as they are, except that a number loses its digits after the 15th.
inline std::string tamed(std::string_view json) {
    std::string out;
    bool in_string = false, in_exponent = false;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            out += c;
            if (c == '"') in_string = false;
            if (c != '\\' || i + 1 == json.size()) continue;
            out += json[++i];
            const bool is_surrogate = json[i] == 'u' && i + 4 < json.size() &&
                                      (json[i + 1] == 'd' || json[i + 1] == 'D') &&
                                      std::string_view("89abcdefABCDEF").find(json[i + 2]) != std::string_view::npos;
            if (is_surrogate) {
                out += "00";
                i += 2;
            }
            continue;
        }
        const bool is_digit = c >= '0' && c <= '9';
        digits = is_digit ? digits + 1 : 0;
        if (!is_digit && c != '+' && c != '-') in_exponent = c == 'e' || c == 'E';
        in_string = c == '"';
        if (is_digit && digits > 15) continue;
        out += is_digit && in_exponent ? '0' : c;
    }
    return out;
}

/// Whether a text is one JSON document, how deep it is nested, and its top-level keys.
struct json_shape : nlohmann::json_sax<nlohmann::json> {
    std::size_t depth = 0, deepest = 0;
    std::vector<std::string> keys;

    [[nodiscard]] bool is_valid(const std::string& text) {
        const bool has_more_than_json = text.starts_with("\xEF\xBB\xBF") || text.find('\0') != std::string::npos;
        return !has_more_than_json && nlohmann::json::sax_parse(text, this) && deepest <= 1024;
    }

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(std::size_t) override { return open(); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        if (depth == 1) keys.push_back(name);
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

private:
    bool open() {
        deepest = std::max(deepest, ++depth);
        return true;
    }
    bool close() {
        --depth;
        return true;
    }
};

}  // namespace fuzz
