// The objects that Python holds.
#pragma once

#include "arguments.hpp"
#include "threads.hpp"

#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace puck_py {

using namespace nb::literals;

/// A parsed envelope, which may belong to a delivery.
struct py_event {
    std::shared_ptr<const puck::event> core;
    nb::object data;  // parsed when it is first asked for

    [[nodiscard]] nb::bytes data_json() const { return nb::bytes(core->data().data(), core->data().size()); }

    [[nodiscard]] nb::object emitted_at() const {
        const puck::date_time moment = core->emitted_at();
        return call_python("puck_webhooks._events", "moment", moment.seconds, moment.nanoseconds);
    }

    [[nodiscard]] nb::object parsed_data() {
        if (data.is_valid()) return data;
        data = call_python("puck_webhooks._events", "loads", data_json());
        return data;
    }

    [[nodiscard]] std::optional<std::string_view> severity() const {
        const auto level = core->severity();
        return level ? std::optional(name(*level)) : std::nullopt;
    }
};

/// Accepts every event: the store is asked after the receiver has said yes, for that needs the GIL.
class no_store final : public puck::dedupe_store {
public:
    puck::result<puck::claimed> claim(const puck::uuid& event_id) noexcept override {
        return puck::claimed{event_id, 0};
    }
    puck::reason commit(const puck::claimed&) noexcept override { return puck::reason::ok; }
    puck::reason release(const puck::claimed&) noexcept override { return puck::reason::ok; }
};

/// A claim on an event of the built-in store.
struct lru_claim {
    std::shared_ptr<puck::lru_dedupe> store;
    puck::claimed claim;

    void commit() const { check(store->commit(claim)); }
    void release() const { check(store->release(claim)); }
};

/// The built-in store. Events' ids come as text here. Its calls take no time, and keep the GIL: a fork by another thread
/// would leave the child with a lock that nobody gives back.
struct py_lru {
    std::shared_ptr<puck::lru_dedupe> core;

    py_lru(nb::handle capacity, nb::handle ttl, nb::handle lease) {
        auto made = puck::lru_dedupe::make({.capacity = size_number(capacity, "capacity"),
                                            .ttl = whole_number(ttl, "ttl"),
                                            .lease = whole_number(lease, "lease")});
        if (!made) raise_misuse(made.error());
        core = std::move(*made);
    }

    static puck::uuid id_of(nb::handle event_id) {
        if (!PyUnicode_Check(event_id.ptr())) throw nb::type_error("event_id must be a str");
        const auto id = puck::uuid::parse(text_of(event_id).value_or(""));
        if (!id) throw nb::value_error("event_id is not a UUID");
        return *id;
    }

    [[nodiscard]] lru_claim claim(const puck::uuid& id) const {
        const auto claimed = core->claim(id);
        if (!claimed) raise(claimed.error());
        return {core, *claimed};
    }

    void commit(const puck::claimed& claim) const { check(core->commit(claim)); }
    void release(const puck::claimed& claim) const { check(core->release(claim)); }
    [[nodiscard]] bool seen(nb::handle event_id) const { return core->seen(id_of(event_id)); }
};

/// Something that can be awaited, and is ready at once.
struct ready {
    nb::object value;

    [[noreturn]] void next() const {
        PyErr_SetObject(PyExc_StopIteration, value.ptr());
        throw nb::python_error();
    }
};

/// A claim on an event of a store that is written in Python; _stores.py asks it.
struct python_claim {
    nb::object store, claim;

    python_claim(nb::object asked, std::string_view event_id)
        : store(std::move(asked)), claim(ask("claim", nb::str(event_id.data(), event_id.size()))) {}
    void commit() const { ask("commit", claim); }
    void release() const { ask("release", claim); }
    void clear() noexcept {
        store.reset();
        claim.reset();
    }

private:
    nb::object ask(const char* what, nb::handle about) const {
        return call_python("puck_webhooks._stores", what, store, about);
    }
};

class py_delivery {
public:
    using claim_variant = std::variant<lru_claim, python_claim>;

    py_delivery(std::shared_ptr<puck::delivery> core, claim_variant claim) noexcept
        : core_(std::move(core)), claim_(std::move(claim)) {}
    py_delivery(py_delivery&&) noexcept = default;
    ~py_delivery() {
        if (core_) release_quietly();
    }

    [[nodiscard]] nb::object event() {
        if (!event_.is_valid())
            event_ = nb::cast(py_event{std::shared_ptr<const puck::event>(core_, &core_->event()), nb::object()});
        return event_;
    }

    [[nodiscard]] const puck::authenticity& authenticity() const noexcept { return core_->authenticity(); }

    /// The begin of a with block, in which the event is handled: it must still be there to be handled.
    void enter() const { check_open(); }

    void commit() {
        settle([](const auto& claim) { claim.commit(); });
    }
    void release() {
        settle([](const auto& claim) { claim.release(); });
    }

    /// The end of a with block: what ended well is committed, and what did not is given back.
    void leave(nb::handle exception_type) {
        if (state_ == state::settled) return;
        if (exception_type.is_none())
            commit();
        else
            release_quietly();
    }

    /// An exception is on its way already, or nobody is there to hear of one.
    void release_quietly() noexcept {
        if (state_ != state::open) return;
        const nb::error_scope kept;
        bool has_failed = false;
        try {
            release();
        } catch (nb::python_error& failed) {
            failed.restore();
            has_failed = true;
        } catch (const std::exception&) {
            // No memory, so none to tell it either. The lease will end.
        }
        state_ = state::settled;
        if (has_failed)
            outliving_the_interpreter([] {
                PyErr_WriteUnraisable(nb::str("puck_webhooks.Delivery: the event could not be released").ptr());
            });
    }

    [[nodiscard]] const python_claim* claim_in_python() const noexcept { return std::get_if<python_claim>(&claim_); }
    [[nodiscard]] const nb::object& cached_event() const noexcept { return event_; }
    void clear() noexcept {
        if (auto* const held = std::get_if<python_claim>(&claim_)) held->clear();
        event_.reset();
    }

private:
    enum class state : std::uint8_t { open, settling, settled };

    void check_open() const {
        if (state_ == state::settled) raise(puck::error(puck::reason::claim_lost));
        if (state_ == state::settling)
            raise(puck::error(puck::reason::store_unavailable,
                              "The delivery is being settled by somebody else, and how that ends is not known yet."));
    }

    template <class How>
    void settle(How how) {
        check_open();
        state_ = state::settling;  // a store that is asked may let another thread in
        try {
            std::visit(how, claim_);
            state_ = state::settled;
        } catch (const nb::python_error& failed) {
            state_ = state::open;
            if (nb::getattr(failed.value(), "reason", nb::none()).equal(nb::str("claim_lost"))) state_ = state::settled;
            throw;
        } catch (...) {
            state_ = state::open;
            throw;
        }
    }

    std::shared_ptr<puck::delivery> core_;
    claim_variant claim_;
    nb::object event_;
    state state_ = state::open;
};

class py_receiver {
public:
    py_receiver(nb::handle secrets, nb::handle tolerance, nb::handle max_body, nb::handle dedupe)
        : dedupe_(dedupe.is_none() ? nb::cast(py_lru(nb::int_(65'536), nb::int_(86'400), nb::int_(60)))
                                   : nb::borrow(dedupe)),
          max_body_(size_number(max_body, "max_body")),
          core_(verifier_of(secrets, tolerance, max_body), std::make_shared<no_store>()) {
        if (!nb::try_cast(dedupe_, lru_)) call_python("puck_webhooks._stores", "check", dedupe_);
    }

    [[nodiscard]] py_delivery receive(nb::handle headers, nb::handle body, nb::handle now) const {
        const header_lines lines(headers);
        const raw_body bytes(body);
        const std::int64_t at = time_or_now(now, "now");
        auto judged =
            without_gil_if_long(bytes.view(), [&] { return core_.receive({lines.view(), bytes.view(), at}); });
        if (!judged) raise(judged.error());
        auto delivery = std::make_shared<puck::delivery>(std::move(*judged));
        const puck::event& event = delivery->event();  // nothing may fail from the claim on
        if (lru_ == nullptr) return {std::move(delivery), python_claim(dedupe_, event.event_id())};
        return {std::move(delivery), lru_->claim(event.id())};
    }

    [[nodiscard]] const nb::object& dedupe() const noexcept { return dedupe_; }
    [[nodiscard]] std::size_t max_body() const noexcept { return max_body_; }

private:
    nb::object dedupe_;
    py_lru* lru_ = nullptr;  // dedupe_, if it is the built-in store
    std::size_t max_body_;
    puck::receiver core_;
};

/// What Verifier.verify says of a body that it accepts.
struct py_verified {
    puck::authenticity proof;
    std::int64_t skew;
};

class py_verifier {
public:
    py_verifier(nb::handle secrets, nb::handle tolerance, nb::handle max_body)
        : core_(verifier_of(secrets, tolerance, max_body)) {}

    [[nodiscard]] py_verified verify(nb::handle body, nb::handle signature, nb::handle now) const {
        const std::int64_t at = time_or_now(now, "now");
        return judge(body, signature, at,
                     [&](std::string_view bytes, std::string_view header) { return core_.verify(bytes, header, at); });
    }

    [[nodiscard]] py_verified dangerously_verify_without_window(nb::handle body, nb::handle signature) const {
        return judge(body, signature, puck::unix_now(), [&](std::string_view bytes, std::string_view header) {
            return core_.dangerously_verify_without_window(bytes, header);
        });
    }

private:
    template <class Verify>
    static py_verified judge(nb::handle body, nb::handle signature, std::int64_t now, Verify verify) {
        const raw_body bytes(body);
        if (!signature.is_none() && !is_text(signature)) throw nb::type_error("signature must be str, bytes or None");
        const std::string_view header = signature.is_none() ? "" : text_of(signature).value_or("\xff");
        const auto verified = without_gil_if_long(bytes.view(), [&] { return verify(bytes.view(), header); });
        if (!verified) raise(verified.error());
        return {*verified, verified->skew(now)};
    }

    puck::verifier core_;
};

}  // namespace puck_py
