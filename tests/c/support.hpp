// Shared by the tests of the C API: its handles with an owner, and its arguments from C++ ones.
#pragma once

#include "support/deliveries.hpp"

#include <doctest/doctest.h>
#include <puck/webhooks.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace c {

template <auto Free>
struct freed {
    template <class Handle>
    void operator()(Handle* gone) const noexcept {
        Free(gone);
    }
};
using verifier = std::unique_ptr<puck_verifier, freed<puck_verifier_free>>;
using dedupe = std::unique_ptr<puck_dedupe, freed<puck_dedupe_free>>;
using receiver = std::unique_ptr<puck_receiver, freed<puck_receiver_free>>;
using delivery = std::unique_ptr<puck_delivery, freed<puck_delivery_free>>;
using event = std::unique_ptr<puck_event, freed<puck_event_free>>;

/// A handle that was never one, to see that it is overwritten.
template <class Handle>
Handle* spoilt() {
    return reinterpret_cast<Handle*>(std::uintptr_t{0x5a5a});
}

/// A verdict with remains of another use, to see that they are overwritten.
inline puck_verdict spoilt_verdict() {
    puck_verdict verdict;
    std::memset(&verdict, 0x5a, sizeof verdict);
    verdict.struct_size = sizeof verdict;
    return verdict;
}

/// A verdict says what the call returned, on every path.
inline void check_agrees(const puck_verdict& verdict, std::int32_t result) {
    CHECK(verdict.struct_size == sizeof verdict);
    CHECK(std::string(verdict.reason) == puck_reason_name(result));
    CHECK((std::string(verdict.detail).empty()) == (result == PUCK_OK));
    CHECK(verdict.http_status == puck_reason_http_status(result));
    CHECK(verdict.retryable == puck_reason_retryable(result));
}

inline bool knows_no_proof(const puck_verdict& verdict) {
    return verdict.is_authentic == 0 && verdict.timestamp == 0 && verdict.skew_seconds == 0 &&
           verdict.secret_index == 0 && verdict.secret_fingerprint[0] == '\0';
}

inline bool knows_no_event(const puck_verdict& verdict) {
    return verdict.has_event == 0 && verdict.event_id[0] == '\0' && verdict.event_type[0] == '\0' &&
           verdict.emitted_at_seconds == 0 && verdict.emitted_at_nanoseconds == 0 && verdict.severity == 0 &&
           verdict.api_version[0] == '\0';
}

inline puck_bytes bytes(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const puck_bytes& bytes) {
    return {static_cast<const char*>(bytes.data), static_cast<std::size_t>(bytes.size)};
}
inline puck_header header(std::string_view name, std::string_view value) { return {bytes(name), bytes(value)}; }

inline const puck_bytes secret = bytes(support::secret);
inline constexpr std::int64_t now = support::now.time_since_epoch().count();

inline dedupe lru(puck_dedupe_lru_settings settings = PUCK_DEDUPE_LRU_SETTINGS_INIT) {
    puck_dedupe* made = nullptr;
    puck_dedupe_new_lru(&settings, &made, nullptr);
    return dedupe(made);
}

inline verifier make_verifier() {
    puck_verifier* made = nullptr;
    puck_verifier_new(&secret, 1, nullptr, &made, nullptr);
    return verifier(made);
}

inline receiver make_receiver(puck_dedupe* store) {
    puck_receiver* made = nullptr;
    puck_receiver_new(&secret, 1, nullptr, store, &made, nullptr);
    return receiver(made);
}

/// One signed request, and what came of it.
struct request {
    std::string body;
    std::string signature = support::sign(body);
    std::vector<puck_header> headers{header("X-Puck-Signature", signature)};
    std::int64_t received_at = now;
    puck_verdict verdict = spoilt_verdict();
    delivery got = nullptr;
    event verified = nullptr;

    std::int32_t receive(const receiver& by) {
        auto* made = spoilt<puck_delivery>();
        const std::int32_t why = puck_receiver_receive(by.get(), headers.data(), headers.size(), body.data(),
                                                       body.size(), received_at, &made, &verdict);
        got.reset(made);
        check_agrees(verdict, why);
        return why;
    }

    std::int32_t verify(const verifier& by) {
        auto* made = spoilt<puck_event>();
        const std::int32_t why = puck_verifier_verify(by.get(), headers.data(), headers.size(), body.data(),
                                                      body.size(), received_at, &made, &verdict);
        verified.reset(made);
        check_agrees(verdict, why);
        return why;
    }
};

}  // namespace c
