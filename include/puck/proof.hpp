// The proof that Puck signed a body.
#pragma once

#include "puck/secret.hpp"

#include <chrono>
#include <cstddef>

namespace puck {

/// What is known about a delivery after one of the secrets has matched.
struct proof {
    std::chrono::sys_seconds timestamp;  ///< when Puck signed the delivery
    /// `received_at` minus `timestamp`; negative if the timestamp is later. Saturates at the limits of its type.
    std::chrono::seconds skew_seconds;
    std::size_t secret_index;        ///< which secret of the ring matched, from 0
    fingerprint secret_fingerprint;  ///< the secret's fingerprint; shows when an old secret is no longer used
};

}  // namespace puck
