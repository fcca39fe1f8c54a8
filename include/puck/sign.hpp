// Makes signature headers, for tests and tools. Real deliveries are signed by Puck.
#pragma once

#include "puck/result.hpp"
#include "puck/secret.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace puck {

/// Returns the value of X-Puck-Signature for a body, with one `v1` for each secret. Fails with `invalid_argument` if
/// the timestamp is not within 0 to 999,999,999,999 Unix seconds.
[[nodiscard]] result<std::string> sign(const secret_ring& secrets, std::string_view body,
                                       std::chrono::sys_seconds timestamp) noexcept;

}  // namespace puck
