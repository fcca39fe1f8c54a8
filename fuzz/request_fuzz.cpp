// verify: whole requests (requests.hpp), compared with a second implementation of the contract's rules for headers.
#include "requests.hpp"

#include <optional>

namespace {

using puck::reason;

std::string_view without_space(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
    return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

/// Sections 1, 3 and 6 of the contract, for a request with the right signature.
reason judge(const fuzz::request& request) {
    if (!request.is_in_window())
        return request.received_at > fuzz::now ? reason::timestamp_too_old : reason::timestamp_too_new;
    const auto event = puck::parse_envelope(request.body);
    if (!event) return event.error().reason();
    for (const puck::header& line : request.headers) {
        const std::string name = fuzz::lower(line.name);
        const std::string_view value = without_space(line.value);
        if (value.empty()) continue;
        if (name == "x-puck-event-id" && fuzz::lower(value) != event->event_id()) return reason::header_mismatch;
        if (name == "x-puck-event-type" && value != event->event_type()) return reason::header_mismatch;
    }
    return reason::ok;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::request request(fuzz::input(data, size));
    const puck::verifier verifier = fuzz::verifier();
    auto verified = verifier.verify(request);
    const reason verdict = verified ? reason::ok : verified.error().reason();
    const auto again = verifier.verify(request);
    fuzz::require((again ? reason::ok : again.error().reason()) == verdict,
                  "a request gets the same verdict every time");

    if (!request.is_signed()) {
        const auto expected = request.signatures > 1    ? reason::malformed_signature
                              : request.signatures == 0 ? reason::missing_signature
                                                        : verdict;
        fuzz::require(
            !verified && verdict == expected && static_cast<int>(verdict) < 105 && static_cast<int>(verdict) > 100,
            "a request that is not signed is refused for its signature");
        fuzz::require(!verified.error().proof && !verified.error().event, "such a rejection has no proof and no event");
        return 0;
    }

    fuzz::require(verdict == judge(request), "both implementations give the same reason");
    const std::optional<puck::proof> proof = verified ? verified->proof() : verified.error().proof;
    fuzz::require(proof.has_value() && proof->timestamp == fuzz::now,
                  "a signed request has a proof, with its timestamp");
    fuzz::require(proof->skew_seconds == request.received_at - fuzz::now, "the proof has the skew");
    fuzz::require(proof->secret_index == (request.flags & fuzz::with_old_secret ? 1U : 0U),
                  "the proof has the index of the secret");
    const bool is_parsed = verified || verdict == reason::header_mismatch;
    fuzz::require(verified || verified.error().event.has_value() == is_parsed,
                  "a rejection has the event if it was parsed");

    const auto alone = verifier.verify_signature(request.body, request.signature, request.received_at);
    fuzz::require(alone.has_value() == request.is_in_window(),
                  "verify_signature gives the same verdict on the signature");
    if (verified) {
        const puck::event event = std::move(*verified).event();
        fuzz::require(puck::parse_envelope(request.body)->data_json() == event.data_json(),
                      "the event is that of the body");
    }
    return 0;
}
