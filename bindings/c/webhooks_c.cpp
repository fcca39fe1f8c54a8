// The C API: signing, verifying, events and receiving. The stores are in dedupe_c.cpp.

#include "guard.hpp"
#include "handles.hpp"
#include "structs.hpp"

#include <puck/webhooks.h>
#include <puck/webhooks.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using puck::error;
using puck::reason;
using puck_c::failure;
using puck_c::guarded;
using puck_c::judged;
using puck_c::null_pointer;
using puck_c::outcome;

namespace {

constexpr std::pair<std::int32_t, reason> pins[]{
    {PUCK_OK, reason::ok},
    {PUCK_MISSING_SIGNATURE, reason::missing_signature},
    {PUCK_MALFORMED_SIGNATURE, reason::malformed_signature},
    {PUCK_UNSUPPORTED_SCHEME, reason::unsupported_scheme},
    {PUCK_SIGNATURE_MISMATCH, reason::signature_mismatch},
    {PUCK_TIMESTAMP_TOO_OLD, reason::timestamp_too_old},
    {PUCK_TIMESTAMP_TOO_NEW, reason::timestamp_too_new},
    {PUCK_PAYLOAD_TOO_LARGE, reason::payload_too_large},
    {PUCK_INVALID_JSON, reason::invalid_json},
    {PUCK_DUPLICATE_KEY, reason::duplicate_key},
    {PUCK_MISSING_FIELD, reason::missing_field},
    {PUCK_WRONG_TYPE, reason::wrong_type},
    {PUCK_INVALID_EVENT_ID, reason::invalid_event_id},
    {PUCK_INVALID_EVENT_TYPE, reason::invalid_event_type},
    {PUCK_INVALID_EMITTED_AT, reason::invalid_emitted_at},
    {PUCK_UNSUPPORTED_API_VERSION, reason::unsupported_api_version},
    {PUCK_HEADER_MISMATCH, reason::header_mismatch},
    {PUCK_DUPLICATE, reason::duplicate},
    {PUCK_IN_PROGRESS, reason::in_progress},
    {PUCK_INVALID_ARGUMENT, reason::invalid_argument},
    {PUCK_OUT_OF_MEMORY, reason::out_of_memory},
    {PUCK_CRYPTO_FAILURE, reason::crypto_failure},
    {PUCK_STORE_UNAVAILABLE, reason::store_unavailable},
    {PUCK_STORE_FULL, reason::store_full},
    {PUCK_CLAIM_LOST, reason::claim_lost},
    {PUCK_INTERNAL, reason::internal},
};
static_assert(std::ranges::all_of(pins, [](auto pin) { return pin.first == static_cast<std::int32_t>(pin.second); }));
static_assert(PUCK_SEVERITY_LOW == static_cast<int>(puck::severity::low));
static_assert(PUCK_SEVERITY_CRITICAL == static_cast<int>(puck::severity::critical));

// The longest header: t, twelve digits, and a v1 for each secret.
static_assert(PUCK_SIGNATURE_SIZE > 2 + 12 + puck::secret_ring::max_secrets * (4 + 2 * sizeof(puck::mac_bytes)));

static_assert(std::has_unique_object_representations_v<puck_verdict>, "a later field would hide in its padding");

std::chrono::sys_seconds time_of(std::int64_t unix_seconds) noexcept {
    return std::chrono::sys_seconds(std::chrono::seconds(unix_seconds));
}

/// More secrets than a ring takes are not even read: it refuses their number.
puck::result<puck::secret_ring> ring_of(const puck_bytes* given, std::size_t count) noexcept {
    std::array<std::string_view, puck::secret_ring::max_secrets + 1> texts;
    if (given == nullptr && count > 0) return puck::unexpected{null_pointer};
    for (std::size_t i = 0; count < texts.size() && i < count; ++i) {
        const auto bytes = puck_c::view(given[i]);
        if (!bytes) return puck::unexpected{null_pointer};
        texts[i] = *bytes;
    }
    return puck::secret_ring::make(std::span(texts).first(std::min(count, texts.size())));
}

/// Makes the handle of a verifier or a receiver, whose core is made by `make` from the secrets and the settings.
template <class Handle, class Make>
std::int32_t make_judge(const puck_bytes* secrets, std::size_t secret_count, const puck_verifier_settings* settings,
                        Handle** handle, const char** detail, Make make) {
    if (handle != nullptr) *handle = nullptr;
    return guarded(detail, [&]() -> outcome {
        if (handle == nullptr) return null_pointer;
        puck_verifier_settings given = PUCK_VERIFIER_SETTINGS_INIT;
        if (!puck_c::read(settings, given)) return puck_c::bad_struct;
        const auto max_body = std::min<std::uint64_t>(given.max_body, std::numeric_limits<std::size_t>::max());
        auto ring = ring_of(secrets, secret_count);
        if (!ring) return ring.error();
        auto made = make(std::move(*ring), std::chrono::seconds(given.tolerance), static_cast<std::size_t>(max_body));
        if (!made) return made.error();
        *handle = new Handle{std::move(*made)};
        return std::nullopt;
    });
}

// --- Verdicts and events ---------------------------------------------------------------------------------------------

void copy_text(std::string_view text, char* to) noexcept { *std::ranges::copy(text, to).out = '\0'; }

std::int32_t severity_of(const puck::event& event) noexcept {
    return event.severity() ? static_cast<std::int32_t>(*event.severity()) : PUCK_SEVERITY_NONE;
}

puck_event_fields fields_of(const puck::event& event) noexcept {
    puck_event_fields fields{};
    fields.event_id = puck_c::bytes_of(event.event_id());
    fields.event_type = puck_c::bytes_of(event.event_type());
    fields.emitted_at_text = puck_c::bytes_of(event.emitted_at_text());
    fields.api_version = puck_c::bytes_of(event.api_version());
    fields.data_json = puck_c::bytes_of(event.data_json());
    fields.emitted_at_seconds = event.emitted_at().seconds.time_since_epoch().count();
    fields.emitted_at_nanoseconds = static_cast<std::int32_t>(event.emitted_at().nanoseconds.count());
    fields.severity = severity_of(event);
    std::ranges::copy(event.id().bytes, fields.id);
    return fields;
}

void fill(puck_verdict& verdict, const puck::proof& proof) noexcept {
    verdict.is_authentic = 1;
    verdict.timestamp = proof.timestamp.time_since_epoch().count();
    verdict.skew_seconds = proof.skew_seconds.count();
    verdict.secret_index = static_cast<std::int32_t>(proof.secret_index);
    copy_text(proof.secret_fingerprint, verdict.secret_fingerprint);
}

void fill(puck_verdict& verdict, const puck::event& event) noexcept {
    verdict.has_event = 1;
    verdict.emitted_at_seconds = event.emitted_at().seconds.time_since_epoch().count();
    verdict.emitted_at_nanoseconds = static_cast<std::int32_t>(event.emitted_at().nanoseconds.count());
    verdict.severity = severity_of(event);
    copy_text(event.event_id(), verdict.event_id);
    copy_text(event.event_type(), verdict.event_type);
    copy_text(event.api_version(), verdict.api_version);
}

outcome refuse(puck_verdict& verdict, const puck::rejection& no) noexcept {
    if (no.proof) fill(verdict, *no.proof);
    if (no.event) fill(verdict, *no.event);
    return no;
}

// --- Judging ---------------------------------------------------------------------------------------------------------

/// A request as C gives it.
struct given_request {
    const puck_header* headers;
    std::size_t header_count;
    const void* body;
    std::size_t body_size;
    std::int64_t received_at;
};

/// The caller's header lines as the core takes them. False if an element holds a null pointer.
bool read_headers(const given_request& given, std::pmr::vector<puck::header>& headers) {
    headers.reserve(given.header_count);
    for (const puck_header& line : std::span(given.headers, given.header_count)) {
        const auto name = puck_c::view(line.name);
        const auto value = puck_c::view(line.value);
        if (!name || !value) return false;
        headers.push_back({*name, *value});
    }
    return true;
}

/// Verifies or receives a request, and makes the handle of its event or delivery.
template <class Judge, class Core, class Accepted, class Handle>
std::int32_t judge(const Judge* by, puck::result<Accepted, puck::rejection> (Core::*how)(const puck::request&) const,
                   const given_request& given, Handle** handle, puck_verdict* verdict) {
    if (handle != nullptr) *handle = nullptr;
    return judged(verdict, [&](puck_verdict& filled) -> outcome {
        const auto body = puck_c::view(given.body, given.body_size);
        if (by == nullptr || handle == nullptr || !body) return null_pointer;
        if (given.headers == nullptr && given.header_count > 0) return null_pointer;

        std::array<std::byte, 4096> room;  // enough for the headers of most requests, so that they need no allocation
        std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
        std::pmr::vector<puck::header> headers(&memory);
        if (given.header_count > headers.max_size())
            return error(reason::invalid_argument, "The count of headers is more than any memory could hold.");
        if (!read_headers(given, headers)) return null_pointer;

        auto accepted = (by->core.*how)({headers, *body, time_of(given.received_at)});
        if (!accepted) return refuse(filled, accepted.error());
        fill(filled, accepted->proof());
        fill(filled, accepted->event());
        *handle = new Handle(std::move(*accepted));
        return std::nullopt;
    });
}

using judge_signature = puck::result<puck::proof, puck::rejection> (puck::verifier::*)(
    std::string_view, std::string_view, std::chrono::sys_seconds) const noexcept;

/// Judges a signature alone, with the window or without it.
std::int32_t judge(const puck_verifier* verifier, judge_signature how, const void* body, std::size_t body_size,
                   const char* signature, std::size_t signature_size, std::int64_t received_at,
                   puck_verdict* verdict) noexcept {
    return judged(verdict, [&](puck_verdict& filled) -> outcome {
        const auto bytes = puck_c::view(body, body_size);
        const auto header = puck_c::view(signature, signature_size);
        if (verifier == nullptr || !bytes || !header) return null_pointer;
        const auto proof = (verifier->core.*how)(*bytes, *header, time_of(received_at));
        if (!proof) return refuse(filled, proof.error());
        fill(filled, *proof);
        return std::nullopt;
    });
}

/// Settles a delivery, one way or the other.
std::int32_t settle(puck_delivery* delivery, reason (puck::delivery::*how)() noexcept) noexcept {
    return guarded(nullptr, [&]() -> outcome {
        if (delivery == nullptr) return null_pointer;
        return failure((delivery->core.*how)());
    });
}

}  // namespace

const char* puck_reason_name(std::int32_t why) { return puck::name(static_cast<reason>(why)).data(); }
const char* puck_reason_message(std::int32_t why) { return puck::message(static_cast<reason>(why)).data(); }
std::int32_t puck_reason_http_status(std::int32_t why) { return puck::http_status(static_cast<reason>(why)); }
std::int32_t puck_reason_retryable(std::int32_t why) { return puck::retryable(static_cast<reason>(why)) ? 1 : 0; }
const char* puck_version() { return puck::version.data(); }

std::int32_t puck_sign(const puck_bytes* secrets, std::size_t secret_count, const void* body, std::size_t body_size,
                       std::int64_t timestamp, char* signature, std::size_t signature_size, const char** detail) {
    if (signature != nullptr && signature_size > 0) *signature = '\0';
    return guarded(detail, [&]() -> outcome {
        const auto bytes = puck_c::view(body, body_size);
        if (signature == nullptr || !bytes) return null_pointer;
        const auto ring = ring_of(secrets, secret_count);
        if (!ring) return ring.error();
        const auto value = puck::sign(*ring, *bytes, time_of(timestamp));
        if (!value) return value.error();
        if (value->size() >= signature_size)
            return error(reason::invalid_argument, "There is too little room for the signature.");
        copy_text(*value, signature);
        return std::nullopt;
    });
}

std::int32_t puck_verifier_new(const puck_bytes* secrets, std::size_t secret_count,
                               const puck_verifier_settings* settings, puck_verifier** verifier, const char** detail) {
    return make_judge(secrets, secret_count, settings, verifier, detail, [](auto ring, auto tolerance, auto max_body) {
        return puck::verifier::make(std::move(ring), {tolerance, max_body});
    });
}

void puck_verifier_free(puck_verifier* verifier) { delete verifier; }

std::int32_t puck_verifier_verify(const puck_verifier* verifier, const puck_header* headers, std::size_t header_count,
                                  const void* body, std::size_t body_size, std::int64_t received_at, puck_event** event,
                                  puck_verdict* verdict) {
    return judge(verifier, &puck::verifier::verify, {headers, header_count, body, body_size, received_at}, event,
                 verdict);
}

std::int32_t puck_verifier_verify_signature(const puck_verifier* verifier, const void* body, std::size_t body_size,
                                            const char* signature, std::size_t signature_size, std::int64_t received_at,
                                            puck_verdict* verdict) {
    return judge(verifier, &puck::verifier::verify_signature, body, body_size, signature, signature_size, received_at,
                 verdict);
}

std::int32_t puck_verifier_dangerously_verify_without_window(const puck_verifier* verifier, const void* body,
                                                             std::size_t body_size, const char* signature,
                                                             std::size_t signature_size, std::int64_t received_at,
                                                             puck_verdict* verdict) {
    return judge(verifier, &puck::verifier::dangerously_verify_without_window, body, body_size, signature,
                 signature_size, received_at, verdict);
}

std::int32_t puck_parse_envelope(const void* body, std::size_t body_size, puck_event** event, const char** detail) {
    if (event != nullptr) *event = nullptr;
    return guarded(detail, [&]() -> outcome {
        const auto bytes = puck_c::view(body, body_size);
        if (event == nullptr || !bytes) return null_pointer;
        auto parsed = puck::parse_envelope(*bytes);
        if (!parsed) return parsed.error();
        *event = new puck_event(std::move(*parsed));
        return std::nullopt;
    });
}

void puck_event_free(puck_event* event) { delete event; }

std::int32_t puck_event_get_fields(const puck_event* event, puck_event_fields* fields) {
    const bool is_good = fields != nullptr && puck_c::clear(*fields);
    return guarded(nullptr, [&]() -> outcome {
        if (event == nullptr || fields == nullptr) return null_pointer;
        if (!is_good) return puck_c::bad_struct;
        puck_c::write(*fields, fields_of(*event->shown));
        return std::nullopt;
    });
}

std::int32_t puck_receiver_new(const puck_bytes* secrets, std::size_t secret_count,
                               const puck_verifier_settings* settings, puck_dedupe* dedupe, puck_receiver** receiver,
                               const char** detail) {
    return make_judge(secrets, secret_count, settings, receiver, detail, [&](auto ring, auto tolerance, auto max_body) {
        return puck::receiver::make(std::move(ring), {tolerance, max_body, dedupe == nullptr ? nullptr : dedupe->core});
    });
}

void puck_receiver_free(puck_receiver* receiver) { delete receiver; }

std::int32_t puck_receiver_receive(const puck_receiver* receiver, const puck_header* headers, std::size_t header_count,
                                   const void* body, std::size_t body_size, std::int64_t received_at,
                                   puck_delivery** delivery, puck_verdict* verdict) {
    return judge(receiver, &puck::receiver::receive, {headers, header_count, body, body_size, received_at}, delivery,
                 verdict);
}

const puck_event* puck_delivery_event(const puck_delivery* delivery) {
    return delivery == nullptr ? nullptr : &delivery->event;
}

std::int32_t puck_delivery_commit(puck_delivery* delivery) { return settle(delivery, &puck::delivery::commit); }
std::int32_t puck_delivery_release(puck_delivery* delivery) { return settle(delivery, &puck::delivery::release); }

void puck_delivery_free(puck_delivery* delivery) { delete delivery; }
