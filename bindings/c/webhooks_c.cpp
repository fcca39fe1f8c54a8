// The C door: signing, verifying, events and receiving. The stores are in dedupe_c.cpp.

#include "guard.hpp"
#include "handles.hpp"
#include "structs.hpp"

#include <puck/webhooks.h>
#include <puck/webhooks.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <optional>
#include <span>
#include <utility>
#include <vector>

using puck::error;
using puck::reason;
using puck_c::failure;
using puck_c::guarded;
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
static_assert(PUCK_SEVERITY_LOW == static_cast<int>(puck::severity::low) + 1);
static_assert(PUCK_SEVERITY_CRITICAL == static_cast<int>(puck::severity::critical) + 1);

// The longest header: t, twelve digits, and a v1 for each secret.
static_assert(PUCK_SIGNATURE_SIZE > 2 + 12 + puck::secret_ring::max_secrets * (4 + 2 * sizeof(puck::mac_bytes)));

puck::result<puck::secret_ring> ring_of(const puck_bytes* given, std::size_t count) {
    if (given == nullptr && count > 0) return puck::unexpected{null_pointer};
    std::vector<puck::secret> secrets;
    for (std::size_t i = 0; i < std::min(count, puck::secret_ring::max_secrets + 1); ++i) {
        const auto bytes = puck_c::view(given[i]);
        if (!bytes) return puck::unexpected{null_pointer};
        auto made = puck::secret::make(*bytes);
        if (!made) return puck::unexpected{made.error()};
        secrets.push_back(std::move(*made));
    }
    return puck::secret_ring::make(std::move(secrets));
}

puck::result<puck::verifier> verifier_of(const puck_bytes* secrets, std::size_t secret_count,
                                         const puck_verifier_settings* settings) {
    puck_verifier_settings given = PUCK_VERIFIER_SETTINGS_INIT;
    if (!puck_c::read(settings, given)) return puck::unexpected{puck_c::bad_struct};
    const auto max_body = std::min<std::uint64_t>(given.max_body, std::numeric_limits<std::size_t>::max());
    auto ring = ring_of(secrets, secret_count);
    if (!ring) return puck::unexpected{ring.error()};
    return puck::verifier::make(std::move(*ring), {given.tolerance, static_cast<std::size_t>(max_body)});
}

// --- Accounts ---------------------------------------------------------------------------------------------------------

/// Where to put the sentence. None if there is no account, or one that is none.
const char** detail_of(puck_account* account) noexcept {
    return account != nullptr && puck_c::clear(*account) ? &account->detail : nullptr;
}

bool is_missing_or_good(const puck_account* account) noexcept {
    return account == nullptr || puck_c::has_size(*account);
}

puck_event_fields fields_of(const puck::event& event) noexcept {
    puck_event_fields fields{};
    fields.event_id = puck_c::bytes_of(event.event_id());
    fields.event_type = puck_c::bytes_of(event.event_type());
    fields.emitted_at = puck_c::bytes_of(event.emitted_at_text());
    fields.api_version = puck_c::bytes_of(event.api_version());
    fields.data = puck_c::bytes_of(event.data());
    fields.emitted_at_seconds = event.emitted_at().seconds;
    fields.emitted_at_nanoseconds = event.emitted_at().nanoseconds;
    fields.severity = event.severity() ? static_cast<std::int32_t>(*event.severity()) + 1 : PUCK_SEVERITY_NONE;
    std::ranges::copy(event.id().bytes, fields.id);
    return fields;
}

void copy_text(std::string_view text, char* to) noexcept { *std::ranges::copy(text, to).out = '\0'; }

void tell(puck_account* account, const puck::authenticity& proof) noexcept {
    if (account == nullptr) return;
    account->is_authentic = 1;
    account->timestamp = proof.timestamp;
    account->secret_index = static_cast<std::int32_t>(proof.secret_index);
    copy_text(proof.secret_fingerprint, account->secret_fingerprint);
}

void tell(puck_account* account, const puck::event& event) noexcept {
    if (account == nullptr) return;
    copy_text(event.event_id(), account->event_id);
    copy_text(event.event_type(), account->event_type);
}

/// Both verifications: with the window as of `now`, or without one.
std::int32_t verify(const puck_verifier* verifier, const void* body, std::size_t body_size, const char* signature,
                    std::size_t signature_size, std::optional<std::int64_t> now, puck_account* account) noexcept {
    return guarded(detail_of(account), [&]() -> outcome {
        const auto bytes = puck_c::view(body, body_size);
        const auto header = puck_c::view(signature, signature_size);
        if (verifier == nullptr || !bytes || !header) return null_pointer;
        if (!is_missing_or_good(account)) return puck_c::bad_struct;

        const auto authentic = verifier->core.dangerously_verify_without_window(*bytes, *header);
        if (!authentic) return authentic.error();
        tell(account, *authentic);
        if (!now) return std::nullopt;
        return failure(verifier->core.check_window(authentic->timestamp, *now));
    });
}

// --- Receiving --------------------------------------------------------------------------------------------------------

/// The caller's header lines as the core takes them. None if an element holds a null pointer.
bool read_headers(const puck_header* given, std::size_t count, std::pmr::vector<puck::header>& headers) {
    headers.reserve(count);
    for (const puck_header& line : std::span(given, count)) {
        const auto name = puck_c::view(line.name);
        const auto value = puck_c::view(line.value);
        if (!name || !value) return false;
        headers.push_back({*name, *value});
    }
    return true;
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
        const auto value = puck::sign(*ring, *bytes, timestamp);
        if (!value) return value.error();
        if (value->size() >= signature_size)
            return error(reason::invalid_argument, "There is too little room for the signature.");
        copy_text(*value, signature);
        return std::nullopt;
    });
}

std::int32_t puck_verifier_new(const puck_bytes* secrets, std::size_t secret_count,
                               const puck_verifier_settings* settings, puck_verifier** verifier, const char** detail) {
    if (verifier != nullptr) *verifier = nullptr;
    return guarded(detail, [&]() -> outcome {
        if (verifier == nullptr) return null_pointer;
        auto made = verifier_of(secrets, secret_count, settings);
        if (!made) return made.error();
        *verifier = new puck_verifier{std::move(*made)};
        return std::nullopt;
    });
}

void puck_verifier_free(puck_verifier* verifier) { delete verifier; }

std::int32_t puck_verify(const puck_verifier* verifier, const void* body, std::size_t body_size, const char* signature,
                         std::size_t signature_size, std::int64_t now, puck_account* account) {
    return verify(verifier, body, body_size, signature, signature_size, now, account);
}

std::int32_t puck_dangerously_verify_without_window(const puck_verifier* verifier, const void* body,
                                                    std::size_t body_size, const char* signature,
                                                    std::size_t signature_size, puck_account* account) {
    return verify(verifier, body, body_size, signature, signature_size, std::nullopt, account);
}

std::int32_t puck_parse_envelope(const void* body, std::size_t body_size, puck_event** event, const char** detail) {
    if (event != nullptr) *event = nullptr;
    return guarded(detail, [&]() -> outcome {
        const auto bytes = puck_c::view(body, body_size);
        if (event == nullptr || !bytes) return null_pointer;
        auto parsed = puck::dangerously_parse_envelope(*bytes);
        if (!parsed) return parsed.error();
        *event = new puck_event(std::move(*parsed));
        return std::nullopt;
    });
}

void puck_event_free(puck_event* event) { delete event; }

std::int32_t puck_event_get(const puck_event* event, puck_event_fields* fields) {
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
    if (receiver != nullptr) *receiver = nullptr;
    return guarded(detail, [&]() -> outcome {
        if (receiver == nullptr || dedupe == nullptr) return null_pointer;
        auto made = verifier_of(secrets, secret_count, settings);
        if (!made) return made.error();
        *receiver = new puck_receiver{puck::receiver(std::move(*made), dedupe->core)};
        return std::nullopt;
    });
}

void puck_receiver_free(puck_receiver* receiver) { delete receiver; }

std::int32_t puck_receive(const puck_receiver* receiver, const puck_header* headers, std::size_t header_count,
                          const void* body, std::size_t body_size, std::int64_t now, puck_delivery** delivery,
                          puck_account* account) {
    if (delivery != nullptr) *delivery = nullptr;
    return guarded(detail_of(account), [&]() -> outcome {
        const auto bytes = puck_c::view(body, body_size);
        if (receiver == nullptr || delivery == nullptr || !bytes) return null_pointer;
        if (headers == nullptr && header_count > 0) return null_pointer;
        if (!is_missing_or_good(account)) return puck_c::bad_struct;

        std::array<std::byte, 4096> room;  // enough for the headers of most requests, so that they need no allocation
        std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
        std::pmr::vector<puck::header> lines(&memory);
        if (header_count > lines.max_size())
            return error(reason::invalid_argument, "The count of headers is more than any memory could hold.");
        if (!read_headers(headers, header_count, lines)) return null_pointer;

        auto judged = receiver->core.receive({lines, *bytes, now});
        if (!judged) {
            const puck::rejection& no = judged.error();
            if (no.authenticity) tell(account, *no.authenticity);
            if (no.event) tell(account, *no.event);
            return no;
        }
        tell(account, judged->authenticity());
        tell(account, judged->event());
        *delivery = new puck_delivery(std::move(*judged));
        return std::nullopt;
    });
}

const puck_event* puck_delivery_event(const puck_delivery* delivery) {
    return delivery == nullptr ? nullptr : &delivery->event;
}

std::int32_t puck_delivery_commit(puck_delivery* delivery) { return settle(delivery, &puck::delivery::commit); }
std::int32_t puck_delivery_release(puck_delivery* delivery) { return settle(delivery, &puck::delivery::release); }

void puck_delivery_free(puck_delivery* delivery) { delete delivery; }
