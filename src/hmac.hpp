// A keyed HMAC-SHA256, SHA-256, and a comparison in constant time. Only hmac.cpp uses OpenSSL.
#pragma once

#include "pool.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace puck::detail {

using digest_bytes = std::array<std::uint8_t, 32>;

/// 32 bytes that were computed from a secret. They are wiped on destruction, because the right MAC would make an
/// attacker's body pass.
class secret_digest {
public:
    secret_digest() noexcept = default;
    secret_digest(const secret_digest&) = delete;
    secret_digest& operator=(const secret_digest&) = delete;
    ~secret_digest();

    /// Compares in constant time.
    [[nodiscard]] bool equals(const digest_bytes& candidate) const noexcept;

    /// The bytes themselves, for a result that may be shown: a signature or a fingerprint.
    [[nodiscard]] const digest_bytes& reveal() const noexcept { return bytes_; }

private:
    friend class hmac_key;
    friend bool sha256(std::initializer_list<std::string_view> parts, secret_digest& digest) noexcept;
    digest_bytes bytes_;
};

/// HMAC-SHA256 with one key. The key is set up once, and each computation uses a context that is already keyed. Any
/// number of threads may use one hmac_key.
class hmac_key {
public:
    /// Returns null if OpenSSL fails. May throw std::bad_alloc.
    [[nodiscard]] static std::unique_ptr<hmac_key> make(std::string_view key);

    hmac_key(const hmac_key&) = delete;
    hmac_key& operator=(const hmac_key&) = delete;
    ~hmac_key();

    /// Computes the MAC over all parts, in order. Returns false if OpenSSL fails; `mac` is then unspecified.
    [[nodiscard]] bool sign(std::initializer_list<std::string_view> parts, secret_digest& mac) const noexcept;

private:
    explicit hmac_key(evp_mac_ctx_st* keyed) noexcept : keyed_(keyed) {}

    evp_mac_ctx_st* keyed_;                      // is only copied, so it stays as it was after keying
    mutable pool<evp_mac_ctx_st, 64> contexts_;  // copies, keyed and ready for use
};

/// Computes the SHA-256 over all parts, in order. Returns false if OpenSSL fails.
[[nodiscard]] bool sha256(std::initializer_list<std::string_view> parts, secret_digest& digest) noexcept;

}  // namespace puck::detail
