// Secrets and limits -> verified bodies.
#pragma once

#include "puck/result.hpp"
#include "puck/secret.hpp"
#include "puck/verified.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace puck {

struct verifier_settings {
    /// Seconds between signing and arrival, either way: 1 to 86,400. One capture lives for twice as long, so a dedupe
    /// store's ttl must be at least twice the tolerance, or a replay may be handled again.
    std::int64_t tolerance = 300;
    std::size_t max_body = 1'048'576;  ///< bytes: 1 to 1,073,741,824
};

/// Verifies signatures. Immutable: any number of threads may use one.
class verifier {
public:
    /// Fails with `invalid_argument` when a setting is out of its bounds or the ring was moved away. There is no value
    /// that turns the window off.
    [[nodiscard]] static result<verifier> make(secret_ring secrets, verifier_settings settings = {}) noexcept;

    /// Judges one body: its size, the header's grammar (signature.hpp), the HMAC, and then the window.
    ///
    /// `body` is the request's raw bytes, `signature` the value of X-Puck-Signature (empty if there is none), and `now`
    /// the Unix time in seconds at which the delivery arrived: `puck::unix_now()`, or for one that waited in a queue the
    /// time it was received. Accepted when |now - t| <= tolerance. The signature is judged before the window, so
    /// `timestamp_too_old` and `timestamp_too_new` are said only of what Puck really signed.
    ///
    /// Fails with reasons 101 to 106, 201, or -3. Allocates nothing itself.
    [[nodiscard]] result<verified> verify(std::string_view body, std::string_view signature,
                                          std::int64_t now) const noexcept;

    /// The same without the window: a captured delivery passes for ever. For archives that are read again long after,
    /// and for callers who apply `check_window` themselves.
    [[nodiscard]] result<verified> dangerously_verify_without_window(std::string_view body,
                                                                     std::string_view signature) const noexcept;

    /// `ok`, `timestamp_too_old` or `timestamp_too_new`. Any two numbers may be compared.
    [[nodiscard]] reason check_window(std::int64_t timestamp, std::int64_t now) const noexcept;

    /// `ok` or `payload_too_large`.
    [[nodiscard]] reason check_size(std::string_view body) const noexcept;

private:
    verifier(secret_ring secrets, verifier_settings settings) noexcept;

    secret_ring secrets_;
    verifier_settings settings_;
};

}  // namespace puck
