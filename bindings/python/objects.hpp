// The objects that Python holds.
#pragma once

#include "arguments.hpp"

#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace puck_py {

using namespace nb::literals;

/// A parsed envelope, which may belong to a delivery.
struct py_event {
    std::shared_ptr<const puck::event> core;
    nb::object data;  // parsed when it is first asked for

    [[nodiscard]] nb::bytes data_json() const { return nb::bytes(core->data().data(), core->data().size()); }

    [[nodiscard]] nb::object emitted_at() const {
        const nb::module_ datetime = nb::module_::import_("datetime");
        const puck::date_time moment = core->emitted_at();
        const nb::object epoch =
            datetime.attr("datetime")(1970, 1, 1, "tzinfo"_a = datetime.attr("timezone").attr("utc"));
        return epoch + datetime.attr("timedelta")(0, moment.seconds, moment.nanoseconds / 1000);
    }

    [[nodiscard]] nb::object parsed_data() {
        if (data.is_valid()) return data;
        data = nb::module_::import_("puck_webhooks._json").attr("loads")(data_json());
        return data;
    }

    [[nodiscard]] std::optional<std::string_view> severity() const {
        const auto level = core->severity();
        return level ? std::optional(name(*level)) : std::nullopt;
    }
};

/// Accepts every event: for a store that Python asks, after the receiver has said yes.
class no_store final : public puck::dedupe_store {
public:
    puck::result<puck::claimed> claim(const puck::uuid& event_id) noexcept override {
        return puck::claimed{event_id, 0};
    }
    puck::reason commit(const puck::claimed&) noexcept override { return puck::reason::ok; }
    puck::reason release(const puck::claimed&) noexcept override { return puck::reason::ok; }
};

/// The built-in store. Events' ids come as text here. Its calls take no time, and keep the GIL: a fork in between would leave
/// the child with a lock that nobody gives back.
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

    [[nodiscard]] puck::claimed claim(nb::handle event_id) const {
        const puck::uuid id = id_of(event_id);
        const auto claimed = core->claim(id);
        if (!claimed) raise(claimed.error());
        return *claimed;
    }

    void settle(puck::reason (puck::lru_dedupe::*how)(const puck::claimed&) noexcept,
                const puck::claimed& claim) const {
        check(((*core).*how)(claim));
    }
    void commit(const puck::claimed& claim) const { settle(&puck::lru_dedupe::commit, claim); }
    void release(const puck::claimed& claim) const { settle(&puck::lru_dedupe::release, claim); }
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

    void settle(const char* how) const { nb::module_::import_("puck_webhooks._stores").attr(how)(store, claim); }
};

class py_delivery {
public:
    py_delivery(puck::delivery&& core, std::optional<python_claim> claim)
        : core_(std::make_shared<puck::delivery>(std::move(core))), claim_(std::move(claim)) {}
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
    void enter() const {
        if (is_settled_) raise(puck::error(puck::reason::claim_lost));
    }

    void commit() { settle(&puck::delivery::commit, "commit"); }
    void release() { settle(&puck::delivery::release, "release"); }

    /// The end of a with block: what ended well is committed, and what did not is given back.
    void leave(nb::handle exception_type) {
        if (is_settled_) return;
        if (exception_type.is_none())
            commit();
        else
            release_quietly();
    }

    /// An exception is on its way already, or nobody is there to hear of one.
    void release_quietly() noexcept {
        if (is_settled_) return;
        const nb::error_scope kept;
        try {
            release();
        } catch (nb::python_error& failed) {
            failed.discard_as_unraisable("puck_webhooks.Delivery: the event could not be released");
        }
        is_settled_ = true;
    }

    [[nodiscard]] const std::optional<python_claim>& claim() const noexcept { return claim_; }
    [[nodiscard]] const nb::object& cached_event() const noexcept { return event_; }
    void clear() noexcept {
        claim_.reset();
        event_.reset();
    }

private:
    void settle(puck::reason (puck::delivery::*how)() noexcept, const char* name) {
        if (is_settled_) raise(puck::error(puck::reason::claim_lost));
        is_settled_ = true;  // before the store is asked, for that may let another thread in
        try {
            if (claim_) return claim_->settle(name);
            check(((*core_).*how)());
        } catch (const nb::python_error& failed) {
            is_settled_ = nb::getattr(failed.value(), "reason", nb::none()).equal(nb::str("claim_lost"));
            throw;
        }
    }

    std::shared_ptr<puck::delivery> core_;
    std::optional<python_claim> claim_;  // none if the store is the built-in one
    nb::object event_;
    bool is_settled_ = false;
};

class py_receiver {
public:
    py_receiver(nb::handle secrets, nb::handle tolerance, nb::handle max_body, nb::handle dedupe)
        : dedupe_(dedupe.is_none() ? nb::cast(py_lru(nb::int_(65'536), nb::int_(86'400), nb::int_(60)))
                                   : nb::borrow(dedupe)),
          max_body_(size_number(max_body, "max_body")),
          core_(verifier_of(secrets, tolerance, max_body), store_for(dedupe_)) {}

    [[nodiscard]] py_delivery receive(nb::handle headers, nb::handle body, nb::handle now) const {
        const header_lines lines(headers);
        const raw_body bytes(body);
        const std::int64_t at = time_or_now(now, "now");
        auto judged =
            without_gil_if_long(bytes.view(), [&] { return core_.receive({lines.view(), bytes.view(), at}); });
        if (!judged) raise(judged.error());
        return {std::move(*judged), claim_in_python(*judged)};
    }

    [[nodiscard]] const nb::object& dedupe() const noexcept { return dedupe_; }
    [[nodiscard]] std::size_t max_body() const noexcept { return max_body_; }

private:
    static std::shared_ptr<puck::dedupe_store> store_for(nb::handle dedupe) {
        py_lru* lru = nullptr;
        if (nb::try_cast(dedupe, lru)) return lru->core;
        nb::module_::import_("puck_webhooks._stores").attr("check")(dedupe);
        return std::make_shared<no_store>();
    }
    std::optional<python_claim> claim_in_python(const puck::delivery& delivery) const {
        if (nb::isinstance<py_lru>(dedupe_)) return std::nullopt;
        const nb::object ask = nb::module_::import_("puck_webhooks._stores").attr("claim");
        return python_claim{dedupe_, ask(dedupe_, delivery.event().event_id())};
    }

    nb::object dedupe_;
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
