// The opaque types of the C header.
#pragma once

#include <puck/webhooks.h>
#include <puck/dedupe.hpp>
#include <puck/envelope.hpp>
#include <puck/lru_dedupe.hpp>
#include <puck/receiver.hpp>
#include <puck/verifier.hpp>

#include <memory>
#include <optional>
#include <utility>

struct puck_verifier {
    puck::verifier core;
};

struct puck_event {
    explicit puck_event(puck::event&& taken) noexcept : owned(std::move(taken)), shown(&*owned) {}
    explicit puck_event(puck::verified&& taken) noexcept : puck_event(std::move(taken).event()) {}
    explicit puck_event(const puck::event* of_a_delivery) noexcept : shown(of_a_delivery) {}
    puck_event(const puck_event&) = delete;
    puck_event& operator=(const puck_event&) = delete;

    std::optional<puck::event> owned;
    const puck::event* shown;
};

struct puck_dedupe {
    std::shared_ptr<puck::dedupe_store> core;
    const puck::lru_dedupe* lru;  // null if the store is another
};

struct puck_receiver {
    puck::receiver core;
};

struct puck_delivery {
    explicit puck_delivery(puck::delivery&& taken) noexcept : core(std::move(taken)), event(&core.event()) {}

    puck::delivery core;
    puck_event event;
};
