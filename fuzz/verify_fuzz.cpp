// verify: what is signed is accepted, what is changed by one bit is not, and nothing else but what an independent HMAC
// agrees with.
//
// An input: four bytes (which secret; which bit to flip, in three), a line with a hostile header, and the body.
#include "support.hpp"

namespace {

using puck::reason;

const puck::verifier& judge() {
    static const puck::verifier made = fuzz::verifier();
    return made;
}

void signed_is_accepted(std::string_view body, std::size_t index, std::size_t bit) {
    const std::string t = std::to_string(fuzz::now);
    std::string header = fuzz::signature(body, t, fuzz::secrets[index]);
    const auto verified = judge().verify(body, header, fuzz::now);
    fuzz::require(verified.has_value(), "what is signed is accepted");
    fuzz::require(verified->secret_index == index && verified->timestamp == fuzz::now, "and so is how it was signed");
    fuzz::require(verified->body().data() == body.data() && verified->body().size() == body.size(),
                  "what was verified is the body itself");

    // One bit of all that the signature covers, or of the signature.
    std::string changed(body);
    const std::size_t mac_at = header.find("v1=") + 3;
    const std::size_t bits = 8 * (changed.size() + 64);
    bit %= bits;
    if (bit < 8 * changed.size()) {
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    } else {
        char& digit = header[mac_at + bit / 8 - changed.size()];
        digit = digit == '0' ? '1' : '0';
    }
    const auto refused = judge().verify(changed, header, fuzz::now);
    fuzz::require(!refused && refused.error().why() == reason::signature_mismatch, "one changed bit is a mismatch");

    const auto old = judge().verify(body, fuzz::signature(body, t, fuzz::secrets[index]), fuzz::now + 301);
    fuzz::require(!old && old.error().why() == reason::timestamp_too_old, "what is signed grows stale");
}

/// Whether one of the v1 is the MAC of this body under one of the secrets, with the header's own t.
bool is_signed(const puck::signature_header& header, std::string_view body) {
    for (const std::string_view secret : fuzz::secrets) {
        const std::string right = fuzz::mac(secret, header.timestamp_text, body);
        for (std::size_t i = 0; i < header.candidate_count; ++i) {
            std::string given;
            for (const std::uint8_t byte : header.candidates[i]) {
                given += "0123456789abcdef"[byte >> 4];
                given += "0123456789abcdef"[byte & 15];
            }
            if (given == right) return true;
        }
    }
    return false;
}

void unsigned_is_refused(std::string_view body, std::string_view hostile) {
    const auto verified = judge().dangerously_verify_without_window(body, hostile);
    const auto header = puck::signature_header::parse(hostile);
    if (!header) {
        fuzz::require(!verified && verified.error().why() == header.error().why(),
                      "a bad header is told as what it is");
        return;
    }
    fuzz::require(verified.has_value() == is_signed(*header, body), "accepted is what an independent HMAC agrees with");
    if (!verified) fuzz::require(verified.error().why() == reason::signature_mismatch, "and the rest is a mismatch");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const std::size_t index = in.byte() % fuzz::secrets.size();
    const std::size_t bit =
        in.byte() | static_cast<std::size_t>(in.byte()) << 8 | static_cast<std::size_t>(in.byte()) << 16;
    const std::string_view hostile = in.line();
    signed_is_accepted(in.rest(), index, bit);
    unsigned_is_refused(in.rest(), hostile);
    return 0;
}
