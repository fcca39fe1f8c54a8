// An RFC 3339 date-time, as in the envelope's emitted_at.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace puck {

/// A moment, counted from 1970-01-01T00:00:00Z.
struct date_time {
    std::int64_t seconds;      ///< Unix time; negative before 1970; a leap second counts as the second after it
    std::int32_t nanoseconds;  ///< 0 to 999,999,999, always forward from `seconds`

    /// Reads RFC 3339 section 5.6, nothing around it.
    ///
    ///     2026-05-03T14:22:01.250+02:00
    ///     ^date      ^time    ^    ^zone: Z or an offset, required
    ///                         `-- 1 or more digits, of which 9 are kept
    ///
    /// T and Z may be in lower case. The calendar is checked (years 0000 to 9999), and `:60` is read only
    /// where a leap second can be: at 23:59:60 in UTC.
    [[nodiscard]] static std::optional<date_time> parse(std::string_view text) noexcept;

    friend bool operator==(const date_time&, const date_time&) = default;
};

}  // namespace puck
