// The proof that a body is genuine.
#pragma once

#include "puck/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace puck {

/// What is known about a delivery once one of the secrets has matched.
struct authenticity {
    std::int64_t timestamp;          ///< Unix seconds at which Puck signed
    std::size_t secret_index;        ///< which secret of the ring matched, from 0
    fingerprint secret_fingerprint;  ///< that secret's fingerprint: when an old one is not seen any more, remove it

    /// How long before `now` Puck signed, in seconds; negative if after. Held at the ends of the range of its type.
    [[nodiscard]] std::int64_t skew(std::int64_t now) const noexcept;
};

/// A body that Puck has signed. Only a verifier can make one, so code that asks for it cannot be given anything else.
/// It borrows the body: use it while those bytes stay where they are.
class verified : public authenticity {
public:
    [[nodiscard]] std::string_view body() const noexcept { return body_; }

private:
    friend class verifier;
    verified(const authenticity& proof, std::string_view body) noexcept : authenticity(proof), body_(body) {}

    std::string_view body_;
};

}  // namespace puck
