// Shared by the fuzz targets.
#pragma once

#include <puck/webhooks.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

/// The function that libFuzzer or standalone.cpp calls with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline void require(bool holds, const char* property) {
    if (holds) return;
    std::fprintf(stderr, "This does not hold: %s\n", property);
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// An input that is read from its beginning. After its end every byte is 0.
class input {
public:
    input(const std::uint8_t* data, std::size_t size) : rest_(text_of(data, size)) {}

    [[nodiscard]] bool is_empty() const { return rest_.empty(); }
    [[nodiscard]] std::string_view rest() const { return rest_; }

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto first = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return first;
    }

    /// The text up to the next line feed, which is removed, or up to the end.
    std::string_view line() {
        const std::string_view line = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
        return line;
    }

private:
    std::string_view rest_;
};

inline constexpr std::array<std::string_view, 2> secrets{"whsec_0123456789abcdef", "whsec_fedcba9876543210"};
inline constexpr std::string_view now_text = "1777818121";
inline constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'777'818'121)};

inline puck::secret_ring ring() { return puck::secret_ring::make(secrets).value(); }
inline puck::verifier verifier() { return puck::verifier::make(ring()).value(); }

/// The HMAC of "t.body" in hex digits. It uses only OpenSSL's HMAC() and nothing of this library.
inline std::string mac(std::string_view secret, std::string_view t, std::string_view body) {
    const std::string text = std::string(t).append(".").append(body);
    std::array<unsigned char, 32> bytes{};
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes.data(), nullptr);
    std::string digits;
    for (const unsigned char byte : bytes) {
        digits += "0123456789abcdef"[byte >> 4];
        digits += "0123456789abcdef"[byte & 15];
    }
    return digits;
}

inline std::string signature(std::string_view body, std::string_view t, std::string_view secret = secrets[0]) {
    return std::string("t=").append(t).append(",v1=").append(mac(secret, t, body));
}

/// Whether the contract allows this reason for a delivery that was judged and refused.
inline bool is_refusal(puck::reason why) {
    return why != puck::reason::ok && why != puck::reason::internal && why != puck::reason::invalid_argument &&
           why != puck::reason::crypto_failure;
}

}  // namespace fuzz
