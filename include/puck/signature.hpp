// The X-Puck-Signature header: its grammar, and how to make one.
#pragma once

#include "puck/result.hpp"
#include "puck/secret.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace puck {

/// The 32 bytes that a v1 claims to be the right ones.
using mac_bytes = std::array<std::uint8_t, 32>;

/// A signature header, taken apart but not yet believed.
///
///     t=1777818121,v1=5257a869e7ec…6bbd,v1=0f3a…
///       ^             ^                    ^
///       |             `--------------------`-- candidates: 64 hex digits each
///       `-- timestamp_text: what the MAC covers, as received; it points into the text that was parsed
struct signature_header {
    static constexpr std::size_t max_bytes = 4096;
    static constexpr std::size_t max_candidates = 16;
    static constexpr std::size_t max_timestamp_digits = 12;

    std::string_view timestamp_text;
    std::int64_t timestamp;                            ///< the same in Unix seconds, 0 to 999,999,999,999
    std::array<mac_bytes, max_candidates> candidates;  ///< the first `candidate_count` of them
    std::size_t candidate_count;

    /// Reads this grammar, in which spaces and tabs (OWS) may stand around each item:
    ///
    ///     header  = OWS item *( OWS "," OWS item ) OWS      at most 4096 bytes
    ///     item    = key "=" value
    ///     key     = 1*( A-Z a-z 0-9 _ - )
    ///     value   = *( any byte 0x21 to 0x7E except "," )
    ///
    /// with exactly one `t` (1 to 12 digits without a leading zero) and at most 16 `v1` (64 hex digits each). Other keys
    /// are ignored. Fails with `missing_signature` (nothing but OWS), `malformed_signature`, or `unsupported_scheme`
    /// (well-formed, but no `v1`).
    [[nodiscard]] static result<signature_header> parse(std::string_view text) noexcept;

    signature_header() noexcept : timestamp(0), candidate_count(0) {}  // the candidates are not zeroed first
};

/// Makes the header's value for a body, with one `v1` for each secret: for tests and tools, since deliveries are signed
/// by Puck. `timestamp` is in Unix seconds; outside of 0 to 999,999,999,999 it is an `invalid_argument`.
[[nodiscard]] result<std::string> sign(const secret_ring& secrets, std::string_view body,
                                       std::int64_t timestamp) noexcept;

}  // namespace puck
