// Date-times of RFC 3339, compared with a second parser, which counts the days year by year.
#include "support.hpp"

#include <optional>
#include <regex>

namespace {

int number(const std::string& text) { return text.empty() ? 0 : std::stoi(text); }

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int days_in(int month, int year) {
    constexpr std::array days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[static_cast<std::size_t>(month) - 1];
}

std::optional<puck::date_time> read(const std::string& text) {
    static const std::regex form(
        R"((\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2})))",
        std::regex::ECMAScript | std::regex::optimize);
    std::smatch part;
    if (!std::regex_match(text, part, form)) return std::nullopt;
    const int year = number(part[1]), month = number(part[2]), day = number(part[3]);
    const int hour = number(part[4]), minute = number(part[5]), second = number(part[6]);
    const int east_hours = number(part[9]), east_minutes = number(part[10]);
    if (month < 1 || month > 12 || day < 1 || day > days_in(month, year)) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 60 || east_hours > 23 || east_minutes > 59) return std::nullopt;

    std::int64_t days = day - 1;
    for (int m = 1; m < month; ++m) days += days_in(m, year);
    for (int y = 0; y < year; ++y) days += is_leap(y) ? 366 : 365;
    days -= 719'528;  // from 0000-01-01 to 1970-01-01
    const int offset = (east_hours * 60 + east_minutes) * (part[8] == "-" ? -1 : 1);
    const std::int64_t minutes = days * 1440 + hour * 60 + minute - offset;
    if (second == 60 && ((minutes + 1) % 1440 + 1440) % 1440 != 0) return std::nullopt;

    const std::string fraction = (part[7].str() + "000000000").substr(0, 9);
    return puck::date_time{std::chrono::sys_seconds(std::chrono::seconds(minutes * 60 + second)),
                           std::chrono::nanoseconds(number(fraction))};
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 2000) return 0;  // std::regex is recursive
    const std::string text(fuzz::text_of(data, size));
    fuzz::require(puck::date_time::parse(text) == read(text), "both parsers agree");
    return 0;
}
