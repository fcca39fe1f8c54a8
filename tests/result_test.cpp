#include <puck/result.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <type_traits>

using puck::error;
using puck::reason;
using puck::result;
using puck::unexpected;

TEST_CASE("a result cannot be made without a value or an error") {
    static_assert(!std::is_default_constructible_v<result<int>>);
    static_assert(!std::is_convertible_v<result<int>, bool>);
    static_assert(std::is_convertible_v<const int&, result<int>>);
    static_assert(!std::is_convertible_v<const std::unique_ptr<int>&, result<std::unique_ptr<int>>>);
}

TEST_CASE("a result with a value") {
    result<std::string> given = std::string("yes");
    REQUIRE(given.has_value());
    CHECK(static_cast<bool>(given));
    CHECK(*given == "yes");
    CHECK(given->size() == 3);
    CHECK(given.value() == "yes");
}

TEST_CASE("a result with an error") {
    const result<std::string> given = unexpected{error(reason::store_full, "No room.")};
    REQUIRE_FALSE(given.has_value());
    CHECK(given.error().reason() == reason::store_full);
    CHECK(given.error().detail() == "No room.");
}

TEST_CASE("value() of an error throws an exception with its sentence") {
    result<int> given = unexpected{error(reason::store_full, "No room.")};
    try {
        (void)given.value();
        FAIL("no exception");
    } catch (const puck::bad_result_access& thrown) {
        CHECK(std::string(thrown.what()) == "No room.");
        CHECK(thrown.error().reason() == reason::store_full);
    }
}

TEST_CASE("value() of a temporary result throws too") {
    CHECK_THROWS_AS((void)result<int>(unexpected{error(reason::store_full)}).value(), puck::bad_result_access);
}

TEST_CASE("a value that can only be moved is moved out") {
    result<std::unique_ptr<int>> given = std::make_unique<int>(7);
    const std::unique_ptr<int> taken = std::move(given).value();
    CHECK(*taken == 7);
    result<std::unique_ptr<int>> other = std::make_unique<int>(8);
    CHECK(*std::unique_ptr<int>(*std::move(other)) == 8);
}
