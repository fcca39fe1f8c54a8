// A delivery that was written down as one line of JSON.
#pragma once

#include <puck/request.hpp>
#include <puck/result.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// The views are good until the reader's next line.
struct recorded_delivery {
    std::span<const puck::header> headers;
    std::string_view body;
    std::optional<std::chrono::sys_seconds> received_at;
};

/// Reads lines of this form, in which other keys are ignored, whatever they hold:
///
///     {"headers" and/or "multiValueHeaders": which comes first if it is there:
///          {"name": "value" or ["value", …], …} or [["name", "value"], …] or [{"name": "…", "value": "…"}, …],
///      "body": "text", with "isBase64Encoded": true in base64; or "body_base64": "…",
///      "received_at": optional: Unix seconds, whose fraction is dropped, or an RFC 3339 date-time}
class recorded_delivery_reader {
public:
    /// How many bytes must follow a line in memory, the first of them a zero byte.
    static const std::size_t padding;

    /// Resolves escapes where they stand. Fails with `invalid_argument` and a sentence that says what is wrong with the
    /// line, or with `out_of_memory`.
    [[nodiscard]] puck::result<recorded_delivery> read(std::span<char> line);

private:
    std::vector<puck::header> headers_, multi_value_headers_;
    std::string decoded_body_;
};

}  // namespace cli
