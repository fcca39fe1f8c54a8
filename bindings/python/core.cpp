// The Python binding: puck_webhooks._core. What is simpler in Python is in the package beside it.

#include "arguments.hpp"
#include "objects.hpp"
#include "threads.hpp"

#include <puck/dedupe_url.hpp>
#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

using namespace puck_py;

namespace {

/// Calls `use` with each reason.
template <class Use>
void for_each_reason(Use use) {
    for (std::int32_t number = -99; number <= 302; ++number) {
        const auto reason = static_cast<puck::reason>(number);
        if (reason == puck::reason::internal || name(reason) != name(puck::reason::internal)) use(reason);
    }
}

/// reason -> (number, HTTP status, retryable, sentence): what the exceptions are made from.
nb::dict table_of_reasons() {
    nb::dict table;
    for_each_reason([&](puck::reason each) {
        table[nb::str(name(each).data())] = nb::make_tuple(static_cast<std::int32_t>(each), puck::http_status(each),
                                                           puck::retryable(each), nb::str(message(each).data()));
    });
    return table;
}

/// The reasons that the rule leaves as they are.
nb::tuple answers(puck::reason (*rule)(puck::reason) noexcept) {
    nb::list kept;
    for_each_reason([&](puck::reason each) {
        if (rule(each) == each) kept.append(nb::str(name(each).data()));
    });
    return nb::tuple(kept);
}

std::string sign(nb::handle secret, nb::handle body, nb::handle timestamp) {
    const puck::secret_ring ring = ring_of(secret);
    const raw_body bytes(body);
    const auto at = time_or_now(timestamp, "timestamp");
    return value_of(without_gil_if_long(bytes.view(), [&] { return puck::sign(ring, bytes.view(), at); }));
}

puck::claim claim_of(nb::handle event_id, nb::handle token) {
    const std::int64_t number = whole_number(token, "token");
    if (number < 1) throw nb::value_error("token must be from 1 to 2**63 - 1");
    return {py_lru::id_of(event_id), static_cast<std::uint64_t>(number)};
}

/// What a store's text says, as a dict. What it does not say is not in it.
nb::dict parse_dedupe_url(nb::handle text) {
    if (!PyUnicode_Check(text.ptr())) throw nb::type_error("the text of a dedupe store must be a str");
    const auto bytes = text_of(text);
    if (!bytes) throw nb::value_error("The text of the dedupe store holds half of a surrogate pair.");
    const puck::dedupe_url url = value_of(puck::dedupe_url::parse(*bytes));
    using engines = puck::dedupe_url::engines;
    const bool is_redis = url.engine == engines::redis;
    nb::dict fields;
    fields["engine"] = is_redis ? "redis" : url.engine == engines::sqlite ? "sqlite" : "memory";
    const auto add = [&](const char* name, const std::string& value) {
        if (value.empty()) return;
        PyObject* const made =
            PyUnicode_DecodeUTF8(value.data(), static_cast<Py_ssize_t>(value.size()), "surrogateescape");
        if (made == nullptr) throw nb::python_error();
        fields[name] = nb::steal(made);
    };
    add("path", url.path);
    add("host", url.host);
    add("username", url.username);
    add("password", url.password);
    add("password_env", url.password_env);
    add("password_file", url.password_file);
    add("namespace", url.name_space);
    if (!url.host.empty()) fields["port"] = url.port;
    if (is_redis) fields["db"] = url.db;
    if (is_redis) fields["tls"] = url.tls;
    if (url.ttl) fields["ttl"] = url.ttl->count();
    if (url.lease) fields["lease"] = url.lease->count();
    if (url.capacity) fields["capacity"] = *url.capacity;
    if (url.timeout) fields["timeout"] = static_cast<double>(url.timeout->count()) / 1'000;
    return fields;
}

py_event parse_envelope(nb::handle body) {
    const raw_body bytes(body);
    return {std::make_shared<const puck::event>(
        value_of(without_gil_if_long(bytes.view(), [&] { return puck::parse_envelope(bytes.view()); })))};
}

nb::object entered(nb::handle delivery) {
    nb::cast<py_delivery&>(delivery).enter();
    return nb::borrow(delivery);
}

const puck::proof& proof_of(const puck::proof& self) { return self; }
const puck::proof& proof_of(const py_verified& self) { return self.core().proof(); }
const puck::proof& proof_of(const py_delivery& self) { return self.core().proof(); }

/// The fields of a proof, which are the same wherever there is one.
template <class T>
void add_proof(nb::class_<T>& type) {
    type.def_prop_ro(
            "timestamp", [](const T& self) { return proof_of(self).timestamp.time_since_epoch().count(); },
            "When Puck signed, in Unix seconds.")
        .def_prop_ro(
            "skew_seconds", [](const T& self) { return proof_of(self).skew_seconds.count(); },
            "How many seconds before received_at that was; negative if it was after.")
        .def_prop_ro(
            "secret_index", [](const T& self) { return proof_of(self).secret_index; },
            "Which of the secrets matched, from 0.")
        .def_prop_ro(
            "secret_fingerprint", [](const T& self) { return std::string_view(proof_of(self).secret_fingerprint); },
            "That secret's fingerprint, which may be shown: 8 hex digits.");
}

// --- Python's garbage collector, which has to see the objects that these hold ----------------------------------------

template <class T>
int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (nb::inst_ready(self))
        for (const nb::handle each : nb::inst_ptr<T>(self)->held()) Py_VISIT(each.ptr());
    return 0;
}

/// A cycle through one of these also passes a dict or another object that can be cleared.
template <class T>
PyType_Slot traversed[]{{Py_tp_traverse, reinterpret_cast<void*>(traverse<T>)}, {0, nullptr}};

/// The collector calls this while the store and the claim are still whole, and clear_delivery after it.
void finalize_delivery(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<py_delivery>(self)->release_quietly();
}

int clear_delivery(PyObject* self) {
    if (nb::inst_ready(self)) nb::inst_ptr<py_delivery>(self)->clear();
    return 0;
}

PyType_Slot delivery_slots[]{{Py_tp_traverse, reinterpret_cast<void*>(traverse<py_delivery>)},
                             {Py_tp_clear, reinterpret_cast<void*>(clear_delivery)},
                             {Py_tp_finalize, reinterpret_cast<void*>(finalize_delivery)},
                             {0, nullptr}};

}  // namespace

// --- The module ------------------------------------------------------------------------------------------------------

NB_MODULE(_core, core) {
    nb::set_leak_warnings(false);  // a module may still hold objects of ours when the interpreter ends
    pthread_atfork(nullptr, nullptr, [] { ++forks; });

    core.attr("version") = nb::str(puck::version.data(), puck::version.size());
    core.attr("REASONS") = table_of_reasons();
    core.attr("CLAIM_ANSWERS") = answers(&puck::claim_answer);
    core.attr("SETTLE_ANSWERS") = answers(&puck::settle_answer);

    core.def("sign", sign, "secret"_a, "body"_a, "timestamp"_a = nb::none(),
             nb::sig("def sign(secret: str | bytes | collections.abc.Sequence[str | bytes], "
                     "body: bytes | bytearray | memoryview, timestamp: int | None = None) -> str"),
             R"(Make the value of X-Puck-Signature for a body, with one v1 for each secret.

For tests and tools: deliveries are signed by Puck. `timestamp` is in Unix seconds, by default the current time. Raises
TypeError or ValueError for a wrong argument.)");

    core.def("parse_envelope", parse_envelope, "body"_a,
             nb::sig("def parse_envelope(body: bytes | bytearray | memoryview) -> Event"),
             R"(Parse and check an envelope that is already verified, such as one from a queue.

Bytes that nobody has verified can say anything. Raises PayloadError.)");

    core.def("parse_dedupe_url", parse_dedupe_url, "text"_a,
             nb::sig("def parse_dedupe_url(text: str) -> dict[str, typing.Any]"),
             R"(Parse the text of a dedupe store: for the package itself.

What the text does not say is not in the dict. Raises ValueError with a sentence that shows nothing of the text.)");

    nb::class_<puck::proof> proof(core, "Proof", nb::is_final(), "The proof that Puck signed a body.");
    add_proof(proof);

    nb::class_<py_event>(core, "Event", nb::is_final(), nb::type_slots(traversed<py_event>), "A parsed envelope.")
        .def_prop_ro(
            "event_id", [](const py_event& self) { return self.core->event_id(); }, "36 characters, lower case.")
        .def_prop_ro(
            "event_type", [](const py_event& self) { return self.core->event_type(); },
            "Such as finding.discovered. A type that is new to you is not an error.")
        .def_prop_ro("emitted_at", &py_event::emitted_at, nb::sig("def emitted_at(self) -> datetime.datetime"),
                     R"(When the event happened, in UTC, to the microsecond. It may be days ago.

Raises OverflowError for a moment that datetime cannot hold, such as one in the year 0: see emitted_at_text.)")
        .def_prop_ro(
            "emitted_at_text", [](const py_event& self) { return self.core->emitted_at_text(); },
            "The same as Puck wrote it, in RFC 3339.")
        .def_prop_ro(
            "api_version", [](const py_event& self) { return self.core->api_version(); }, "Always v1.")
        .def_prop_ro("severity", &py_event::severity, "low, medium, high, critical, or None.")
        .def_prop_ro("data_json", &py_event::data_json, "The JSON object data, exactly the bytes that were signed.")
        .def_prop_ro("data", &py_event::parsed_data, nb::lock_self(),
                     nb::sig("def data(self) -> dict[str, typing.Any]"),
                     R"(The same, parsed with Python's json when it is first asked for.

A number that float would make infinite, such as 1e400, and an integer of more than 4300 digits become Decimal. With an
exponent that Decimal cannot hold either, of 19 digits or more, it stays infinite. Very deep nesting raises
RecursionError. data_json has no limits.)");

    nb::class_<py_verified> verified(core, "Verified", nb::is_final(), nb::type_slots(traversed<py_verified>),
                                     R"(An event that is genuine, fresh and well formed, with the proof.

It may have been handled before: only a dedupe store knows that.)");
    verified.def_prop_ro("event", &py_verified::event, nb::lock_self(), nb::sig("def event(self) -> Event"),
                         "The event.");
    add_proof(verified);

    nb::class_<py_verifier>(core, "Verifier", nb::is_final(), R"(Judges requests, and remembers nothing.

Any number of threads may use one. `secrets` is one secret, or up to 16 while one is being rotated out, as Puck handed
them out: whsec_ included. `tolerance` is in seconds, 1 to 86400, either way; `max_body` in bytes. No value turns the
window off. Raises TypeError or ValueError for a wrong argument.)")
        .def(nb::init<nb::handle, nb::handle, nb::handle>(), "secrets"_a, nb::kw_only(), "tolerance"_a = 300,
             "max_body"_a = 1'048'576,
             nb::sig("def __init__(self, secrets: str | bytes | collections.abc.Sequence[str | bytes], *, "
                     "tolerance: int = 300, max_body: int = 1048576) -> None"))
        .def("verify", &py_verifier::verify, "headers"_a, "body"_a, nb::kw_only(), "received_at"_a = nb::none(),
             nb::sig(
                 "def verify(self, headers: collections.abc.Mapping[str, str] | "
                 "collections.abc.Mapping[bytes, bytes] | collections.abc.Iterable[tuple[str | bytes, str | bytes]], "
                 "body: bytes | bytearray | memoryview, *, received_at: int | None = None) -> Verified"),
             R"(Judge one request: size, signature, window, envelope, unsigned headers.

`headers` are all headers, as a mapping or as pairs. `body` is the raw bytes, before anything parses them: bytes cannot
change, and are read in place; any other buffer is copied once, and the copy is judged, whatever happens to the buffer
during the call. `received_at` is in Unix seconds, by default the current time; for a delivery that waited in a queue,
the time at which it was received. Raises SignatureError, TimestampError or PayloadError for a bad delivery, and
TypeError or ValueError for a wrong argument.)")
        .def("verify_signature", &py_verifier::verify_bytes<&puck::verifier::verify_signature>, "body"_a,
             "signature"_a.none(), nb::kw_only(), "received_at"_a = nb::none(),
             nb::sig("def verify_signature(self, body: bytes | bytearray | memoryview, signature: str | bytes | None, "
                     "*, received_at: int | None = None) -> Proof"),
             R"(Judge bytes without their request: size, signature and window. The envelope is not looked at.

`signature` is the value of X-Puck-Signature, None if there was no such header; the rest is as in verify.)")
        .def("dangerously_verify_without_window",
             &py_verifier::verify_bytes<&puck::verifier::dangerously_verify_without_window>, "body"_a,
             "signature"_a.none(), nb::kw_only(), "received_at"_a = nb::none(),
             nb::sig("def dangerously_verify_without_window(self, body: bytes | bytearray | memoryview, "
                     "signature: str | bytes | None, *, received_at: int | None = None) -> Proof"),
             R"(The same without the window: a captured delivery passes for ever.

For archives that are read again long after. `received_at` only gives the proof its skew_seconds.)");

    nb::class_<puck::claim>(core, "Claim", nb::is_final(), R"(The right to handle one event, until its lease is over.

Stores make them. `event_id` is a UUID; `token` is 1 to 2**63 - 1, and differs from claim to claim.)")
        .def(
            "__init__",
            [](puck::claim* self, nb::handle event_id, nb::handle token) {
                new (self) puck::claim(claim_of(event_id, token));
            },
            "event_id"_a, "token"_a, nb::sig("def __init__(self, event_id: str, token: int) -> None"))
        .def_ro("token", &puck::claim::token, "What makes this claim differ from all others on its event.")
        .def_prop_ro(
            "event_id",
            [](const puck::claim& self) {
                const auto text = self.id.text();
                return nb::str(text.data(), text.size());
            },
            "36 characters, lower case.");

    nb::class_<puck::dedupe_stats>(core, "DedupeStats", nb::is_final(),
                                   "Counters since the store was made, and its current sizes.")
        .def_ro("claims", &puck::dedupe_stats::claims, "Claims that were granted.")
        .def_ro("duplicates", &puck::dedupe_stats::duplicates, "Claims refused because the event was done.")
        .def_ro("contended", &puck::dedupe_stats::contended, "Claims refused because another worker held the event.")
        .def_ro("early_evictions", &puck::dedupe_stats::early_evictions,
                "Done events forgotten before their ttl: if it grows, the capacity is too small.")
        .def_ro("expired_leases", &puck::dedupe_stats::expired_leases,
                "Claims whose lease was over when another worker took the event or its place.")
        .def_ro("done", &puck::dedupe_stats::done,
                "Events stored as done, expired ones included until their place is needed.")
        .def_ro("in_progress", &puck::dedupe_stats::in_progress, "Events held by a handler now.");

    nb::class_<py_lru>(core, "LruDedupe", nb::is_final(), R"(Remembers the events of one process, in fixed memory.

`capacity` is a number of events, 1 to 67108864. `ttl` and `lease` are in seconds: for how long a committed event is a
duplicate, 600 to 2592000, and for how long a handler holds an event, 1 to 3600 and below the ttl. A forked child
remembers for itself from then on: several processes need a store that they share, such as SqliteDedupe or RedisDedupe.
Raises TypeError or ValueError for a wrong argument.)")
        .def(nb::init<nb::handle, nb::handle, nb::handle>(), "capacity"_a = 65'536, nb::kw_only(), "ttl"_a = 86'400,
             "lease"_a = 60,
             nb::sig("def __init__(self, capacity: int = 65536, *, ttl: int = 86400, lease: int = 60) -> None"))
        .def("claim", &py_lru::claim, "event_id"_a, nb::sig("def claim(self, event_id: str) -> Claim"),
             R"(Take the event: of all who claim one, exactly one wins.

Raises Duplicate, InProgress, or StoreError (store_full); ValueError if the text is not a UUID.)")
        .def("commit", &py_lru::commit, "claim"_a,
             R"(Mark the event as done. It may be repeated, and may find nothing.

Raises StoreError (claim_lost) when another claim holds or has settled the event.)")
        .def("release", &py_lru::release, "claim"_a,
             R"(Give the event back. It may find nothing.

Raises StoreError (claim_lost) when the event is done or another claim holds it, and then changes nothing.)")
        .def("seen", &py_lru::seen, "event_id"_a, nb::sig("def seen(self, event_id: str) -> bool"),
             "Whether the event is done, without claiming it.")
        .def_prop_ro(
            "ttl", [](const py_lru& self) { return self.core->ttl().count(); },
            "For how many seconds a committed event is remembered.")
        .def("check", &py_lru::nothing,
             "Does nothing, since this store is always there. Other stores ask their engine.")
        .def("close", &py_lru::nothing, "Does nothing, since there is nothing to close. Other stores have connections.")
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
    nb::class_<py_delivery> delivery(core, "Delivery", nb::is_final(), nb::type_slots(delivery_slots),
                                     R"(A genuine, fresh and new event, and the right to handle it.

A context manager, for `with` and `async with`: a block that ends well commits the event, or releases it if that fails,
and an exception releases it for Puck's next attempt. One that is dropped is released, but not a forked child's copy. A
block does not begin with a delivery that is settled: it raises StoreError, store_unavailable after a release, and
claim_lost after a commit or when another worker took the event.)");
    delivery
        .def_prop_ro("event", &py_delivery::event, nb::lock_self(), nb::sig("def event(self) -> Event"), "The event.")
        .def("commit", &py_delivery::commit, nb::lock_self(),
             R"(Say that the event was handled, before the end of the block.

A repeated commit is good again. Raises StoreError: claim_lost when another worker took the event (answer 200), or
store_unavailable, after which it may be repeated.)")
        .def("release", &py_delivery::release, nb::lock_self(),
             R"(Give the event back before the end of the block.

Raises StoreError: claim_lost after a commit, which it never undoes, or store_unavailable.)")
        .def(
            "__enter__", [](nb::handle self) { return entered(self); }, nb::lock_self(),
            nb::sig("def __enter__(self) -> Delivery"))
        .def(
            "__exit__", [](py_delivery& self, nb::handle type, nb::handle, nb::handle) { self.leave(type); },
            "type"_a.none(), "value"_a.none(), "traceback"_a.none(), nb::lock_self(), nb::sig(exit_signature))
        .def(
            "__aenter__", [](nb::handle self) { return ready{entered(self)}; }, nb::lock_self(),
            nb::sig("def __aenter__(self) -> collections.abc.Awaitable[Delivery]"))
        .def(
            "__aexit__",
            [](py_delivery& self, nb::handle type, nb::handle, nb::handle) {
                self.leave(type);
                return ready{nb::none()};
            },
            "type"_a.none(), "value"_a.none(), "traceback"_a.none(), nb::lock_self(), nb::sig(async_exit_signature));
    add_proof(delivery);

    nb::class_<py_receiver>(core, "Receiver", nb::is_final(), nb::type_slots(traversed<py_receiver>),
                            R"(Judges requests, and claims their events. Any number of threads may use one.

The first three arguments are those of Verifier. `dedupe` is the store, by default an LruDedupe of its own, or the text
of one, such as redis://cache.example?namespace=billing: see puck_webhooks.stores.open_dedupe. A store that remembers
for less than twice the tolerance is a ValueError: a captured delivery could be handled again. An LruDedupe in one
of several processes, such as gunicorn's workers, is a warning in the log.)")
        .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle>(), "secrets"_a, nb::kw_only(),
             "tolerance"_a = 300, "max_body"_a = 1'048'576, "dedupe"_a = nb::none(),
             nb::sig("def __init__(self, secrets: str | bytes | collections.abc.Sequence[str | bytes], *, "
                     "tolerance: int = 300, max_body: int = 1048576, "
                     "dedupe: LruDedupe | puck_webhooks._stores.DedupeStore | str | None = None) -> None"))
        .def_prop_ro("max_body", &py_receiver::max_body, "The longest body that is accepted, in bytes.")
        .def_prop_ro("dedupe", &py_receiver::dedupe,
                     nb::sig("def dedupe(self) -> LruDedupe | puck_webhooks._stores.DedupeStore"), "The store.")
        .def("receive", &py_receiver::receive, "headers"_a, "body"_a, nb::kw_only(), "received_at"_a = nb::none(),
             nb::sig(
                 "def receive(self, headers: collections.abc.Mapping[str, str] | "
                 "collections.abc.Mapping[bytes, bytes] | collections.abc.Iterable[tuple[str | bytes, str | bytes]], "
                 "body: bytes | bytearray | memoryview, *, received_at: int | None = None) -> Delivery"),
             R"(Judge one request as Verifier.verify does, with the same arguments, and then claim its event.

Raises a WebhookError for a bad delivery (answer Puck with its http_status), and TypeError or ValueError for a wrong
argument.)");
}
