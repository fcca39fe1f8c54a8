// The signature header: `parse` compared with a second parser. An accepted header is also printed and parsed again.
#include "support.hpp"

#include <vector>

namespace {

using puck::reason;

struct reading {
    reason why = reason::ok;
    std::string timestamp;
    std::vector<std::string> macs;  // in lower case
};

std::string without_space(std::string text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.erase(0, 1);
    return text;
}

bool consists_of(const std::string& text, std::string_view allowed) {
    return text.find_first_not_of(allowed) == std::string::npos;
}

constexpr std::string_view digits = "0123456789";
constexpr std::string_view hex = "0123456789abcdefABCDEF";
constexpr std::string_view key_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// Section 3 of the contract, written for clarity and not for speed.
reading read(std::string text) {
    const reading malformed{reason::malformed_signature, "", {}};
    if (text.size() > 4096) return malformed;
    if (without_space(text).empty()) return {reason::missing_signature, "", {}};

    reading found;
    int timestamps = 0;
    for (text += ','; !text.empty(); text.erase(0, text.find(',') + 1)) {
        const std::string item = without_space(text.substr(0, text.find(',')));
        const auto equals = item.find('=');
        if (equals == std::string::npos) return malformed;
        const std::string key = item.substr(0, equals), value = item.substr(equals + 1);
        if (key.empty() || !consists_of(key, key_characters)) return malformed;
        for (const char c : value)
            if (static_cast<unsigned char>(c) < 0x21 || static_cast<unsigned char>(c) > 0x7e) return malformed;
        if (key == "t") {
            if (++timestamps > 1 || value.empty() || value.size() > 12 || !consists_of(value, digits)) return malformed;
            if (value[0] == '0' && value != "0") return malformed;
            found.timestamp = value;
        }
        if (key == "v1") {
            if (value.size() != 64 || !consists_of(value, hex) || found.macs.size() == 16) return malformed;
            found.macs.push_back(value);
            for (char& c : found.macs.back()) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
        }
    }
    if (timestamps == 0) return malformed;
    if (found.macs.empty()) found.why = reason::unsupported_scheme;
    return found;
}

std::string print(const puck::signature_header& header) {
    std::string text = "t=" + std::to_string(header.timestamp.time_since_epoch().count());
    for (std::size_t i = 0; i < header.candidate_count; ++i) {
        text += ",v1=";
        for (const std::uint8_t byte : header.candidates[i]) {
            text += "0123456789abcdef"[byte >> 4];
            text += "0123456789abcdef"[byte & 15];
        }
    }
    return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    const reading expected = read(std::string(text));
    const auto parsed = puck::signature_header::parse(text);
    fuzz::require((parsed ? reason::ok : parsed.error().reason()) == expected.why, "both parsers give the same reason");
    if (!parsed) return 0;

    fuzz::require(parsed->timestamp_text == expected.timestamp, "both parsers find the same t");
    fuzz::require(parsed->timestamp_text.data() >= text.data() &&
                      parsed->timestamp_text.data() + parsed->timestamp_text.size() <= text.data() + text.size(),
                  "the t points into the header");
    std::string printed = "t=" + expected.timestamp;
    for (const std::string& mac : expected.macs) printed += ",v1=" + mac;
    fuzz::require(print(*parsed) == printed, "both parsers find the same candidates");
    const auto again = puck::signature_header::parse(printed);
    fuzz::require(again.has_value() && print(*again) == printed, "an accepted header is accepted again after printing");
    return 0;
}
