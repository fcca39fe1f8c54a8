#include "puck/date_time.hpp"

#include "text.hpp"

#include <chrono>

namespace puck {
namespace {

using detail::is_digit;

constexpr std::int64_t minutes_per_day = 1440;

// Reads a date-time from left to right. After the first failure every further read fails too, so the grammar below
// needs only one check, at its end.
class reader {
public:
    explicit reader(std::string_view text) noexcept : rest_(text) {}

    /// Reads exactly `count` digits, whose value must be in [low, high].
    int number(std::size_t count, int low, int high) noexcept {
        if (rest_.size() < count) return fail();
        int value = 0;
        for (const char c : rest_.substr(0, count)) {
            if (!is_digit(c)) return fail();
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(count);
        return low <= value && value <= high ? value : fail();
    }

    /// Reads one character, which must be in `allowed`.
    char one_of(std::string_view allowed) noexcept {
        if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) return static_cast<char>(fail());
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    /// Reads a fraction, a dot and digits, if there is one. Returns it in nanoseconds.
    std::int32_t fraction() noexcept {
        if (rest_.empty() || rest_.front() != '.') return 0;
        rest_.remove_prefix(1);
        if (rest_.empty() || !is_digit(rest_.front())) return fail();
        std::int32_t nanoseconds = 0;
        std::int32_t unit = 100'000'000;
        for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), unit /= 10)
            nanoseconds += (rest_.front() - '0') * unit;
        return nanoseconds;
    }

    [[nodiscard]] bool read_everything() const noexcept { return !failed_ && rest_.empty(); }

private:
    int fail() noexcept {
        failed_ = true;
        rest_ = {};
        return 0;
    }

    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace

std::optional<date_time> date_time::parse(std::string_view text) noexcept {
    reader in(text);
    const int year = in.number(4, 0, 9999);
    in.one_of("-");
    const int month = in.number(2, 1, 12);
    in.one_of("-");
    const int day = in.number(2, 1, 31);
    in.one_of("Tt");
    const int hour = in.number(2, 0, 23);
    in.one_of(":");
    const int minute = in.number(2, 0, 59);
    in.one_of(":");
    const int second = in.number(2, 0, 60);
    const std::int32_t nanoseconds = in.fraction();
    int offset = 0;  // minutes east of UTC
    if (const char zone = in.one_of("Zz+-"); zone == '+' || zone == '-') {
        offset = 60 * in.number(2, 0, 23);
        in.one_of(":");
        offset += in.number(2, 0, 59);
        if (zone == '-') offset = -offset;
    }
    if (!in.read_everything()) return std::nullopt;

    namespace chr = std::chrono;
    const chr::year_month_day date{chr::year{year}, chr::month{static_cast<unsigned>(month)},
                                   chr::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return std::nullopt;

    const std::int64_t days = chr::sys_days{date}.time_since_epoch().count();
    const std::int64_t minutes = days * minutes_per_day + (hour * 60 + minute - offset);
    const std::int64_t minute_of_day = (minutes % minutes_per_day + minutes_per_day) % minutes_per_day;
    if (second == 60 && minute_of_day != minutes_per_day - 1) return std::nullopt;
    return date_time{chr::sys_seconds(chr::seconds(minutes * 60 + second)), chr::nanoseconds(nanoseconds)};
}

}  // namespace puck
