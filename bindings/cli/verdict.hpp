// What the command says of a delivery.
#pragma once

#include <puck/envelope.hpp>
#include <puck/error.hpp>
#include <puck/proof.hpp>
#include <puck/reason.hpp>
#include <puck/rejection.hpp>
#include <puck/verified.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cli {

/// One delivery's verdict. It borrows the event.
struct verdict {
    puck::reason reason;
    std::string_view detail;
    std::optional<puck::proof> proof;
    const puck::event* event;  ///< null if the envelope was not parsed

    /// Puts the dedupe store's answer, and its sentence, in the place of `ok`.
    void settle(puck::reason answer, std::string_view sentence) noexcept;
};

[[nodiscard]] verdict describe(const puck::verified& accepted);
[[nodiscard]] verdict describe(const puck::rejection& rejected);
[[nodiscard]] verdict describe(const puck::error& failure);

/// One JSON object, without a newline. It begins with the line's number, if there is one.
void append_json(std::string& out, const verdict& given, std::optional<std::size_t> line = {});

/// The same for a person, in a few lines, without the last newline.
void append_sentence(std::string& out, const verdict& given);

/// What a command's help says of verdicts and exit codes.
inline constexpr std::string_view help_for_verdicts = R"text(
  {"verdict": "accepted", "rejected", "duplicate" or "error", "reason": …, "http_status": …, "retryable": …,
   "detail": …,
   once authentic: "timestamp", "skew_seconds" (positive: signed in the past), "secret_index" (from 0, in the order
   given: files before variables), "secret_fingerprint",
   once parsed: "event_id", "event_type", "emitted_at", "api_version", "severity" (or null)}

Exit: 0 all accepted (or duplicates), 1 something was rejected, 2 wrong usage, 3 something could not be decided.)text";

/// The exit code after any number of verdicts: 3 if one could not be decided, else 1 if one was rejected, else 0.
class exit_code {
public:
    void add(puck::reason reason) noexcept;
    [[nodiscard]] int value() const noexcept { return undecided_ ? 3 : rejected_ ? 1 : 0; }

private:
    bool rejected_ = false;
    bool undecided_ = false;
};

}  // namespace cli
