// Signing secrets. They are checked when they are made, cannot be read back, and are wiped on destruction.
#pragma once

#include "puck/result.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace puck {

namespace detail {
class hmac_key;
}

/// A short name for a secret, which may be shown: 8 hex digits of a SHA-256 over a fixed prefix and the secret. Equal
/// secrets have equal fingerprints. Apart from that, a fingerprint can only confirm a guess of the whole secret.
struct fingerprint {
    std::array<char, 8> digits;
    operator std::string_view() const noexcept { return {digits.data(), digits.size()}; }
};

/// One subscription's signing secret, in the form of a keyed HMAC.
///
/// The bytes are only inside OpenSSL's key, which wipes them when it is freed. A secret cannot be read back, copied,
/// compared or printed.
class secret {
public:
    static constexpr std::string_view prefix = "whsec_";
    static constexpr std::size_t min_bytes = prefix.size() + 10;
    static constexpr std::size_t max_bytes = 4096;

    /// Makes a secret from the text that Puck handed out. The text is used as it is: it is not decoded, and its prefix
    /// is not removed.
    ///
    /// It must be `whsec_` and at least 10 more characters, at most 4096 bytes in all, of printable ASCII other than
    /// quotes, comma, semicolon, backslash, `$`, `{` and `}`, and without a second `whsec_`. Anything else fails with
    /// `invalid_argument`, with a sentence for each common mistake. This is strict, because with a wrong secret every
    /// event would be refused.
    [[nodiscard]] static result<secret> make(std::string_view bytes) noexcept;

    secret(secret&&) noexcept;
    secret& operator=(secret&&) noexcept;
    ~secret();

    [[nodiscard]] const puck::fingerprint& fingerprint() const noexcept { return fingerprint_; }

    /// The keyed HMAC. Only this library uses it.
    [[nodiscard]] const detail::hmac_key& key() const noexcept { return *key_; }

private:
    friend class secret_ring;
    secret(std::unique_ptr<detail::hmac_key> key, puck::fingerprint shown) noexcept;

    std::unique_ptr<detail::hmac_key> key_;
    puck::fingerprint fingerprint_;
};

/// 1 to 16 secrets: the current one, and those that are being rotated out.
class secret_ring {
public:
    static constexpr std::size_t max_secrets = 16;

    /// Fails with `invalid_argument` if there is no secret, if there are more than 16, or if one of them was moved
    /// from.
    [[nodiscard]] static result<secret_ring> make(std::vector<secret> secrets) noexcept;

    /// The same, from texts. The error is that of the first text which `secret::make` refuses. It does not say which
    /// text that was: to know it, make each secret on its own.
    [[nodiscard]] static result<secret_ring> make(std::span<const std::string_view> secrets) noexcept;
    [[nodiscard]] static result<secret_ring> make(std::initializer_list<std::string_view> secrets) noexcept;

    secret_ring(secret_ring&&) noexcept = default;
    secret_ring& operator=(secret_ring&&) noexcept = default;

    [[nodiscard]] std::size_t size() const noexcept { return secrets_.size(); }
    [[nodiscard]] auto begin() const noexcept { return secrets_.begin(); }
    [[nodiscard]] auto end() const noexcept { return secrets_.end(); }

private:
    explicit secret_ring(std::vector<secret> secrets) noexcept : secrets_(std::move(secrets)) {}

    std::vector<secret> secrets_;
};

}  // namespace puck
