// The verifier: a request becomes a verified event.
#pragma once

#include "puck/proof.hpp"
#include "puck/rejection.hpp"
#include "puck/request.hpp"
#include "puck/result.hpp"
#include "puck/secret.hpp"
#include "puck/verified.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace puck {

struct verifier_settings {
    std::chrono::seconds tolerance{300};  ///< the largest skew, in either direction: 1 to 86,400 s
    std::size_t max_body = 1'048'576;     ///< in bytes: 1 to 1,073,741,824
};

/// Judges requests. The verdict depends only on the secrets, the settings and the request. A verifier remembers
/// nothing, so a replay within the window passes again. It is immutable: any number of threads may use one.
class verifier {
public:
    /// Fails with `invalid_argument` if a setting is out of its bounds or the ring was moved from. No setting turns the
    /// window off.
    [[nodiscard]] static result<verifier> make(secret_ring secrets, verifier_settings settings = {}) noexcept;

    /// Judges one request. It checks in this order, and stops at the first failure:
    ///
    ///     size -> signature header -> HMAC -> window -> envelope -> unsigned headers
    ///
    /// X-Puck-Signature may occur only once. X-Puck-Event-Id and X-Puck-Event-Type may be absent or empty; otherwise
    /// they must match the envelope. The signature is checked before the window, so `timestamp_too_old` and
    /// `timestamp_too_new` are used only for deliveries that Puck really signed. The JSON parser never sees bytes that
    /// are not authentic.
    ///
    /// Fails with reasons 101 to 106, 201 to 210, -1 (a `received_at` in milliseconds), -2, -3 or -99. Allocates the
    /// event's bytes. It needs more only for unknown top-level keys (a list of them), and for a body above 1 MiB or
    /// when many threads judge at once (a list of tokens, four to eight times the size of the body, during the call).
    [[nodiscard]] result<verified, rejection> verify(const request& request) const noexcept;

    /// Judges a body without its request: size, signature header, HMAC and window. It parses no JSON. `signature` is
    /// the value of X-Puck-Signature, or empty if there is none.
    ///
    /// Fails with reasons 101 to 106, 201, -1 or -3. It allocates no memory itself.
    [[nodiscard]] result<proof, rejection> verify_signature(std::string_view body, std::string_view signature,
                                                            std::chrono::sys_seconds received_at) const noexcept;

    /// The same without the window, so a captured delivery passes for ever. Use it for archives that are verified again
    /// much later. `received_at` is used only for the skew in the proof.
    [[nodiscard]] result<proof, rejection> dangerously_verify_without_window(
        std::string_view body, std::string_view signature, std::chrono::sys_seconds received_at) const noexcept;

private:
    verifier(secret_ring secrets, verifier_settings settings) noexcept;

    [[nodiscard]] std::optional<error> check_arguments(std::string_view body,
                                                       std::chrono::sys_seconds received_at) const noexcept;
    [[nodiscard]] result<proof, rejection> judge_signature(std::string_view body, std::string_view signature,
                                                           std::chrono::sys_seconds received_at) const noexcept;
    [[nodiscard]] result<proof> authenticate(std::string_view body, std::string_view signature,
                                             std::chrono::sys_seconds received_at) const noexcept;

    secret_ring secrets_;
    verifier_settings settings_;
};

}  // namespace puck
