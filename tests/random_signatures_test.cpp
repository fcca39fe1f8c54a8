// 10,000 random secrets and bodies, signed by Python's hmac (random_signatures.py). We must make the same signatures,
// accept Python's, and refuse them after a change of one bit.
#include "support/deliveries.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <random>
#include <string>

using puck::reason;

namespace {

std::string unhex(const std::string& digits) {
    std::string out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return out;
}

puck::verifier verifier_for(std::string_view secret) {
    return puck::verifier::make(puck::secret_ring::make({secret}).value()).value();
}

reason judge(const puck::verifier& verifier, std::string_view body, std::string_view header,
             std::chrono::sys_seconds now) {
    const auto verified = verifier.verify_signature(body, header, now);
    return verified ? reason::ok : verified.error().reason();
}

void flip(std::string& bytes, std::size_t bit) { bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8); }

}  // namespace

TEST_CASE("10,000 random deliveries agree with Python's hmac, and none is accepted after a change of one bit") {
    std::ifstream in(PUCK_RANDOM_SIGNATURES);
    REQUIRE(in);
    std::mt19937 random(20260503);
    const auto below = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };

    int count = 0;
    std::string secret_hex, timestamp, body_hex, mac_hex;
    while (in >> secret_hex >> timestamp >> body_hex >> mac_hex) {
        ++count;
        CAPTURE(count);
        const std::string secret = unhex(secret_hex);
        const std::string body = unhex(body_hex.substr(1));  // it follows a dot, so that an empty body is a word too
        const auto now = support::unix_time(std::stoll(timestamp));
        const std::string header = "t=" + timestamp + ",v1=" + mac_hex;
        const auto ring = puck::secret_ring::make({secret});
        REQUIRE(ring);
        CHECK(puck::sign(*ring, body, now).value() == header);

        const auto verifier = verifier_for(secret);
        CHECK(judge(verifier, body, header, now) == reason::ok);

        // A bit of t. If the digit becomes another digit, the MAC differs; if not, the grammar is broken.
        std::string other_t = header;
        flip(other_t, 8 * (2 + below(timestamp.size())) + below(8));
        CHECK(judge(verifier, body, other_t, now) != reason::ok);

        // With the lowest bit changed, a digit is still a digit: 0 <-> 1, 2 <-> 3, ...
        other_t = header;
        flip(other_t, 8 * (2 + timestamp.size() - 1));
        CHECK(judge(verifier, body, other_t, now) == reason::signature_mismatch);

        // A bit of the body.
        if (!body.empty()) {
            std::string other_body = body;
            flip(other_body, below(8 * body.size()));
            CHECK(judge(verifier, other_body, header, now) == reason::signature_mismatch);
        }
        CHECK(judge(verifier, body + '\0', header, now) == reason::signature_mismatch);

        // A bit of the MAC.
        std::string mac = unhex(mac_hex);
        flip(mac, below(256));
        std::string other_header = "t=" + timestamp + ",v1=";
        for (const char c : mac) {
            other_header += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
            other_header += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
        }
        CHECK(judge(verifier, body, other_header, now) == reason::signature_mismatch);

        // A bit of the secret. The changed secret may itself be refused.
        std::string other_secret = secret;
        flip(other_secret, below(8 * secret.size()));
        if (const auto other = puck::secret_ring::make({other_secret}))
            CHECK(judge(verifier_for(other_secret), body, header, now) == reason::signature_mismatch);
    }
    CHECK(count == 10'000);
}
