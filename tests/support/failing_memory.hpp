// Makes allocations fail.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstddef>

namespace support {

enum class failing { once, from_there_on };
inline constexpr std::array both_ways{failing::once, failing::from_there_on};

/// Decides which allocations of one thread fail. By default none fails.
class allocation_limit {
public:
    /// Lets the next `count` allocations succeed. After them one fails, or all fail.
    void allow(std::size_t count, failing how) noexcept {
        allowed_ = count;
        how_ = how;
        has_failed_ = false;
    }
    void allow_all() noexcept { allowed_ = no_limit; }

    /// Whether an allocation has failed since `allow`.
    [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
    [[nodiscard]] bool takes_one() noexcept {
        const bool fails = allowed_ == 0 && !(has_failed_ && how_ == failing::once);
        has_failed_ = has_failed_ || fails;
        if (allowed_ != 0) --allowed_;
        return !fails;
    }

private:
    static constexpr auto no_limit = static_cast<std::size_t>(-1);

    std::size_t allowed_ = no_limit;
    failing how_ = failing::from_there_on;
    bool has_failed_ = false;
};

/// Repeats a call. In each repetition another allocation fails, from the first one to the last. The call must return
/// `expected`, or `ok` if it did not need that allocation. Returns the number of allocations.
template <class Call, class Reason>
std::size_t fail_each_allocation(allocation_limit& limit, failing how, Call call, Reason expected, Reason ok) {
    for (std::size_t count = 0;; ++count) {
        limit.allow(count, how);
        const Reason why = call();
        limit.allow_all();
        const bool failed = limit.has_failed();
        CHECK((why == ok || (failed && why == expected)));
        REQUIRE(count < 1000);
        if (!failed) return count;
    }
}

}  // namespace support
