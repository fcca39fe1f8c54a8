// The error of `verify` and `receive`.
#pragma once

#include "puck/envelope.hpp"
#include "puck/error.hpp"
#include "puck/proof.hpp"

#include <optional>
#include <utility>

namespace puck {

/// Why a delivery was not accepted, and what was already known about it.
struct rejection : error {
    explicit rejection(const error& failure, const std::optional<puck::proof>& known = {},
                       std::optional<puck::event> parsed = {}) noexcept
        : error(failure), proof(known), event(std::move(parsed)) {}

    std::optional<puck::proof> proof;  ///< set if the signature matched
    std::optional<puck::event> event;  ///< set if the envelope was parsed
};

}  // namespace puck
