// One failure: its reason, and a sentence that says what exactly is wrong.
#pragma once

#include "puck/reason.hpp"

#include <cstddef>
#include <string_view>

namespace puck {

/// What a call answers instead of a value.
///
/// The sentence can only be a literal, without quotes or backslashes: no byte of a secret, a MAC or a body can get into
/// an error, and it can be put into JSON as it is. The compiler sees to both.
class error {
public:
    /// A failure that needs no more words than its reason's own. `reason::ok` is no failure and reads as `internal`.
    constexpr error(reason why) noexcept : why_(why == reason::ok ? reason::internal : why) {}

    /// A failure with a more exact sentence, which must be a string literal.
    template <std::size_t N>
    consteval error(reason why, const char (&detail)[N]) : error(why) {
        detail_ = std::string_view(detail, N - 1);
        for (const char c : detail_)
            if (c < ' ' || c > '~' || c == '"' || c == '\\') throw "a detail is plain ASCII";
    }

    [[nodiscard]] constexpr reason why() const noexcept { return why_; }

    /// A sentence for a person, never empty and zero-terminated: what is wrong, and what to do.
    [[nodiscard]] std::string_view detail() const noexcept { return detail_.empty() ? message(why_) : detail_; }

    /// See the functions of the same names in reason.hpp.
    [[nodiscard]] int http_status() const noexcept { return puck::http_status(why_); }
    [[nodiscard]] bool retryable() const noexcept { return puck::retryable(why_); }

private:
    reason why_;
    std::string_view detail_;
};

}  // namespace puck
