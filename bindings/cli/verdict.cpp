#include "verdict.hpp"

#include <charconv>
#include <concepts>

namespace cli {
namespace {

bool is_undecided(puck::reason why) noexcept { return static_cast<std::int32_t>(why) < 0; }

std::string_view word_for(puck::reason why) noexcept {
    if (why == puck::reason::ok) return "accepted";
    if (why == puck::reason::duplicate) return "duplicate";
    return is_undecided(why) ? "error" : "rejected";
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

verdict settle(puck::result<puck::delivery, puck::rejection>& judged, std::int64_t now) {
    const auto skew = [now](const auto& proof) { return proof ? proof->skew(now) : 0; };
    if (judged) {
        const puck::reason committed = judged->commit();
        const std::optional<puck::authenticity> proof = judged->authenticity();
        return {committed, puck::message(committed), proof, skew(proof), &judged->event()};
    }
    const puck::rejection& no = judged.error();
    return {no.why(), no.detail(), no.authenticity, skew(no.authenticity), no.event ? &*no.event : nullptr};
}

verdict describe(const puck::error& failure) { return {failure.why(), failure.detail(), {}, 0, nullptr}; }

void append_json(std::string& out, const verdict& given) {
    out.append("{\"verdict\":\"").append(word_for(given.why)).append("\"");
    append_member(out, "reason", puck::name(given.why));
    append_member(out, "http_status", puck::http_status(given.why));
    out.append(",\"retryable\":").append(puck::retryable(given.why) ? "true" : "false");
    append_member(out, "detail", given.detail);
    if (given.authenticity) {
        append_member(out, "timestamp", given.authenticity->timestamp);
        append_member(out, "skew_seconds", given.skew_seconds);
        append_member(out, "secret_index", given.authenticity->secret_index);
        append_member(out, "secret_fingerprint", std::string_view(given.authenticity->secret_fingerprint));
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
    out.append(word_for(given.why));
    if (given.why != puck::reason::ok && given.why != puck::reason::duplicate)
        out.append(" (").append(puck::name(given.why)).append(")");
    out.append(": ").append(given.detail);
    if (given.event != nullptr)
        out.append("\n  event ").append(given.event->event_type()).append(" ").append(given.event->event_id());
    if (given.authenticity) {
        const bool ahead = given.skew_seconds < 0;
        out.append("\n  signed ");
        const auto seconds = static_cast<std::uint64_t>(given.skew_seconds);
        append_number(out, ahead ? 0 - seconds : seconds);
        out.append(ahead ? " s in the future" : " s ago").append(" with secret ");
        append_number(out, given.authenticity->secret_index);
        out.append(", fingerprint ").append(given.authenticity->secret_fingerprint);
    }
    const int status = puck::http_status(given.why);
    out.append("\n  answer ");
    append_number(out, status);
    out.append(status == 200   ? ": Puck is done with it"
               : status >= 500 ? ": Puck will send it again"
                               : ": Puck gives it up");
}

void exit_code::add(puck::reason why) noexcept {
    if (why == puck::reason::ok || why == puck::reason::duplicate) return;
    (is_undecided(why) ? undecided_ : rejected_) = true;
}

}  // namespace cli
