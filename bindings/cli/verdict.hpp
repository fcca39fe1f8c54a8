// What the command says of a delivery.
#pragma once

#include <puck/receiver.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cli {

/// One delivery's verdict. It borrows the event.
struct verdict {
    puck::reason why;
    std::string_view detail;
    std::optional<puck::authenticity> authenticity;
    std::int64_t skew_seconds;  // only with authenticity
    const puck::event* event;   // null if the envelope was not read
};

/// Commits what was judged at `now`, if it is a delivery, and tells what came of it.
[[nodiscard]] verdict settle(puck::result<puck::delivery, puck::rejection>& judged, std::int64_t now);

/// For input that was no delivery at all.
[[nodiscard]] verdict describe(const puck::error& failure);

/// One JSON object, without a newline.
void append_json(std::string& out, const verdict& given);

/// The same for a person, in a few lines, without the last newline.
void append_sentence(std::string& out, const verdict& given);

/// Adds up the exit code over any number of verdicts: 3 if one could not be decided, else 1 if one was rejected, else 0.
class exit_code {
public:
    void add(puck::reason why) noexcept;
    [[nodiscard]] int value() const noexcept { return undecided_ ? 3 : rejected_ ? 1 : 0; }

private:
    bool rejected_ = false;
    bool undecided_ = false;
};

}  // namespace cli
