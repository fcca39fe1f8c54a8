#include "puck/verified.hpp"

#include <limits>

namespace puck {

std::int64_t authenticity::skew(std::int64_t now) const noexcept {
    using limits = std::numeric_limits<std::int64_t>;
    if (timestamp >= 0 && now < limits::min() + timestamp) return limits::min();
    if (timestamp < 0 && now > limits::max() + timestamp) return limits::max();
    return now - timestamp;
}

}  // namespace puck
