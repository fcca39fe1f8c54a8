// Shared by the tests: secrets, envelopes and requests, which are valid unless a test changes them.
#pragma once

#include <puck/webhooks.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

inline constexpr std::string_view secret = "whsec_0123456789abcdef";
inline constexpr std::string_view old_secret = "whsec_fedcba9876543210";
inline constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'777'818'121)};
inline constexpr std::string_view event_id = "018f2e3a-1c47-7a12-b321-aabbccddeeff";

inline std::string envelope(std::string_view id = event_id, std::string_view data = R"({"severity":"high"})") {
    return std::string(R"({"event_id":")")
        .append(id)
        .append(R"(","event_type":"finding.discovered","emitted_at":"2026-05-03T14:22:01Z","api_version":"v1","data":)")
        .append(data)
        .append("}");
}

inline puck::secret_ring ring(std::initializer_list<std::string_view> secrets = {secret}) {
    return puck::secret_ring::make(secrets).value();
}

inline puck::verifier verifier(std::initializer_list<std::string_view> secrets = {secret},
                               puck::verifier_settings settings = {}) {
    return puck::verifier::make(ring(secrets), settings).value();
}

inline puck::receiver receiver(std::shared_ptr<puck::dedupe_store> store,
                               std::initializer_list<std::string_view> secrets = {secret}) {
    return puck::receiver::make(ring(secrets), {.dedupe = std::move(store)}).value();
}

constexpr std::chrono::sys_seconds unix_time(std::int64_t seconds) {
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

/// The X-Puck-Signature for `body`. Other tests compare such signatures with Python's hmac.
inline std::string sign(std::string_view body, std::chrono::sys_seconds timestamp = now,
                        std::initializer_list<std::string_view> secrets = {secret}) {
    return puck::sign(ring(secrets), body, timestamp).value();
}

/// A request that owns its memory.
struct owned_request {
    std::string body;
    std::string signature;
    std::vector<puck::header> headers;
    std::chrono::sys_seconds received_at = now;

    explicit owned_request(std::string_view bytes) : body(bytes), signature(sign(bytes)) {
        headers = {{"X-Puck-Signature", signature}};
    }
    owned_request(const owned_request&) = delete;

    operator puck::request() const { return {headers, body, received_at}; }
};

}  // namespace support
