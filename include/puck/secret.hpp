// Signing secrets: checked when they are made, never readable again, wiped when they go.
#pragma once

#include "puck/result.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

namespace puck {

namespace detail {
class hmac_key;
}

/// What may be shown of a secret: 8 hex digits of a SHA-256 over a fixed prefix and the secret. Equal secrets have equal
/// fingerprints; beyond that, one can only confirm a guess of the whole secret.
struct fingerprint {
    std::array<char, 8> digits;
    operator std::string_view() const noexcept { return {digits.data(), digits.size()}; }
};

/// One subscription's signing secret, in the form of a keyed HMAC.
///
/// There is no way to read it back: the bytes live only inside OpenSSL's key, which cleanses them when the last user of
/// it is gone. It cannot be copied, compared or printed.
class secret {
public:
    static constexpr std::size_t min_bytes = 16;
    static constexpr std::size_t max_bytes = 4096;

    /// Takes the secret as Puck handed it out, `whsec_` included: it is not decoded, and nothing is stripped.
    ///
    /// Fails with `invalid_argument` and a sentence when it is empty, shorter than 16 bytes, longer than 4096, or
    /// contains ASCII whitespace or a control character (such as the newline that is often pasted along).
    [[nodiscard]] static result<secret> make(std::string_view bytes) noexcept;

    secret(secret&&) noexcept;
    secret& operator=(secret&&) noexcept;
    ~secret();

    [[nodiscard]] const puck::fingerprint& fingerprint() const noexcept { return fingerprint_; }

    /// The keyed HMAC, for this library's own use.
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

    /// Fails with `invalid_argument` when there is none, more than 16, or one that was moved away.
    [[nodiscard]] static result<secret_ring> make(std::vector<secret> secrets) noexcept;

    /// The same from texts. The first one that `secret::make` refuses decides the error; to know which one it was, make
    /// each secret for itself.
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
