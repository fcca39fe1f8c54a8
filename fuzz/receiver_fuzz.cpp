// The receiver: whole deliveries. They are signed here, so that they get past the MAC.
//
// An input: a byte of flags, headers as lines "name: value" up to an empty line, and the body.
#include "support.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace {

using puck::reason;

enum flag : std::uint8_t { is_unsigned = 1, with_old_secret = 2, is_stale = 4, is_early = 8, is_released = 16 };

std::vector<puck::header> headers_of(fuzz::input& in) {
    std::vector<puck::header> headers;
    while (!in.is_empty() && headers.size() < 64) {
        const std::string_view line = in.line();
        if (line.empty()) break;
        const auto colon = std::min(line.find(": "), line.size());
        headers.push_back({line.substr(0, colon), line.substr(std::min(colon + 2, line.size()))});
    }
    return headers;
}

reason outcome(const puck::result<puck::delivery, puck::rejection>& judged) {
    return judged ? reason::ok : judged.error().why();
}

bool is_signature(const puck::header& line) {
    std::string name(line.name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return name == "x-puck-signature";
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::uint8_t flags = in.byte();
    std::vector<puck::header> headers = headers_of(in);
    const std::string_view body = in.rest();
    std::size_t signatures = 0;
    for (const puck::header& line : headers) signatures += is_signature(line) ? 1 : 0;
    const std::string signature =
        fuzz::signature(body, std::to_string(fuzz::now), fuzz::secrets[flags & with_old_secret ? 1 : 0]);
    if (!(flags & is_unsigned)) {
        headers.push_back({"X-Puck-Signature", signature});
        ++signatures;
    }

    const std::shared_ptr<puck::lru_dedupe> store = puck::lru_dedupe::make({.capacity = 4}).value();
    const puck::receiver receiver(fuzz::verifier(), store);
    const puck::request request{headers, body, fuzz::now + (flags & is_stale ? 301 : 0) - (flags & is_early ? 301 : 0)};
    auto judged = receiver.receive(request);
    const reason why = outcome(judged);

    if (signatures > 1) fuzz::require(why == reason::malformed_signature, "two signatures are refused");
    if (signatures == 0) fuzz::require(why == reason::missing_signature, "and so is none");
    if (signatures != 1 || (flags & is_unsigned)) {
        // A hostile header could only be right by luck: MACs of a random t over this very body.
        fuzz::require(why != reason::ok && judged.error().authenticity == std::nullopt,
                      "what is not signed is refused");
        fuzz::require(store->stats().claims == 0, "and never reaches the store");
        return 0;
    }

    const bool in_window = ((flags & is_stale) != 0) == ((flags & is_early) != 0);
    if (!in_window) {
        fuzz::require(why == (flags & is_stale ? reason::timestamp_too_old : reason::timestamp_too_new),
                      "the window holds");
        return 0;
    }
    if (!judged) {
        fuzz::require(fuzz::is_refusal(why) && judged.error().authenticity.has_value(),
                      "a refusal says that it is authentic");
        fuzz::require(why == reason::header_mismatch || outcome(receiver.receive(request)) == why,
                      "and stays what it is");
        const auto parsed = puck::dangerously_parse_envelope(body);
        fuzz::require(why == (parsed ? reason::header_mismatch : parsed.error().why()), "with the envelope's reason");
        fuzz::require(store->stats().claims == 0, "without a claim");
        return 0;
    }

    const puck::uuid id = judged->event().id();
    fuzz::require(outcome(receiver.receive(request)) == reason::in_progress, "an event is handled by one at a time");
    fuzz::require(!store->seen(id), "and is not seen before it is committed");
    if (flags & is_released) {
        fuzz::require(judged->release() == reason::ok, "an event can be given back");
        fuzz::require(receiver.receive(request).has_value(), "and then Puck's next attempt is welcome");
    } else {
        fuzz::require(judged->commit() == reason::ok && store->seen(id), "a commit makes it seen");
        fuzz::require(outcome(receiver.receive(request)) == reason::duplicate, "and what comes again a duplicate");
    }
    fuzz::require(judged->commit() == reason::claim_lost, "a delivery is settled once");
    return 0;
}
