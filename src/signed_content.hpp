// The content that Puck signs: the text of the header's t, a dot, and the raw body.
#pragma once

#include "hmac.hpp"
#include "puck/signature.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace puck::detail {

/// Computes the MAC of a delivery. Returns false if OpenSSL fails, or if `timestamp_text` is longer than the grammar of
/// the header allows.
[[nodiscard]] inline bool sign_content(const hmac_key& key, std::string_view timestamp_text, std::string_view body,
                                       secret_digest& mac) noexcept {
    std::array<char, signature_header::max_timestamp_digits + 1> prefix;
    if (timestamp_text.size() >= prefix.size()) return false;
    char* const dot = std::ranges::copy(timestamp_text, prefix.data()).out;
    *dot = '.';
    return key.sign({std::string_view(prefix.data(), dot + 1), body}, mac);
}

}  // namespace puck::detail
