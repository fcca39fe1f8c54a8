// The Python door: puck_webhooks._core. What Python says better is in the package beside it.

#include "arguments.hpp"
#include "objects.hpp"
#include "threads.hpp"

#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

using namespace puck_py;

namespace {

/// reason -> (number, HTTP status, retryable, sentence): what the exceptions are made from.
nb::dict table_of_reasons() {
    nb::dict table;
    for (std::int32_t number = -99; number <= 302; ++number) {
        const auto why = static_cast<puck::reason>(number);
        const bool is_unknown = why != puck::reason::internal && name(why) == name(puck::reason::internal);
        if (is_unknown) continue;
        table[nb::str(name(why).data())] =
            nb::make_tuple(number, puck::http_status(why), puck::retryable(why), nb::str(message(why).data()));
    }
    return table;
}

std::string sign(nb::handle secret, nb::handle body, nb::handle timestamp) {
    const puck::secret_ring ring = ring_of(secret);
    const raw_body bytes(body);
    const std::int64_t at = time_or_now(timestamp, "timestamp");
    auto value = without_gil_if_long(bytes.view(), [&] { return puck::sign(ring, bytes.view(), at); });
    if (!value) raise_misuse(value.error());
    return std::move(*value);
}

py_event parse_envelope(nb::handle body) {
    const raw_body bytes(body);
    auto parsed = without_gil_if_long(bytes.view(), [&] { return puck::dangerously_parse_envelope(bytes.view()); });
    if (!parsed) raise(parsed.error());
    return {std::make_shared<const puck::event>(std::move(*parsed)), nb::object()};
}

nb::object entered(nb::handle delivery) {
    nb::cast<const py_delivery&>(delivery).enter();
    return nb::borrow(delivery);
}

nb::str fingerprint_of(const puck::authenticity& proof) {
    return nb::str(proof.secret_fingerprint.digits.data(), proof.secret_fingerprint.digits.size());
}

// --- Python's garbage collector, which has to see the objects that these hold -----------------------------------------

int traverse_receiver(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (nb::inst_ready(self)) Py_VISIT(nb::inst_ptr<py_receiver>(self)->dedupe().ptr());
    return 0;
}

int traverse_event(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (nb::inst_ready(self)) Py_VISIT(nb::inst_ptr<py_event>(self)->data.ptr());
    return 0;
}

int clear_event(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<py_event>(self)->data.reset();
    return 0;
}

int traverse_delivery(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (!nb::inst_ready(self)) return 0;
    const auto* const delivery = nb::inst_ptr<py_delivery>(self);
    Py_VISIT(delivery->cached_event().ptr());
    if (const python_claim* const held = delivery->claim_in_python()) {
        Py_VISIT(held->store.ptr());
        Py_VISIT(held->claim.ptr());
    }
    return 0;
}

/// The collector calls this while the store and the claim are still whole, and clear_delivery after it.
void finalize_delivery(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<py_delivery>(self)->release_quietly();
}

int clear_delivery(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<py_delivery>(self)->clear();
    return 0;
}

PyType_Slot receiver_slots[]{{Py_tp_traverse, reinterpret_cast<void*>(traverse_receiver)}, {0, nullptr}};
PyType_Slot event_slots[]{{Py_tp_traverse, reinterpret_cast<void*>(traverse_event)},
                          {Py_tp_clear, reinterpret_cast<void*>(clear_event)},
                          {0, nullptr}};
PyType_Slot delivery_slots[]{{Py_tp_traverse, reinterpret_cast<void*>(traverse_delivery)},
                             {Py_tp_clear, reinterpret_cast<void*>(clear_delivery)},
                             {Py_tp_finalize, reinterpret_cast<void*>(finalize_delivery)},
                             {0, nullptr}};

}  // namespace

// --- The module -------------------------------------------------------------------------------------------------------

NB_MODULE(_core, core) {
    nb::set_leak_warnings(false);  // what some module still holds when the interpreter ends is no leak worth words

    core.attr("version") = nb::str(puck::version.data(), puck::version.size());
    core.attr("REASONS") = table_of_reasons();

    core.def("sign", sign, "secret"_a, "body"_a, "timestamp"_a = nb::none(),
             nb::sig("def sign(secret: str | bytes | collections.abc.Sequence[str | bytes], "
                     "body: bytes | bytearray | memoryview, timestamp: int | None = None) -> str"),
             R"(Make the value of X-Puck-Signature for a body, with one v1 for each secret.

For tests and tools: deliveries are signed by Puck. `timestamp` is in Unix seconds, by default now.)");

    core.def("parse_envelope", parse_envelope, "body"_a,
             nb::sig("def parse_envelope(body: bytes | bytearray | memoryview) -> Event"),
             R"(Parse and check an envelope that is already verified, such as one from a queue.

Bytes that nobody has verified can say anything. Raises PayloadError.)");

    nb::class_<py_verified>(core, "Verified", nb::is_final(), "What is known about a body that Puck has signed.")
        .def_prop_ro(
            "timestamp", [](const py_verified& self) { return self.proof.timestamp; },
            "Unix seconds at which Puck signed.")
        .def_prop_ro(
            "skew", [](const py_verified& self) { return self.skew; },
            "How many seconds ago that was; negative if it is ahead of the clock.")
        .def_prop_ro(
            "secret_index", [](const py_verified& self) { return self.proof.secret_index; },
            "Which of the secrets matched, from 0.")
        .def_prop_ro(
            "secret_fingerprint", [](const py_verified& self) { return fingerprint_of(self.proof); },
            "What may be shown of that secret: 8 hex digits.");

    nb::class_<py_verifier>(core, "Verifier", nb::is_final(), R"(Verifies signatures. Any number of threads may use one.

`secrets` is one secret, or up to 16 while one is being rotated out, as Puck handed them out: whsec_ included.
`tolerance` is in seconds, 1 to 86400, either way; `max_body` in bytes. Nothing turns the window off.
Raises TypeError or ValueError when an argument is wrong.)")
        .def(nb::init<nb::handle, nb::handle, nb::handle>(), "secrets"_a, nb::kw_only(), "tolerance"_a = 300,
             "max_body"_a = 1'048'576,
             nb::sig("def __init__(self, secrets: str | bytes | collections.abc.Sequence[str | bytes], *, "
                     "tolerance: int = 300, max_body: int = 1048576) -> None"))
        .def("verify", &py_verifier::verify, "body"_a, "signature"_a.none(), nb::kw_only(), "now"_a = nb::none(),
             nb::sig("def verify(self, body: bytes | bytearray | memoryview, signature: str | bytes | None, *, "
                     "now: int | None = None) -> Verified"),
             R"(Judge the raw bytes of a request by the value of its X-Puck-Signature (None if there is none).

`now` is in Unix seconds, by default the clock's; for what waited in a queue, the time at which it was received.
Raises SignatureError, TimestampError or PayloadError.)")
        .def("dangerously_verify_without_window", &py_verifier::dangerously_verify_without_window, "body"_a,
             "signature"_a.none(),
             nb::sig("def dangerously_verify_without_window(self, body: bytes | bytearray | memoryview, "
                     "signature: str | bytes | None) -> Verified"),
             R"(The same without the window: a captured delivery passes for ever. For archives that are read again.)");

    nb::class_<py_event>(core, "Event", nb::is_final(), nb::type_slots(event_slots), "A parsed envelope.")
        .def_prop_ro(
            "event_id", [](const py_event& self) { return self.core->event_id(); }, "36 characters, lower case.")
        .def_prop_ro(
            "event_type", [](const py_event& self) { return self.core->event_type(); },
            "Such as finding.discovered; an open set.")
        .def_prop_ro("emitted_at", &py_event::emitted_at, nb::sig("def emitted_at(self) -> datetime.datetime"),
                     R"(When the event happened, in UTC, to the microsecond; it may be days ago.

Raises OverflowError for a moment that datetime cannot hold, such as one in the year 0: see emitted_at_text.)")
        .def_prop_ro(
            "emitted_at_text", [](const py_event& self) { return self.core->emitted_at_text(); },
            "The same as Puck wrote it, in RFC 3339.")
        .def_prop_ro(
            "api_version", [](const py_event& self) { return self.core->api_version(); }, "v1.")
        .def_prop_ro("severity", &py_event::severity, "low, medium, high, critical, or None.")
        .def_prop_ro("data_json", &py_event::data_json, "The JSON object data, exactly the bytes that were signed.")
        .def_prop_ro("data", &py_event::parsed_data, nb::lock_self(),
                     nb::sig("def data(self) -> dict[str, typing.Any]"),
                     R"(The same, parsed with Python's json when it is first asked for.

Python's limits hold: it reads 1e400 as infinity, integers of more than 4300 digits become Decimal, and very deep nesting
raises RecursionError. data_json has no limits.)");

    nb::class_<puck::claimed>(core, "Claim", nb::is_final(), "The right to handle one event, until its lease is over.")
        .def_prop_ro(
            "event_id",
            [](const puck::claimed& self) {
                const auto text = self.event_id.text();
                return nb::str(text.data(), text.size());
            },
            "36 characters, lower case.");

    nb::class_<puck::dedupe_stats>(core, "DedupeStats", nb::is_final(), "How often what happened in an LruDedupe.")
        .def_ro("claims", &puck::dedupe_stats::claims, "claims that were granted")
        .def_ro("duplicates", &puck::dedupe_stats::duplicates, "claims refused because the event was done")
        .def_ro("contended", &puck::dedupe_stats::contended, "claims refused because another worker held the event")
        .def_ro("early_evictions", &puck::dedupe_stats::early_evictions,
                "done events forgotten before their ttl: if it grows, the capacity is too small")
        .def_ro("expired_leases", &puck::dedupe_stats::expired_leases,
                "claims that passed on because their handler took too long")
        .def_ro("done", &puck::dedupe_stats::done, "events that take room as done")
        .def_ro("in_progress", &puck::dedupe_stats::in_progress, "events held by a handler now");

    nb::class_<py_lru>(core, "LruDedupe", nb::is_final(), R"(Remembers the events of one process, in fixed memory.

`capacity` is a number of events, `ttl` and `lease` are in seconds: for how long a committed event is a duplicate (at least
twice the tolerance, please), and how long a handler may take. A forked child remembers for itself from then on: for several
processes write a DedupeStore.)")
        .def(nb::init<nb::handle, nb::handle, nb::handle>(), "capacity"_a = 65'536, nb::kw_only(), "ttl"_a = 86'400,
             "lease"_a = 60,
             nb::sig("def __init__(self, capacity: int = 65536, *, ttl: int = 86400, lease: int = 60) -> None"))
        .def(
            "claim", [](const py_lru& self, nb::handle event_id) { return self.claim(py_lru::id_of(event_id)).claim; },
            "event_id"_a, nb::sig("def claim(self, event_id: str) -> Claim"),
            "Take the event: of all who claim one, one wins. Raises Duplicate, InProgress or StoreError.")
        .def("commit", &py_lru::commit, "claim"_a, "Mark the event as done. Raises StoreError (claim_lost).")
        .def("release", &py_lru::release, "claim"_a, "Give the event back. Raises StoreError (claim_lost).")
        .def("seen", &py_lru::seen, "event_id"_a, nb::sig("def seen(self, event_id: str) -> bool"),
             "Whether the event is done, without claiming it.")
        .def("stats", [](const py_lru& self) { return self.core->stats(); }, "The counters.");

    nb::class_<ready>(core, "_Ready", nb::is_final(), "Can be awaited, and is ready at once.")
        .def(
            "__await__", [](nb::handle self) { return nb::borrow(self); }, nb::sig("def __await__(self) -> _Ready"))
        .def(
            "__iter__", [](nb::handle self) { return nb::borrow(self); }, nb::sig("def __iter__(self) -> _Ready"))
        .def("__next__", &ready::next, nb::sig("def __next__(self) -> typing.Never"));

    constexpr const char* exit_signature =
        "def __exit__(self, type: type[BaseException] | None, value: BaseException | None, "
        "traceback: types.TracebackType | None) -> None";
    constexpr const char* async_exit_signature =
        "def __aexit__(self, type: type[BaseException] | None, value: BaseException | None, "
        "traceback: types.TracebackType | None) -> collections.abc.Awaitable[None]";
    nb::class_<py_delivery>(core, "Delivery", nb::is_final(), nb::type_slots(delivery_slots),
                            R"(A genuine, fresh and new event, and the right to handle it.

A context manager, for `with` and `async with`: a block that ends well commits the event; any exception releases it for
Puck's next attempt. One that is dropped is released.)")
        .def_prop_ro("event", &py_delivery::event, nb::lock_self(), nb::sig("def event(self) -> Event"), "The event.")
        .def_prop_ro(
            "timestamp", [](const py_delivery& self) { return self.authenticity().timestamp; },
            "Unix seconds at which Puck signed.")
        .def_prop_ro(
            "secret_index", [](const py_delivery& self) { return self.authenticity().secret_index; },
            "Which of the secrets matched, from 0.")
        .def_prop_ro(
            "secret_fingerprint", [](const py_delivery& self) { return fingerprint_of(self.authenticity()); },
            "What may be shown of that secret: 8 hex digits.")
        .def("commit", &py_delivery::commit, nb::lock_self(),
             R"(Say that the event was handled, before the end of the block.

Raises StoreError: claim_lost (answer 200), or store_unavailable, after which it may be tried again.)")
        .def("release", &py_delivery::release, nb::lock_self(),
             "Give the event back before the end of the block. Raises StoreError.")
        .def(
            "__enter__", [](nb::handle self) { return entered(self); }, nb::sig("def __enter__(self) -> Delivery"))
        .def(
            "__exit__", [](py_delivery& self, nb::handle type, nb::handle, nb::handle) { self.leave(type); },
            "type"_a.none(), "value"_a.none(), "traceback"_a.none(), nb::lock_self(), nb::sig(exit_signature))
        .def(
            "__aenter__", [](nb::handle self) { return ready{entered(self)}; },
            nb::sig("def __aenter__(self) -> collections.abc.Awaitable[Delivery]"))
        .def(
            "__aexit__",
            [](py_delivery& self, nb::handle type, nb::handle, nb::handle) {
                self.leave(type);
                return ready{nb::none()};
            },
            "type"_a.none(), "value"_a.none(), "traceback"_a.none(), nb::lock_self(), nb::sig(async_exit_signature));

    nb::class_<py_receiver>(core, "Receiver", nb::is_final(), nb::type_slots(receiver_slots),
                            R"(Judges requests. Any number of threads may use one.

The first three arguments are those of Verifier. `dedupe` is the store, by default an LruDedupe of its own.)")
        .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle>(), "secrets"_a, nb::kw_only(),
             "tolerance"_a = 300, "max_body"_a = 1'048'576, "dedupe"_a = nb::none(),
             nb::sig("def __init__(self, secrets: str | bytes | collections.abc.Sequence[str | bytes], *, "
                     "tolerance: int = 300, max_body: int = 1048576, "
                     "dedupe: LruDedupe | puck_webhooks._stores.DedupeStore | None = None) -> None"))
        .def_prop_ro("max_body", &py_receiver::max_body, "The longest body that is looked at, in bytes.")
        .def_prop_ro("dedupe", &py_receiver::dedupe,
                     nb::sig("def dedupe(self) -> LruDedupe | puck_webhooks._stores.DedupeStore"), "The store.")
        .def("receive", &py_receiver::receive, "headers"_a, "body"_a, nb::kw_only(), "now"_a = nb::none(),
             nb::sig(
                 "def receive(self, headers: collections.abc.Mapping[str, str] | "
                 "collections.abc.Mapping[bytes, bytes] | collections.abc.Iterable[tuple[str | bytes, str | bytes]], "
                 "body: bytes | bytearray | memoryview, *, now: int | None = None) -> Delivery"),
             R"(Judge one request: size, signature, window, envelope, unsigned headers, and the claim of its event.

`headers` are all headers, as a mapping or as pairs; `body` is the raw bytes, before anything parses them; `now` is in Unix
seconds, by default the clock's. Raises a WebhookError for a bad delivery (answer Puck with its http_status), and TypeError
or ValueError for a wrong argument.)");
}
