#include <puck/sign.hpp>

#include "support/deliveries.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using puck::reason;

TEST_CASE("sign makes the same header as Python's hmac") {
    int signed_cases = 0;
    for (const auto& each : support::cases("secrets.json")) {
        if (!each.at("expect").at("accepted").get<bool>()) continue;
        CAPTURE(each.at("id"));
        std::vector<puck::secret> secrets;
        for (const auto& text : each.at("secrets")) secrets.push_back(puck::secret::make(support::bytes(text)).value());
        const auto ring = puck::secret_ring::make(std::move(secrets)).value();
        const auto header = puck::sign(ring, support::body(each.at("body")),
                                       support::unix_time(each.at("timestamp").get<std::int64_t>()));
        REQUIRE(header);
        CHECK(*header == each.at("header").get<std::string>());
        ++signed_cases;
    }
    CHECK(signed_cases > 5);
}

TEST_CASE("sign refuses a timestamp that does not fit into a header") {
    for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{1'000'000'000'000}, INT64_MIN, INT64_MAX})
        CHECK(puck::sign(support::ring(), "", support::unix_time(bad)).error().reason() == reason::invalid_argument);
    CHECK(puck::sign(support::ring(), "", support::unix_time(0))->starts_with("t=0,v1="));
    CHECK(puck::sign(support::ring(), "", support::unix_time(999'999'999'999))->starts_with("t=999999999999,v1="));
}
