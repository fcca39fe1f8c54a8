// The dedupe store: which events were handled, and which are being handled now.
#pragma once

#include "puck/result.hpp"
#include "puck/uuid.hpp"

#include <chrono>
#include <cstdint>

namespace puck {

/// The right to handle one event, until its lease ends.
struct claim {
    uuid id;              ///< the event's id
    std::uint64_t token;  ///< 1 to 2^63 - 1, different for each claim: a late worker cannot settle a newer claim
};

/// Remembers events. The built-in store is `lru_dedupe`. Derive from this class to make a store that several processes
/// share.
///
///     absent --claim--> in progress(token, lease) --commit(token)--> done(token, ttl) --ttl or LRU--> absent
///                       in progress(token, lease) --release(token)--> absent
///                       in progress, lease over --claim--> in progress(new token)
///
/// An event counts as seen only after its commit, which comes after its handler has succeeded. The functions may block.
/// Any number of threads may call them at the same time, so a derived class must be safe for threads.
///
/// The public functions never throw, and return only the answers that are listed. Any other answer of a derived class,
/// a claim on another event or with a token out of range, and any exception become `store_unavailable`.
class dedupe_store {
public:
    dedupe_store() = default;
    dedupe_store(const dedupe_store&) = delete;
    dedupe_store& operator=(const dedupe_store&) = delete;
    virtual ~dedupe_store() = default;

    /// Claims the event atomically: of all callers that claim one id, exactly one wins. Fails with `duplicate` (the
    /// event is done), `in_progress` (another worker holds it), `store_full` or `store_unavailable`.
    [[nodiscard]] result<puck::claim> claim(const uuid& id) noexcept;

    /// Marks the event as done. Returns `ok`; `claim_lost` if another token holds or has settled the event, or if no
    /// claim can have this token; or `store_unavailable`. A repeated commit returns `ok` again. So does a commit that
    /// finds no entry, because the handler did succeed.
    [[nodiscard]] reason commit(const puck::claim& held) noexcept;

    /// Gives the event back, so that Puck's next attempt is handled. Returns `ok`, also if it finds no entry;
    /// `claim_lost` if the event is done or another token holds it, and then changes nothing; or `store_unavailable`.
    [[nodiscard]] reason release(const puck::claim& held) noexcept;

    /// How long a committed event is remembered: at least twice the receiver's tolerance.
    [[nodiscard]] virtual std::chrono::seconds ttl() const noexcept = 0;

private:
    /// Returns `puck::claim{id, token}` with a new token, or `unexpected{error(reason::duplicate)}` and the like. A
    /// claim must have a lease that ends, or the event of a worker that died is lost.
    virtual result<puck::claim> do_claim(const uuid& id) = 0;

    /// Each of them may be repeated with the same claim, and then gives the same answer.
    virtual reason do_commit(const puck::claim& held) = 0;
    virtual reason do_release(const puck::claim& held) = 0;
};

/// Filters a store's answer to a claim. `ok`, `duplicate`, `in_progress` and `store_full` pass; any other answer
/// becomes `store_unavailable`. (`claim_lost` would answer Puck with 200 for an event that nobody handles.)
[[nodiscard]] reason claim_answer(reason answered) noexcept;

/// Filters a store's answer to a commit or a release. `ok` and `claim_lost` pass; any other answer becomes
/// `store_unavailable`.
[[nodiscard]] reason settle_answer(reason answered) noexcept;

}  // namespace puck
