// verify_signature: a signed body is accepted. It is refused after a change of one bit. Any other header is accepted
// only if an independent HMAC agrees.
//
// An input is one byte for the secret, three bytes for the bit to flip, a line with a hostile header, and the body.
#include "support.hpp"

namespace {

using puck::reason;

const puck::verifier& judge() {
    static const puck::verifier made = fuzz::verifier();
    return made;
}

void signed_is_accepted(std::string_view body, std::size_t index, std::size_t bit) {
    std::string header = fuzz::signature(body, fuzz::now_text, fuzz::secrets[index]);
    const auto verified = judge().verify_signature(body, header, fuzz::now);
    fuzz::require(verified.has_value(), "a signed body is accepted");
    fuzz::require(verified->secret_index == index && verified->timestamp == fuzz::now,
                  "the proof has the right secret and timestamp");

    // One bit of the body, or one digit of the signature.
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
    const auto refused = judge().verify_signature(changed, header, fuzz::now);
    fuzz::require(!refused && refused.error().reason() == reason::signature_mismatch, "one changed bit is a mismatch");

    const auto old = judge().verify_signature(body, fuzz::signature(body, fuzz::now_text, fuzz::secrets[index]),
                                              fuzz::now + std::chrono::seconds(301));
    fuzz::require(!old && old.error().reason() == reason::timestamp_too_old,
                  "a signed body is refused after the window");
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
    const auto verified = judge().dangerously_verify_without_window(body, hostile, fuzz::now);
    const auto header = puck::signature_header::parse(hostile);
    if (!header) {
        fuzz::require(!verified && verified.error().reason() == header.error().reason(),
                      "a bad header is refused with the reason of its parser");
        return;
    }
    fuzz::require(verified.has_value() == is_signed(*header, body),
                  "a header is accepted if and only if an independent HMAC agrees");
    if (!verified)
        fuzz::require(verified.error().reason() == reason::signature_mismatch, "any other header is a mismatch");
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
