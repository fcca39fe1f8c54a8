// The only door to OpenSSL: a keyed HMAC-SHA256, a constant-time comparison, and a fingerprint.
#pragma once

#include "puck/secret.hpp"
#include "puck/signature.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace puck::detail {

/// A MAC that this library computed. It would sign an attacker's body, so it is wiped when it goes.
class computed_mac {
public:
    computed_mac() noexcept = default;
    computed_mac(const computed_mac&) = delete;
    computed_mac& operator=(const computed_mac&) = delete;
    ~computed_mac();

    /// Compares in constant time.
    [[nodiscard]] bool equals(const mac_bytes& candidate) const noexcept;

    /// The bytes themselves, for signing.
    [[nodiscard]] const mac_bytes& reveal() const noexcept { return bytes_; }

private:
    friend class hmac_key;
    mac_bytes bytes_;
};

/// HMAC-SHA256 under one key. The key is set up once; each computation borrows a context that is already keyed.
/// Any number of threads may use one.
class hmac_key {
public:
    /// Null if OpenSSL refuses. May throw std::bad_alloc.
    [[nodiscard]] static std::unique_ptr<hmac_key> make(std::string_view key);

    hmac_key(const hmac_key&) = delete;
    hmac_key& operator=(const hmac_key&) = delete;
    ~hmac_key();

    /// The MAC over all parts, one behind the other. False if OpenSSL refuses; `mac` then means nothing.
    [[nodiscard]] bool sign(std::initializer_list<std::string_view> parts, computed_mac& mac) const noexcept;

private:
    // OpenSSL's contexts serve one thread at a time, so a few are kept, freshly keyed, for whoever comes. A thread looks first where it
    // left one the last time; each place has a cache line of its own.
    struct alignas(64) place {
        std::atomic<evp_mac_ctx_st*> context{nullptr};
    };

    explicit hmac_key(evp_mac_ctx_st* keyed) noexcept : keyed_(keyed) {}
    evp_mac_ctx_st* borrow() const noexcept;
    void give_back(evp_mac_ctx_st* context) const noexcept;

    evp_mac_ctx_st* keyed_;  // only ever copied
    mutable std::array<place, 64> pool_;
};

/// The MAC of a delivery: over the text of the header's `t`, a dot, and the raw body. False if that text is longer than
/// the header's grammar allows.
[[nodiscard]] inline bool sign_delivery(const hmac_key& key, std::string_view timestamp_text, std::string_view body,
                                        computed_mac& mac) noexcept {
    std::array<char, signature_header::max_timestamp_digits + 1> prefix;
    if (timestamp_text.size() >= prefix.size()) return false;
    char* const dot = std::ranges::copy(timestamp_text, prefix.data()).out;
    *dot = '.';
    return key.sign({std::string_view(prefix.data(), dot + 1), body}, mac);
}

/// SHA-256 over `domain`, a zero byte and `secret`, as hex digits cut to the fingerprint's length. False if OpenSSL
/// refuses.
[[nodiscard]] bool fingerprint_of(std::string_view domain, std::string_view secret, fingerprint& shown) noexcept;

}  // namespace puck::detail
