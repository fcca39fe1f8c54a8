#include "puck/verifier.hpp"

#include "puck/envelope.hpp"
#include "puck/signature.hpp"
#include "signed_content.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace puck {
namespace {

constexpr std::string_view signature_name = "X-Puck-Signature";
constexpr std::string_view event_id_name = "X-Puck-Event-Id";
constexpr std::string_view event_type_name = "X-Puck-Event-Type";

auto named(std::string_view name) noexcept {
    return [name](const header& line) { return detail::equal_ignoring_case(line.name, name); };
}

result<std::string_view> find_signature(std::span<const header> headers) noexcept {
    const auto is_signature = named(signature_name);
    const auto first = std::ranges::find_if(headers, is_signature);
    if (first == headers.end()) return unexpected{error(reason::missing_signature)};
    if (std::any_of(first + 1, headers.end(), is_signature))
        return unexpected{error(reason::malformed_signature, "There is more than one X-Puck-Signature header.")};
    return first->value;
}

/// Whether a header agrees with the event. Only the body is signed, so a header with the event's id or type must match
/// the body. An empty header is ignored.
bool agrees(const header& line, const event& event) noexcept {
    const bool is_event_id = named(event_id_name)(line);
    if (!is_event_id && !named(event_type_name)(line)) return true;
    const std::string_view value = detail::trim(line.value);
    if (value.empty()) return true;
    if (!is_event_id) return value == event.event_type();
    return value == event.event_id() || uuid::parse(value) == event.id();  // usually the text is equal
}

/// `received_at` minus `timestamp`, saturated. The timestamp is not negative.
std::chrono::seconds skew(std::chrono::sys_seconds timestamp, std::chrono::sys_seconds received_at) noexcept {
    using std::chrono::sys_seconds;
    if (received_at < sys_seconds::min() + timestamp.time_since_epoch()) return std::chrono::seconds::min();
    return received_at - timestamp;
}

}  // namespace

verifier::verifier(secret_ring secrets, verifier_settings settings) noexcept
    : secrets_(std::move(secrets)), settings_(settings) {}

result<verifier> verifier::make(secret_ring secrets, verifier_settings settings) noexcept {
    using std::chrono::seconds;
    if (secrets.size() == 0) return unexpected{error(reason::invalid_argument, "There is no signing secret.")};
    if (settings.tolerance < seconds(1) || settings.tolerance > seconds(86'400))
        return unexpected{error(reason::invalid_argument, "The tolerance is not within 1 to 86400 seconds.")};
    if (settings.max_body < 1 || settings.max_body > 1'073'741'824)
        return unexpected{error(reason::invalid_argument, "The body limit is not within 1 to 1073741824 bytes.")};
    return verifier(std::move(secrets), settings);
}

result<verified, rejection> verifier::verify(const request& request) const noexcept {
    // The size is checked before the headers: the headers of a body that is too large are not judged.
    if (const auto failed = check_arguments(request.body, request.received_at)) return unexpected{rejection(*failed)};
    const auto signature = find_signature(request.headers);
    if (!signature) return unexpected{rejection(signature.error())};

    auto proof = judge_signature(request.body, *signature, request.received_at);
    if (!proof) return unexpected{std::move(proof).error()};

    auto event = parse_envelope(request.body);
    if (!event) return unexpected{rejection(event.error(), *proof)};
    const auto agrees_with_event = [&](const header& line) { return agrees(line, *event); };
    if (!std::ranges::all_of(request.headers, agrees_with_event))
        return unexpected{rejection(reason::header_mismatch, *proof, std::move(*event))};
    return verified(std::move(*event), *proof);
}

result<proof, rejection> verifier::verify_signature(std::string_view body, std::string_view signature,
                                                    std::chrono::sys_seconds received_at) const noexcept {
    if (const auto failed = check_arguments(body, received_at)) return unexpected{rejection(*failed)};
    return judge_signature(body, signature, received_at);
}

result<proof, rejection> verifier::dangerously_verify_without_window(
    std::string_view body, std::string_view signature, std::chrono::sys_seconds received_at) const noexcept {
    if (const auto failed = check_arguments(body, received_at)) return unexpected{rejection(*failed)};
    auto proof = authenticate(body, signature, received_at);
    if (!proof) return unexpected{rejection(proof.error())};
    return *proof;
}

std::optional<error> verifier::check_arguments(std::string_view body,
                                               std::chrono::sys_seconds received_at) const noexcept {
    constexpr std::chrono::sys_seconds first_in_milliseconds{std::chrono::seconds(1'000'000'000'000)};
    if (secrets_.size() == 0) return error(reason::invalid_argument, "The verifier was moved away before its use.");
    if (received_at >= first_in_milliseconds)
        return error(reason::invalid_argument,
                     "The received_at is 10^12 or more, which looks like milliseconds. Give it in Unix seconds.");
    if (body.size() > settings_.max_body) return error(reason::payload_too_large);
    return std::nullopt;
}

result<proof, rejection> verifier::judge_signature(std::string_view body, std::string_view signature,
                                                   std::chrono::sys_seconds received_at) const noexcept {
    const auto proof = authenticate(body, signature, received_at);
    if (!proof) return unexpected{rejection(proof.error())};
    if (proof->skew_seconds > settings_.tolerance) return unexpected{rejection(reason::timestamp_too_old, *proof)};
    if (proof->skew_seconds < -settings_.tolerance) return unexpected{rejection(reason::timestamp_too_new, *proof)};
    return *proof;
}

result<proof> verifier::authenticate(std::string_view body, std::string_view signature,
                                     std::chrono::sys_seconds received_at) const noexcept {
    const auto header = signature_header::parse(signature);
    if (!header) return unexpected{header.error()};

    // Every candidate is compared with every secret, also after a match. So the time does not show a stranger which
    // secret or which candidate matched.
    const auto candidates = std::span(header->candidates).first(header->candidate_count);
    std::optional<proof> match;
    std::size_t index = 0;
    for (const secret& one : secrets_) {
        detail::secret_digest mac;
        if (!detail::sign_content(one.key(), header->timestamp_text, body, mac))
            return unexpected{error(reason::crypto_failure)};
        bool matches = false;
        for (const auto& candidate : candidates) matches |= mac.equals(candidate);
        if (matches && !match)
            match = proof{header->timestamp, skew(header->timestamp, received_at), index, one.fingerprint()};
        ++index;
    }
    if (!match) return unexpected{error(reason::signature_mismatch)};
    return *match;
}

}  // namespace puck
