// A delivery that was written down as one line of JSON.
#pragma once

#include <puck/receiver.hpp>
#include <puck/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace cli {

/// The views are good until the reader's next line.
struct recorded_delivery {
    std::vector<puck::header> headers;
    std::string_view body;
    std::optional<std::int64_t> received_at;  // Unix seconds
};

/// Reads lines of this form, in which other keys are ignored, if their numbers fit 64 bits or a double:
///
///     {"headers": {"name": "value", …} or [["name", "value"], …],
///      "body": "text" or "body_base64": "…",
///      "received_at": Unix seconds, optional}
class recorded_delivery_reader {
public:
    /// How many bytes must follow a line in memory, whatever they are.
    static const std::size_t padding;

    recorded_delivery_reader();
    ~recorded_delivery_reader();

    /// Fails with `invalid_argument` and a sentence that says what the line lacks.
    [[nodiscard]] puck::result<const recorded_delivery*> read(std::string_view line);

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace cli
