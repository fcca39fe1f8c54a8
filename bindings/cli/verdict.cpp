#include "verdict.hpp"

#include <charconv>
#include <concepts>
#include <cstdint>

namespace cli {
namespace {

bool is_undecided(puck::reason reason) noexcept { return static_cast<std::int32_t>(reason) < 0; }

std::string_view word_for(puck::reason reason) noexcept {
    if (reason == puck::reason::ok) return "accepted";
    if (reason == puck::reason::duplicate) return "duplicate";
    return is_undecided(reason) ? "error" : "rejected";
}

void append_number(std::string& out, std::integral auto number) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_member(std::string& out, std::string_view name, std::integral auto number) {
    out.append(",\"").append(name).append("\":");
    append_number(out, number);
}

/// Every text of a verdict is one of this project's sentences, or was checked against a grammar that has neither quotes
/// nor backslashes nor control characters: nothing needs an escape.
void append_member(std::string& out, std::string_view name, std::string_view text) {
    out.append(",\"").append(name).append("\":\"").append(text).append("\"");
}

}  // namespace

void verdict::settle(puck::reason answer, std::string_view sentence) noexcept {
    reason = answer;
    detail = sentence;
}

verdict describe(const puck::verified& accepted) {
    return {puck::reason::ok, "The delivery is genuine, fresh and well formed.", accepted.proof(), &accepted.event()};
}

verdict describe(const puck::rejection& rejected) {
    return {rejected.reason(), rejected.detail(), rejected.proof, rejected.event ? &*rejected.event : nullptr};
}

verdict describe(const puck::error& failure) { return {failure.reason(), failure.detail(), {}, nullptr}; }

void append_json(std::string& out, const verdict& given, std::optional<std::size_t> line) {
    out.append("{");
    if (line) {
        out.append("\"line\":");
        append_number(out, *line);
        out.append(",");
    }
    out.append("\"verdict\":\"").append(word_for(given.reason)).append("\"");
    append_member(out, "reason", puck::name(given.reason));
    append_member(out, "http_status", puck::http_status(given.reason));
    out.append(",\"retryable\":").append(puck::retryable(given.reason) ? "true" : "false");
    append_member(out, "detail", given.detail);
    if (given.proof) {
        append_member(out, "timestamp", given.proof->timestamp.time_since_epoch().count());
        append_member(out, "skew_seconds", given.proof->skew_seconds.count());
        append_member(out, "secret_index", given.proof->secret_index);
        append_member(out, "secret_fingerprint", std::string_view(given.proof->secret_fingerprint));
    }
    if (given.event != nullptr) {
        append_member(out, "event_id", given.event->event_id());
        append_member(out, "event_type", given.event->event_type());
        append_member(out, "emitted_at", given.event->emitted_at_text());
        append_member(out, "api_version", given.event->api_version());
        if (const auto severity = given.event->severity())
            append_member(out, "severity", puck::name(*severity));
        else
            out.append(",\"severity\":null");
    }
    out.append("}");
}

void append_sentence(std::string& out, const verdict& given) {
    out.append(word_for(given.reason));
    if (given.reason != puck::reason::ok && given.reason != puck::reason::duplicate)
        out.append(" (").append(puck::name(given.reason)).append(")");
    out.append(": ").append(given.detail);
    if (given.event != nullptr)
        out.append("\n  event ").append(given.event->event_type()).append(" ").append(given.event->event_id());
    if (given.proof) {
        const auto skew = given.proof->skew_seconds.count();
        const bool ahead = skew < 0;
        const auto seconds = static_cast<std::uint64_t>(skew);
        out.append("\n  signed ");
        append_number(out, ahead ? 0 - seconds : seconds);
        out.append(ahead ? " s in the future" : " s ago").append(" with secret ");
        append_number(out, given.proof->secret_index);
        out.append(", fingerprint ").append(given.proof->secret_fingerprint);
    }
    const int status = puck::http_status(given.reason);
    out.append("\n  answer ");
    append_number(out, status);
    out.append(status == 200   ? ": Puck is done with it"
               : status >= 500 ? ": Puck will send it again"
                               : ": Puck gives it up");
}

void exit_code::add(puck::reason reason) noexcept {
    if (reason == puck::reason::ok || reason == puck::reason::duplicate) return;
    (is_undecided(reason) ? undecided_ : rejected_) = true;
}

}  // namespace cli
