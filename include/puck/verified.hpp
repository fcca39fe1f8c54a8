// A verified event, which `verify` returns.
#pragma once

#include "puck/envelope.hpp"
#include "puck/lifetime.hpp"
#include "puck/proof.hpp"

#include <utility>

namespace puck {

/// An event that is genuine, fresh and well formed, with its proof. It may have been handled before: only a dedupe
/// store can say that. Only a verifier can make one.
class verified {
public:
    [[nodiscard]] const puck::event& event() const& noexcept PUCK_LIFETIMEBOUND { return event_; }
    [[nodiscard]] puck::event event() && noexcept { return std::move(event_); }

    [[nodiscard]] const puck::proof& proof() const& noexcept PUCK_LIFETIMEBOUND { return proof_; }
    [[nodiscard]] puck::proof proof() && noexcept { return proof_; }

private:
    friend class verifier;
    verified(puck::event&& event, const puck::proof& proof) noexcept : event_(std::move(event)), proof_(proof) {}

    puck::event event_;
    puck::proof proof_;
};

}  // namespace puck
