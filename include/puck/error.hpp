// A failure: its reason, and a sentence that says exactly what is wrong.
#pragma once

#include "puck/reason.hpp"

#include <cstddef>
#include <string_view>

namespace puck {

/// The failure that a call returns instead of a value.
///
/// The sentence can only be a string literal, so no byte of a secret, a MAC or a body can get into an error. It has no
/// quotes and no backslashes, so it can be written into JSON as it is. The compiler checks both.
class error {
public:
    /// A failure whose sentence is the message of its reason. `reason::ok` is not a failure, so it becomes `internal`.
    constexpr error(puck::reason why) noexcept : reason_(why == puck::reason::ok ? puck::reason::internal : why) {}

    /// A failure with a sentence of its own, which must be a string literal.
    template <std::size_t N>
    consteval error(puck::reason why, const char (&detail)[N]) : error(why) {
        detail_ = std::string_view(detail, N - 1);
        for (const char c : detail_)
            if (c < ' ' || c > '~' || c == '"' || c == '\\') throw "a detail is plain ASCII";
    }

    [[nodiscard]] constexpr puck::reason reason() const noexcept { return reason_; }

    /// A sentence for a person: what is wrong, and what to do. It is never empty, and it is zero-terminated.
    [[nodiscard]] std::string_view detail() const noexcept { return detail_.empty() ? message(reason_) : detail_; }

    /// See the functions of the same names in reason.hpp.
    [[nodiscard]] int http_status() const noexcept { return puck::http_status(reason_); }
    [[nodiscard]] bool retryable() const noexcept { return puck::retryable(reason_); }

private:
    puck::reason reason_;
    std::string_view detail_;
};

}  // namespace puck
