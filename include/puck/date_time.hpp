// An RFC 3339 date-time, as in the envelope's emitted_at.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace puck {

/// A moment between the years 0000 and 9999, to the nanosecond.
struct date_time {
    std::chrono::sys_seconds seconds;      ///< Unix time, rounded down; a leap second counts as the second after it
    std::chrono::nanoseconds nanoseconds;  ///< 0 to 999,999,999 after `seconds`

    /// Parses a date-time of RFC 3339, section 5.6. The text must contain nothing else.
    ///
    ///     2026-05-03T14:22:01.250+02:00
    ///     ^date      ^time    ^    ^zone: Z or an offset, required
    ///                         `-- 1 or more digits; the first 9 are kept
    ///
    /// T and Z may be in lower case. The calendar is checked, for the years 0000 to 9999. `:60` is accepted only where
    /// a leap second can occur: at 23:59:60 in UTC.
    [[nodiscard]] static std::optional<date_time> parse(std::string_view text) noexcept;

    friend bool operator==(const date_time&, const date_time&) = default;
};

}  // namespace puck
