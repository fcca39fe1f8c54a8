#include <puck/date_time.hpp>

#include <doctest/doctest.h>

#include <string>

using puck::date_time;

namespace {

struct good {
    const char* text;
    std::int64_t seconds;
    std::int32_t nanoseconds;
};

// The seconds were computed with Python: datetime.fromisoformat(text).timestamp().
constexpr good accepted[] = {
    {"1970-01-01T00:00:00Z", 0, 0},
    {"2026-05-03T14:22:01Z", 1777818121, 0},
    {"2026-05-03t14:22:01z", 1777818121, 0},
    {"2026-05-03T14:22:01+00:00", 1777818121, 0},
    {"2026-05-03T14:22:01-00:00", 1777818121, 0},
    {"2026-05-03T16:22:01+02:00", 1777818121, 0},
    {"2026-05-03T06:22:01-08:00", 1777818121, 0},
    {"2026-05-04T14:21:01+23:59", 1777818121, 0},
    {"2024-02-29T12:00:00Z", 1709208000, 0},
    {"2000-02-29T00:00:00Z", 951782400, 0},
    {"1969-12-31T23:59:59Z", -1, 0},
    {"0000-01-01T00:00:00Z", -62167219200, 0},  // 366 days before 0001-01-01, Python's first day
    {"0001-01-01T00:00:00Z", -62135596800, 0},
    {"9999-12-31T23:59:59Z", 253402300799, 0},
    {"2026-05-03T14:22:01.5Z", 1777818121, 500'000'000},
    {"2026-05-03T14:22:01.123456789Z", 1777818121, 123'456'789},
    {"2026-05-03T14:22:01.1234567891Z", 1777818121, 123'456'789},
    {"2026-05-03T14:22:01.999999999999999Z", 1777818121, 999'999'999},
    {"2026-05-03T14:22:01.000000001Z", 1777818121, 1},
    {"1969-12-31T23:59:59.5Z", -1, 500'000'000},
    // A leap second counts as the second after it.
    {"2016-12-31T23:59:60Z", 1483228800, 0},
    {"2016-12-31T23:59:60.25Z", 1483228800, 250'000'000},
    {"1969-12-31T23:59:60Z", 0, 0},
    {"1960-12-31T22:59:60-01:00", -283996800, 0},
    {"2016-12-31T15:59:60-08:00", 1483228800, 0},
    {"2017-01-01T05:29:60+05:30", 1483228800, 0},
};

constexpr const char* refused[] = {
    "",
    "2026",
    "2026-05-03",
    "2026-05-03T14:22:01",
    "2026-05-03 14:22:01Z",
    "2026-05-03T14:22Z",
    "2026-05-03T14:22:01+01",
    "2026-05-03T14:22:01+0100",
    "2026-05-03T14:22:01+24:00",
    "2026-05-03T14:22:01+10:60",
    "2026-05-03T14:22:01+1:00",
    "2026-05-03T14:22:01 Z",
    "2026-05-03T14:22:01Z\n",
    " 2026-05-03T14:22:01Z",
    "2026-05-03T14:22:01ZZ",
    "2026-13-03T14:22:01Z",
    "2026-00-03T14:22:01Z",
    "2026-05-32T14:22:01Z",
    "2026-05-00T14:22:01Z",
    "2026-02-30T14:22:01Z",
    "2026-04-31T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2026-05-03T24:00:00Z",
    "2026-05-03T14:60:01Z",
    "2026-05-03T14:22:61Z",
    "2026-05-03T12:00:60Z",
    "2026-05-03T23:59:60-08:00",
    "2026-05-03T14:22:01.",
    "2026-05-03T14:22:01.Z",
    "2026-05-03T14:22:01,5Z",
    "2026-05-03T14:22:01.5",
    "10000-01-01T00:00:00Z",
    "+2026-05-03T14:22:01Z",
    "-026-05-03T14:22:01Z",
    "2026-5-03T14:22:01Z",
    "2026/05/03T14:22:01Z",
    "20260503T142201Z",
    "2026-05-03T14:22:01UTC",
    "\xD9\xA2\xD9\xA0\xD9\xA2\xD9\xA6-05-03T14:22:01Z",
    "2026-05-03T14:22:0\xEF\xBC\x91Z",
};

}  // namespace

TEST_CASE("date-times of RFC 3339 become seconds and nanoseconds") {
    for (const good& each : accepted) {
        CAPTURE(each.text);
        const auto parsed = date_time::parse(each.text);
        REQUIRE(parsed);
        CHECK(parsed->seconds.time_since_epoch().count() == each.seconds);
        CHECK(parsed->nanoseconds.count() == each.nanoseconds);
    }
}

TEST_CASE("text that is not a date-time with a zone is refused") {
    for (const char* text : refused) {
        CAPTURE(text);
        CHECK_FALSE(date_time::parse(text));
    }
}

TEST_CASE("a date-time that is cut off, or has a zero byte, is refused") {
    const std::string text = "2026-05-03T14:22:01.25+02:00";
    REQUIRE(date_time::parse(text));
    for (std::size_t size = 0; size < text.size(); ++size) {
        CHECK_FALSE(date_time::parse(text.substr(0, size)));
        std::string changed = text;
        changed[size] = '\0';
        CHECK_FALSE(date_time::parse(changed));
    }
}

TEST_CASE("a fraction may have any number of digits") {
    const auto parsed = date_time::parse("2026-05-03T14:22:01." + std::string(100'000, '9') + "Z");
    REQUIRE(parsed);
    CHECK(parsed->nanoseconds.count() == 999'999'999);
}

TEST_CASE("the days of 400 years follow each other without a gap") {
    std::int64_t expected = date_time::parse("1800-01-01T00:00:00Z")->seconds.time_since_epoch().count();
    CHECK(expected == -5364662400);
    char text[32];
    for (int year = 1800; year < 2200; ++year)
        for (int month = 1; month <= 12; ++month)
            for (int day = 1; day <= 31; ++day) {
                std::snprintf(text, sizeof text, "%04d-%02d-%02dT00:00:00Z", year, month, day);
                const auto parsed = date_time::parse(text);
                if (!parsed) continue;
                CHECK(parsed->seconds.time_since_epoch().count() == expected);
                expected += 86'400;
            }
    CHECK(expected == date_time::parse("2200-01-01T00:00:00Z")->seconds.time_since_epoch().count());
}
