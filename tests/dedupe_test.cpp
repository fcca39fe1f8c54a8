#include <puck/dedupe.hpp>

#include "support/stores.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <stdexcept>

using puck::reason;
using support::scripted_store;

namespace {

constexpr std::array all_reasons{
    reason::ok,
    reason::missing_signature,
    reason::malformed_signature,
    reason::unsupported_scheme,
    reason::signature_mismatch,
    reason::timestamp_too_old,
    reason::timestamp_too_new,
    reason::payload_too_large,
    reason::invalid_json,
    reason::duplicate_key,
    reason::missing_field,
    reason::wrong_type,
    reason::invalid_event_id,
    reason::invalid_event_type,
    reason::invalid_emitted_at,
    reason::unsupported_api_version,
    reason::header_mismatch,
    reason::duplicate,
    reason::in_progress,
    reason::invalid_argument,
    reason::out_of_memory,
    reason::crypto_failure,
    reason::store_unavailable,
    reason::store_full,
    reason::claim_lost,
    reason::internal,
    static_cast<reason>(7),
};

reason why_not(const puck::result<puck::claim>& claim) { return claim ? reason::ok : claim.error().reason(); }

}  // namespace

TEST_CASE("a claim returns only the answers of the contract, whatever the store does") {
    scripted_store store;
    puck::dedupe_store& asked = store;
    CHECK(why_not(asked.claim({})) == reason::ok);
    for (const reason answer : all_reasons) {
        store.on_claim = [=](const puck::uuid&) -> puck::result<puck::claim> {
            return puck::unexpected{puck::error(answer)};
        };
        const bool counts =
            answer == reason::duplicate || answer == reason::in_progress || answer == reason::store_full;
        CHECK(why_not(asked.claim({})) == (counts ? answer : reason::store_unavailable));
        const bool is_granted = answer == reason::ok;
        CHECK(puck::claim_answer(answer) == (counts || is_granted ? answer : reason::store_unavailable));
    }
    store.on_claim = [](const puck::uuid&) -> puck::result<puck::claim> { throw std::runtime_error("down"); };
    CHECK(why_not(asked.claim({})) == reason::store_unavailable);
    store.on_claim = [](const puck::uuid&) -> puck::result<puck::claim> { throw 7; };
    CHECK(why_not(asked.claim({})) == reason::store_unavailable);
}

TEST_CASE("a claim is on the event that was asked for, and its token is 1 to 2^63 - 1") {
    scripted_store store;
    puck::dedupe_store& asked = store;
    const puck::uuid event{{1}};
    constexpr std::uint64_t bit_63 = std::uint64_t{1} << 63;
    for (const std::uint64_t token : {std::uint64_t{0}, bit_63, bit_63 | 7, UINT64_MAX}) {
        store.on_claim = [=](const puck::uuid& id) { return puck::claim{id, token}; };
        CHECK(why_not(asked.claim(event)) == reason::store_unavailable);
        CHECK(asked.commit({event, token}) == reason::claim_lost);
        CHECK(asked.release({event, token}) == reason::claim_lost);
    }
    for (const std::uint64_t token : {std::uint64_t{1}, bit_63 - 1}) {
        store.on_claim = [=](const puck::uuid& id) { return puck::claim{id, token}; };
        CHECK(asked.claim(event)->token == token);
        CHECK(asked.commit({event, token}) == reason::ok);
        CHECK(asked.release({event, token}) == reason::ok);
    }
    CHECK(store.commits == 2);
    CHECK(store.releases == 2);
    store.on_claim = [](const puck::uuid&) { return puck::claim{{{2}}, 7}; };
    CHECK(why_not(asked.claim(event)) == reason::store_unavailable);
}

TEST_CASE("the sentence of a store's error is kept") {
    scripted_store store;
    puck::dedupe_store& asked = store;
    for (const auto failure : {puck::error(reason::store_unavailable, "The table is missing."),
                               puck::error(reason::store_full, "Every slot is taken.")}) {
        store.on_claim = [=](const puck::uuid&) -> puck::result<puck::claim> { return puck::unexpected{failure}; };
        CHECK(asked.claim({}).error().detail() == failure.detail());
    }
}

TEST_CASE("a commit and a release return only the answers of the contract, whatever the store does") {
    scripted_store store;
    puck::dedupe_store& asked = store;
    for (const reason answer : all_reasons) {
        store.on_commit = store.on_release = [=] { return answer; };
        const bool counts = answer == reason::ok || answer == reason::claim_lost;
        CHECK(puck::settle_answer(answer) == (counts ? answer : reason::store_unavailable));
        CHECK(asked.commit({{}, 7}) == (counts ? answer : reason::store_unavailable));
        CHECK(asked.release({{}, 7}) == (counts ? answer : reason::store_unavailable));
    }
    store.on_commit = store.on_release = []() -> reason { throw std::runtime_error("down"); };
    CHECK(asked.commit({{}, 7}) == reason::store_unavailable);
    CHECK(asked.release({{}, 7}) == reason::store_unavailable);
}
