// The dedupe store: which events were handled, and which are being handled now.
#pragma once

#include "puck/result.hpp"
#include "puck/uuid.hpp"

#include <cstdint>

namespace puck {

/// The right to handle one event, until its lease is over.
struct claimed {
    uuid event_id;
    std::uint64_t token;  ///< differs from claim to claim, so that a late worker cannot settle a younger claim
};

/// Remembers events. The built-in one is `lru_dedupe`; derive from this for one that several processes share.
///
///     absent --claim--> in progress(token, lease) --commit(token)--> done(ttl) --ttl or LRU--> absent
///                       in progress --release(token)--> absent
///                       in progress, lease over --claim--> in progress(new token)
///
/// An event counts as seen only when it is committed, which happens after its handler succeeded. All three calls come
/// from any number of threads at once, and may block. One that throws is taken for `store_unavailable`.
class dedupe_store {
public:
    dedupe_store() = default;
    dedupe_store(const dedupe_store&) = delete;
    dedupe_store& operator=(const dedupe_store&) = delete;
    virtual ~dedupe_store() = default;

    /// Takes the event, atomically: of all who claim one id, exactly one wins. Fails with `duplicate` (it is done),
    /// `in_progress` (another worker holds it), `store_unavailable` or `store_full`.
    [[nodiscard]] virtual result<claimed> claim(const uuid& event_id) = 0;

    /// Marks the event as done. `ok`, `claim_lost` (the claim was settled before, or passed to another worker) or
    /// `store_unavailable`. A lease that is over loses the claim only when another worker has taken it since.
    [[nodiscard]] virtual reason commit(const claimed& claim) = 0;

    /// Gives the event back, for Puck's next attempt. Answers as `commit` does.
    [[nodiscard]] virtual reason release(const claimed& claim) = 0;
};

}  // namespace puck
