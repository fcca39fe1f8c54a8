// The facade: a request goes in, a delivery comes out, or the reason why not.
#pragma once

#include "puck/dedupe.hpp"
#include "puck/envelope.hpp"
#include "puck/result.hpp"
#include "puck/verified.hpp"
#include "puck/verifier.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace puck {

/// One line of a request's header. Names are compared without regard to case.
struct header {
    std::string_view name;
    std::string_view value;
};

/// One request as it arrived. Everything is borrowed for the time of the call.
struct request {
    /// All headers, those that occur twice included: a doubled signature must be seen to be refused.
    std::span<const header> headers;
    /// The raw bytes from the wire. JSON that was parsed and written again has another signature.
    std::string_view body;
    /// When it arrived, in Unix seconds: `puck::unix_now()`, or for one that waited in a queue the time it got there.
    std::int64_t received_at;
};

/// Why a request did not become a delivery, and what was known about it by then.
struct rejection : error {
    explicit rejection(const error& why, std::optional<puck::authenticity> proof = {},
                       std::optional<puck::event> parsed = {}) noexcept
        : error(why), authenticity(proof), event(std::move(parsed)) {}

    std::optional<puck::authenticity> authenticity;  ///< set once the signature has matched
    std::optional<puck::event> event;                ///< set once the envelope was parsed
};

/// A genuine, fresh and new event, and the right to handle it. Unless it is committed, dropping it releases the event
/// for Puck's next attempt: on an early return, on an exception, or when it was forgotten.
class delivery {
public:
    delivery(delivery&& other) noexcept;
    delivery& operator=(delivery&& other) noexcept;
    ~delivery();

    [[nodiscard]] const puck::event& event() const noexcept { return event_; }
    [[nodiscard]] const puck::authenticity& authenticity() const noexcept { return authenticity_; }

    /// Says that the event was handled; answer Puck with the status of what this returns. `ok`; `claim_lost`, when the
    /// lease was over and another worker took the event; or `store_unavailable`, after which it may be tried again.
    /// A second call, or one after `release`, is `claim_lost`.
    [[nodiscard]] reason commit() noexcept;

    /// Gives the event back before the end of the scope. Answers as `commit` does.
    reason release() noexcept;

private:
    friend class receiver;
    delivery(const puck::authenticity& proof, puck::event&& event, std::shared_ptr<dedupe_store> store,
             const claimed& claim) noexcept;
    reason settle(reason (dedupe_store::*how)(const claimed&)) noexcept;

    puck::authenticity authenticity_;
    puck::event event_;
    std::shared_ptr<dedupe_store> store_;  // null once the claim is settled
    claimed claim_;
};

/// Judges requests. Any number of threads may use one.
class receiver {
public:
    /// The store may be shared with other receivers, and is kept alive by the receiver and its deliveries.
    receiver(puck::verifier verifier, std::shared_ptr<dedupe_store> store) noexcept;

    /// Judges one request, in this order, and stops at the first no:
    ///
    ///     size -> signature header -> HMAC -> window -> envelope -> unsigned headers -> claim
    ///
    /// X-Puck-Signature may occur once. X-Puck-Event-Id and X-Puck-Event-Type may be absent; each that is there must say
    /// what the envelope says.
    ///
    /// The JSON parser never sees bytes that are not authentic, and the store never sees an id that is not. Any request
    /// whatever is answered with a delivery or one of the reasons. Allocates the event's bytes and nothing else.
    [[nodiscard]] result<delivery, rejection> receive(const request& request) const noexcept;

private:
    puck::verifier verifier_;
    std::shared_ptr<dedupe_store> store_;
};

}  // namespace puck
