// The X-Puck-Signature header and its grammar.
#pragma once

#include "puck/result.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace puck {

/// The 32 bytes of one v1.
using mac_bytes = std::array<std::uint8_t, 32>;

/// A parsed signature header. Nothing in it is verified yet.
///
///     t=1777818121,v1=5257a869e7ec…6bbd,v1=0f3a…
///       ^             ^                    ^
///       |             `--------------------`-- candidates: 64 hex digits each
///       `-- timestamp_text: the MAC covers it as it was received; it points into the parsed text
struct signature_header {
    static constexpr std::size_t max_bytes = 4096;
    static constexpr std::size_t max_candidates = 16;
    static constexpr std::size_t max_timestamp_digits = 12;

    std::string_view timestamp_text;
    std::chrono::sys_seconds timestamp;                ///< the same as a time: 0 to 999,999,999,999 s
    std::array<mac_bytes, max_candidates> candidates;  ///< only the first `candidate_count` are set
    std::size_t candidate_count;

    /// Parses a header of this grammar. OWS is any number of spaces and tabs.
    ///
    ///     header  = OWS item *( OWS "," OWS item ) OWS      at most 4096 bytes
    ///     item    = key "=" value
    ///     key     = 1*( A-Z a-z 0-9 _ - )
    ///     value   = *( any byte 0x21 to 0x7E except "," )
    ///
    /// with exactly one `t` (1 to 12 digits without a leading zero) and at most 16 `v1` (64 hex digits each). Other
    /// keys are ignored. Fails with `missing_signature` (nothing but OWS), `malformed_signature`, or
    /// `unsupported_scheme` (well-formed, but no `v1`).
    [[nodiscard]] static result<signature_header> parse(std::string_view text) noexcept;

    signature_header() noexcept : candidate_count(0) {}  // the candidates stay uninitialised
};

}  // namespace puck
