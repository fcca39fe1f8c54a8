#include <puck/clock.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("the clocks agree with those of the standard library within a second") {
    const auto unix_before = std::chrono::system_clock::now().time_since_epoch() - 1s;
    const auto steady_before = std::chrono::steady_clock::now().time_since_epoch() - 1s;
    const std::chrono::seconds unix_time = puck::unix_now().time_since_epoch();
    const std::chrono::nanoseconds steady_time = puck::steady_now();
    CHECK(unix_time >= unix_before);
    CHECK(unix_time <= std::chrono::system_clock::now().time_since_epoch());
    CHECK(steady_time >= steady_before);
    CHECK(steady_time <= std::chrono::steady_clock::now().time_since_epoch());
}
