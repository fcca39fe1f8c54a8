// Shared by the tests of the C door: its handles with an owner, and its arguments from C++ ones.
#pragma once

#include "support/deliveries.hpp"

#include <puck/webhooks.h>

#include <cstdint>
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

inline puck_bytes bytes(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const puck_bytes& bytes) {
    return {static_cast<const char*>(bytes.data), static_cast<std::size_t>(bytes.size)};
}
inline puck_header header(std::string_view name, std::string_view value) { return {bytes(name), bytes(value)}; }

inline const puck_bytes secret = bytes(support::secret);

inline dedupe lru(puck_lru_settings settings = PUCK_LRU_SETTINGS_INIT) {
    puck_dedupe* made = nullptr;
    puck_lru_new(&settings, &made, nullptr);
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
    puck_account account = PUCK_ACCOUNT_INIT;
    delivery got = nullptr;

    std::int32_t receive(const receiver& by) {
        puck_delivery* made = nullptr;
        const std::int32_t why = puck_receive(by.get(), headers.data(), headers.size(), body.data(), body.size(),
                                              support::now, &made, &account);
        got.reset(made);
        return why;
    }
};

}  // namespace c
