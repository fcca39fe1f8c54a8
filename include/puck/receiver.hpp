// The receiver: a request becomes a delivery, or the reason why it is refused.
#pragma once

#include "puck/dedupe.hpp"
#include "puck/lifetime.hpp"
#include "puck/rejection.hpp"
#include "puck/request.hpp"
#include "puck/result.hpp"
#include "puck/secret.hpp"
#include "puck/verified.hpp"
#include "puck/verifier.hpp"

#include <chrono>
#include <cstddef>
#include <memory>

namespace puck {

/// A genuine, fresh and new event, and the right to handle it. If the delivery is not committed, its destructor
/// releases the event, so that Puck's next attempt is handled: after an early return, an exception, or a commit that
/// was forgotten.
class delivery {
public:
    delivery(delivery&& other) noexcept;
    delivery& operator=(delivery&& other) noexcept;
    ~delivery();

    [[nodiscard]] const puck::event& event() const& noexcept PUCK_LIFETIMEBOUND { return verified_.event(); }
    [[nodiscard]] const puck::event& event() const&& = delete;
    [[nodiscard]] const puck::proof& proof() const& noexcept PUCK_LIFETIMEBOUND { return verified_.proof(); }
    [[nodiscard]] puck::proof proof() const&& noexcept { return verified_.proof(); }

    /// Marks the event as handled. Answer Puck with the HTTP status of the result. Returns `ok`; `claim_lost` if the
    /// lease had ended and another worker took the event; `store_unavailable`, after which the commit may be repeated;
    /// or `invalid_argument` if the delivery was moved from. A repeated commit returns `ok` again.
    [[nodiscard]] reason commit() noexcept;

    /// Gives the event back before the destructor does. Returns what `commit` returns. After a commit it returns
    /// `claim_lost`, and changes nothing.
    reason release() noexcept;

private:
    friend class receiver;
    delivery(puck::verified&& verified, std::shared_ptr<dedupe_store> store, const puck::claim& held) noexcept;
    reason settle(reason (dedupe_store::*how)(const claim&) noexcept) noexcept;

    puck::verified verified_;
    std::shared_ptr<dedupe_store> store_;  // null after the delivery was moved from
    claim claim_;
    bool is_settled_ = false;
};

struct receiver_settings {
    std::chrono::seconds tolerance{300};   ///< as in `verifier_settings`
    std::size_t max_body = 1'048'576;      ///< as in `verifier_settings`
    std::shared_ptr<dedupe_store> dedupe;  ///< required; several receivers may share one store
};

/// Judges requests and claims their events. Any number of threads may use one receiver.
class receiver {
public:
    /// Fails with `invalid_argument` if `verifier::make` would, if there is no store, or if the store remembers events
    /// for less than twice the tolerance. A captured delivery stays fresh for that long, and could be handled a second
    /// time.
    [[nodiscard]] static result<receiver> make(secret_ring secrets, receiver_settings settings) noexcept;

    /// Judges one request as `verifier::verify` does, and then claims its event. So the store never sees an id that is
    /// not genuine. Fails with the reasons of `verify` and of `dedupe_store::claim`.
    [[nodiscard]] result<delivery, rejection> receive(const request& request) const noexcept;

private:
    receiver(puck::verifier verifier, std::shared_ptr<dedupe_store> store) noexcept;

    puck::verifier verifier_;
    std::shared_ptr<dedupe_store> store_;
};

}  // namespace puck
