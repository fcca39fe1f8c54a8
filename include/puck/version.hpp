// The version of the library. It is written only here.
#pragma once

#include <string_view>

namespace puck {

/// Semantic versioning, "major.minor.patch".
inline constexpr std::string_view version = "0.1.0";

}  // namespace puck
