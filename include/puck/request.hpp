// One HTTP request as it arrived.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

namespace puck {

/// One line of a request's header. Names are compared without regard to case.
struct header {
    std::string_view name;
    std::string_view value;
};

/// One request. It owns nothing: what it refers to must stay alive and unchanged during the call.
struct request {
    /// All headers, repeated ones included. A second X-Puck-Signature is refused, but only if it is here.
    std::span<const header> headers;
    /// The raw bytes of the body. JSON that was parsed and written again has another signature.
    std::string_view body;
    /// When the request arrived: `puck::unix_now()`. If it waited in a queue, the time when it was received.
    std::chrono::sys_seconds received_at;
};

}  // namespace puck
