// The objects that Python holds.
#pragma once

#include "arguments.hpp"
#include "threads.hpp"

#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace puck_py {

using namespace nb::literals;

/// A parsed envelope, which may belong to something verified.
struct py_event {
    std::shared_ptr<const puck::event> core;
    nb::object data{};  // parsed when it is first asked for

    [[nodiscard]] nb::bytes data_json() const { return nb::bytes(core->data_json().data(), core->data_json().size()); }

    [[nodiscard]] nb::object emitted_at() const {
        const puck::date_time moment = core->emitted_at();
        return call_python("puck_webhooks._events", "moment", moment.seconds.time_since_epoch().count(),
                           moment.nanoseconds.count());
    }

    [[nodiscard]] nb::object parsed_data() {
        if (!data.is_valid())
            data = call_python("puck_webhooks._events", "loads",
                               nb::str(core->data_json().data(), core->data_json().size()));
        return data;
    }

    [[nodiscard]] std::optional<std::string_view> severity() const {
        const auto level = core->severity();
        return level ? std::optional(name(*level)) : std::nullopt;
    }

    [[nodiscard]] std::array<nb::handle, 1> held() const noexcept { return {data}; }
};

/// A verified event: what Verifier.verify returns.
class py_verified {
public:
    explicit py_verified(puck::verified&& core) : core_(std::make_shared<const puck::verified>(std::move(core))) {}

    [[nodiscard]] bool was_moved() const noexcept { return core_ == nullptr; }
    [[nodiscard]] const puck::verified& core() const noexcept { return *core_; }

    [[nodiscard]] nb::object event() {
        if (!event_.is_valid()) event_ = nb::cast(py_event{std::shared_ptr<const puck::event>(core_, &core_->event())});
        return event_;
    }

    [[nodiscard]] std::array<nb::handle, 1> held() const noexcept { return {event_}; }

private:
    std::shared_ptr<const puck::verified> core_;
    nb::object event_;
};

/// The value of what was accepted. A rejection is raised, with what was known by then.
template <class T>
T accepted(puck::result<T, puck::rejection> judged) {
    if (judged) return std::move(*judged);
    puck::rejection& why = judged.error();
    nb::object proof = nb::none(), event = nb::none();
    if (why.proof) proof = nb::cast(*why.proof);
    if (why.event) event = nb::cast(py_event{std::make_shared<const puck::event>(std::move(*why.event))});
    raise(why, proof, event);
}

inline py_verified judge(const puck::verifier& verifier, nb::handle headers, nb::handle body, nb::handle received_at) {
    const header_lines lines(headers);
    const raw_body bytes(body);
    const auto at = time_or_now(received_at, "received_at");
    return py_verified(
        accepted(without_gil_if_long(bytes.view(), [&] { return verifier.verify({lines.view(), bytes.view(), at}); })));
}

class py_verifier {
public:
    py_verifier(nb::handle secrets, nb::handle tolerance, nb::handle max_body)
        : core_(verifier_of(secrets, tolerance, max_body)) {}

    [[nodiscard]] py_verified verify(nb::handle headers, nb::handle body, nb::handle received_at) const {
        return judge(core_, headers, body, received_at);
    }

    /// Calls `how`, which is verify_signature or dangerously_verify_without_window.
    template <auto how>
    [[nodiscard]] puck::proof verify_bytes(nb::handle body, nb::handle signature, nb::handle received_at) const {
        const raw_body bytes(body);
        if (!signature.is_none() && !is_text(signature)) throw nb::type_error("signature must be str, bytes or None");
        const std::string_view header = signature.is_none() ? "" : text_of(signature).value_or("\xff");
        const auto at = time_or_now(received_at, "received_at");
        return accepted(without_gil_if_long(bytes.view(), [&] { return (core_.*how)(bytes.view(), header, at); }));
    }

private:
    puck::verifier core_;
};

/// Raises the failure of a claim, a commit or a release, with all that is known of the delivery.
[[noreturn]] inline void raise_for(py_verified& verified, const puck::error& failure) {
    raise(failure, nb::cast(verified.core().proof()), verified.event());
}

inline void check(puck::reason answered) {
    if (answered != puck::reason::ok) raise(answered);
}
inline void check(puck::reason answered, py_verified& verified) {
    if (answered != puck::reason::ok) raise_for(verified, answered);
}

/// The built-in store. Its calls take no time, and keep the GIL: a fork by another thread would leave the child with a
/// lock that nobody gives back.
struct py_lru {
    std::shared_ptr<puck::lru_dedupe> core;

    explicit py_lru(puck::lru_dedupe_settings settings = {}) : core(value_of(puck::lru_dedupe::make(settings))) {}
    py_lru(nb::handle capacity, nb::handle ttl, nb::handle lease)
        : py_lru(puck::lru_dedupe_settings{.capacity = size_number(capacity, "capacity"),
                                           .ttl = seconds_of(ttl, "ttl"),
                                           .lease = seconds_of(lease, "lease")}) {}

    static puck::uuid id_of(nb::handle event_id) {
        if (!PyUnicode_Check(event_id.ptr())) throw nb::type_error("event_id must be a str");
        const auto id = puck::uuid::parse(text_of(event_id).value_or(""));
        if (!id) throw nb::value_error("event_id is not a UUID");
        return *id;
    }

    [[nodiscard]] puck::claim claim(nb::handle event_id) const { return value_of(core->claim(id_of(event_id))); }
    void commit(const puck::claim& held) const { check(core->commit(held)); }
    void release(const puck::claim& held) const {
        const puck::reason answered = core->release(held);
        if (answered == puck::reason::claim_lost)
            raise({puck::reason::claim_lost, "The event is done, or another claim holds it: it was not given back."});
        check(answered);
    }
    [[nodiscard]] bool seen(nb::handle event_id) const { return core->seen(id_of(event_id)); }
    void nothing() const noexcept {}
};

/// Something that can be awaited, and is ready at once.
struct ready {
    nb::object value;

    [[noreturn]] void next() const {
        PyErr_SetObject(PyExc_StopIteration, value.ptr());
        throw nb::python_error();
    }
};

/// A claim on an event of the built-in store.
struct lru_claim {
    std::shared_ptr<puck::lru_dedupe> store;
    puck::claim claim;

    void commit(py_verified& verified) const { check(store->commit(claim), verified); }
    void release(py_verified& verified) const { check(store->release(claim), verified); }
};

/// A claim on an event of a store that is written in Python; _stores.py asks it.
struct python_claim {
    nb::object store, claim;

    void commit(const py_verified& verified) const { ask("commit", verified); }
    void release(const py_verified& verified) const { ask("release", verified); }

private:
    void ask(const char* what, const py_verified& verified) const {
        call_python("puck_webhooks._stores", what, store, verified, claim);
    }
};

/// How often this process was forked, since the module was loaded: a child has one more than its parent.
inline unsigned forks = 0;

/// A verified event, and the claim on it. In a forked child it is a copy, and the claim is still the parent's.
class py_delivery {
public:
    using claim_variant = std::variant<lru_claim, python_claim>;

    py_delivery(py_verified&& verified, claim_variant claim) noexcept
        : verified_(std::move(verified)), claim_(std::move(claim)) {}
    py_delivery(py_delivery&&) noexcept = default;
    ~py_delivery() {
        if (!verified_.was_moved()) release_quietly();
    }

    [[nodiscard]] nb::object event() { return verified_.event(); }
    [[nodiscard]] const puck::verified& core() const noexcept { return verified_.core(); }

    /// The begin of a with block, in which the event is handled: it must still be there to be handled.
    void enter() {
        check_not_committed();
        if (state_ == state::lost) raise_for(verified_, puck::reason::claim_lost);
        if (state_ == state::given_back)
            raise_for(verified_,
                      {puck::reason::store_unavailable, "The delivery was given back: wait for Puck's next attempt."});
        check_not_settling();
    }

    /// May be repeated, and may follow a release: the store decides.
    void commit() {
        settle(state::committed, [this](const auto& claim) { claim.commit(verified_); });
    }

    /// Never undoes a commit, whatever the store would do.
    void release() {
        check_not_committed();
        settle(state::given_back, [this](const auto& claim) { claim.release(verified_); });
    }

    /// The end of a with block: a good end commits, or releases if that fails, and an exception releases. (Whoever
    /// keeps the error keeps the delivery alive, which cannot wait for its end then.)
    void leave(nb::handle exception_type) {
        if (state_ != state::open && state_ != state::settling) return;
        std::exception_ptr failed;
        if (exception_type.is_none()) {
            try {
                commit();
                return;
            } catch (const std::exception&) {
                failed = std::current_exception();
            }
        }
        release_quietly();
        if (failed) std::rethrow_exception(failed);
    }

    /// Raises nothing: an exception is on its way already, or nobody is there to catch one. A forked child's copy does
    /// not release what its parent handles.
    void release_quietly() noexcept {
        if (state_ != state::open) return;
        if (claimed_in_ != forks) {
            state_ = state::given_back;
            return;
        }
        const nb::error_scope kept;
        bool has_failed = false;
        try {
            release();
        } catch (nb::python_error& failed) {
            failed.restore();
            has_failed = true;
        } catch (const std::exception&) {
            // There is no memory, so none for a report either.
        }
        if (state_ == state::open) state_ = state::given_back;  // its lease will end
        if (has_failed && !is_python_ending())
            outliving_the_interpreter([] {
                PyErr_WriteUnraisable(nb::str("puck_webhooks.Delivery: the event could not be released").ptr());
            });
    }

    [[nodiscard]] std::array<nb::handle, 3> held() const noexcept {
        const auto [event] = verified_.held();
        if (const auto* const held = std::get_if<python_claim>(&claim_)) return {event, held->store, held->claim};
        return {event};
    }
    void clear() noexcept {
        if (auto* const held = std::get_if<python_claim>(&claim_)) {
            held->store.reset();
            held->claim.reset();
        }
    }

private:
    /// `given_back`: released, so that Puck's next attempt is handled. `lost`: another worker has taken the event.
    enum class state : std::uint8_t { open, settling, committed, given_back, lost };

    void check_not_committed() {
        if (state_ == state::committed)
            raise_for(verified_, {puck::reason::claim_lost, "The delivery is already committed."});
    }

    void check_not_settling() {
        if (state_ == state::settling)
            raise_for(verified_, {puck::reason::store_unavailable,
                                  "The delivery is being settled by another thread, and the result is not known yet."});
    }

    template <class How>
    void settle(state then, How how) {
        check_not_settling();
        const state before = std::exchange(state_, state::settling);  // a store that is asked may let another thread in
        try {
            std::visit(how, claim_);
            state_ = then;
        } catch (const nb::python_error& failed) {
            state_ = before;
            if (before != state::committed &&
                nb::getattr(failed.value(), "reason", nb::none()).equal(nb::str("claim_lost")))
                state_ = state::lost;
            throw;
        } catch (...) {
            state_ = before;
            throw;
        }
    }

    py_verified verified_;
    claim_variant claim_;
    unsigned claimed_in_ = forks;
    state state_ = state::open;
};

class py_receiver {
public:
    py_receiver(nb::handle secrets, nb::handle tolerance, nb::handle max_body, nb::handle dedupe)
        : dedupe_(store_of(dedupe)),
          max_body_(size_number(max_body, "max_body")),
          verifier_(verifier_of(secrets, tolerance, max_body)) {
        call_python("puck_webhooks._stores", "check", dedupe_, tolerance);
        if (nb::try_cast(dedupe_, lru_)) warn_if_one_of_several(false);
    }

    [[nodiscard]] py_delivery receive(nb::handle headers, nb::handle body, nb::handle received_at) const {
        py_verified verified = judge(verifier_, headers, body, received_at);
        if (lru_ == nullptr) {
            python_claim claim{dedupe_, call_python("puck_webhooks._stores", "claim", dedupe_, verified)};
            return {std::move(verified), std::move(claim)};
        }
        if (asked_in_ != forks + 1) {
            asked_in_ = forks + 1;
            warn_if_one_of_several(true);
        }
        const auto claim = lru_->core->claim(verified.core().event().id());
        if (!claim) raise_for(verified, claim.error());
        return {std::move(verified), lru_claim{lru_->core, *claim}};  // nothing may fail after the claim
    }

    [[nodiscard]] const nb::object& dedupe() const noexcept { return dedupe_; }
    [[nodiscard]] std::size_t max_body() const noexcept { return max_body_; }
    [[nodiscard]] std::array<nb::handle, 1> held() const noexcept { return {dedupe_}; }

private:
    void warn_if_one_of_several(bool is_receiving) const {
        call_python("puck_webhooks._processes", "warn_if_one_of_several", made_in_ != forks, is_receiving);
    }

    /// The store itself, the one that a text names, or one in memory.
    static nb::object store_of(nb::handle dedupe) {
        if (dedupe.is_none()) return nb::cast(py_lru());
        if (PyUnicode_Check(dedupe.ptr())) return call_python("puck_webhooks.stores._text", "open_dedupe", dedupe);
        return nb::borrow(dedupe);
    }

    nb::object dedupe_;
    py_lru* lru_ = nullptr;  // dedupe_, if it is the built-in store
    unsigned made_in_ = forks;
    mutable unsigned asked_in_ = 0;  // forks + 1 of the process that has last asked at a delivery
    std::size_t max_body_;
    puck::verifier verifier_;
};

}  // namespace puck_py
