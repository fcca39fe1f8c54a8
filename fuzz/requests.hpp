// Whole requests for the fuzz targets. They are signed here, so that the signature is right.
//
// An input is a byte of flags, headers as lines "name: value", an empty line, and the body.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

enum flag : std::uint8_t { is_unsigned = 1, with_old_secret = 2, is_stale = 4, is_early = 8, is_released = 16 };

inline std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

struct request {
    explicit request(fuzz::input in) : flags(in.byte()) {
        while (!in.is_empty() && headers.size() < 64) {
            const std::string_view line = in.line();
            if (line.empty()) break;
            const auto colon = std::min(line.find(": "), line.size());
            headers.push_back({line.substr(0, colon), line.substr(std::min(colon + 2, line.size()))});
        }
        body = in.rest();
        signature = fuzz::signature(body, now_text, secrets[flags & with_old_secret ? 1 : 0]);
        if (!(flags & is_unsigned)) headers.push_back({"X-Puck-Signature", signature});
        for (const puck::header& line : headers) signatures += lower(line.name) == "x-puck-signature" ? 1 : 0;
        if (flags & is_stale) received_at += std::chrono::seconds(301);
        if (flags & is_early) received_at -= std::chrono::seconds(301);
    }
    request(const request&) = delete;

    operator puck::request() const { return {headers, body, received_at}; }

    /// Whether the request has only one signature, the one that was made here.
    [[nodiscard]] bool is_signed() const { return signatures == 1 && !(flags & is_unsigned); }
    [[nodiscard]] bool is_in_window() const { return received_at == now; }

    std::uint8_t flags;
    std::vector<puck::header> headers;
    std::string_view body;
    std::string signature;
    std::size_t signatures = 0;
    std::chrono::sys_seconds received_at = now;
};

}  // namespace fuzz
