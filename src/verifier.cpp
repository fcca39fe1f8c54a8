#include "puck/verifier.hpp"

#include "hmac.hpp"
#include "puck/signature.hpp"

#include <optional>
#include <span>

namespace puck {
verifier::verifier(secret_ring secrets, verifier_settings settings) noexcept
    : secrets_(std::move(secrets)), settings_(settings) {}

result<verifier> verifier::make(secret_ring secrets, verifier_settings settings) noexcept {
    if (secrets.size() == 0) return unexpected{error(reason::invalid_argument, "There is no signing secret.")};
    if (settings.tolerance < 1 || settings.tolerance > 86'400)
        return unexpected{error(reason::invalid_argument, "The tolerance is not within 1 to 86400 seconds.")};
    if (settings.max_body < 1 || settings.max_body > 1'073'741'824)
        return unexpected{error(reason::invalid_argument, "The body limit is not within 1 to 1073741824 bytes.")};
    return verifier(std::move(secrets), settings);
}

result<verified> verifier::verify(std::string_view body, std::string_view signature, std::int64_t now) const noexcept {
    auto authentic = dangerously_verify_without_window(body, signature);
    if (!authentic) return authentic;
    if (const reason why = check_window(authentic->timestamp, now); why != reason::ok) return unexpected{error(why)};
    return authentic;
}

result<verified> verifier::dangerously_verify_without_window(std::string_view body,
                                                             std::string_view signature) const noexcept {
    if (secrets_.size() == 0)
        return unexpected{error(reason::invalid_argument, "The verifier was moved away before its use.")};
    if (const reason why = check_size(body); why != reason::ok) return unexpected{error(why)};
    const auto header = signature_header::parse(signature);
    if (!header) return unexpected{header.error()};

    // Every candidate is compared with every secret, whatever was found before, so that the time taken tells a stranger
    // nothing about which secret or which candidate it was.
    const auto candidates = std::span(header->candidates).first(header->candidate_count);
    std::optional<authenticity> match;
    std::size_t index = 0;
    for (const secret& one : secrets_) {
        detail::computed_mac mac;
        if (!detail::sign_delivery(one.key(), header->timestamp_text, body, mac))
            return unexpected{error(reason::crypto_failure)};
        bool matches = false;
        for (const auto& candidate : candidates) matches |= mac.equals(candidate);
        if (matches && !match) match = authenticity{header->timestamp, index, one.fingerprint()};
        ++index;
    }
    if (!match) return unexpected{error(reason::signature_mismatch)};
    return verified(*match, body);
}

reason verifier::check_window(std::int64_t timestamp, std::int64_t now) const noexcept {
    const std::int64_t skew = authenticity{timestamp, 0, {}}.skew(now);
    if (skew > settings_.tolerance) return reason::timestamp_too_old;
    if (skew < -settings_.tolerance) return reason::timestamp_too_new;
    return reason::ok;
}

reason verifier::check_size(std::string_view body) const noexcept {
    return body.size() > settings_.max_body ? reason::payload_too_large : reason::ok;
}

}  // namespace puck
