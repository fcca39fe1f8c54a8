// Verified bytes -> event.
#pragma once

#include "puck/date_time.hpp"
#include "puck/result.hpp"
#include "puck/uuid.hpp"
#include "puck/verified.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace puck {

enum class severity : std::uint8_t { low, medium, high, critical };

/// "low", "medium", "high" or "critical".
[[nodiscard]] std::string_view name(severity level) noexcept;

/// A parsed envelope. It owns its bytes, so it and its views outlive the request (until it is moved from or destroyed).
///
///     {"event_id":"018F2E3A-1C47-…","event_type":"finding.discovered","emitted_at":"2026-05-03T14:22:01Z",
///                  `-- event_id(), in lower case      `-- event_type()             `-- emitted_at()
///      "api_version":"v1","data": {"severity":"high", …} }
///                                  ^         `-- severity()
///                                  `-- data(): the object as it was signed, byte for byte
class event {
public:
    /// The 16 bytes of the event's id: the key for deduplication.
    [[nodiscard]] const uuid& id() const noexcept { return id_; }

    /// The id as text: 36 characters, lower case.
    [[nodiscard]] std::string_view event_id() const noexcept { return event_id_; }

    /// 1 to 128 characters of `A-Z a-z 0-9 _ . -`. An open set: a type that is new to you is not an error.
    [[nodiscard]] std::string_view event_type() const noexcept { return event_type_; }

    /// When the event happened. It may be days ago: it is never compared with the window.
    [[nodiscard]] date_time emitted_at() const noexcept { return emitted_at_; }

    /// The same as Puck wrote it, in RFC 3339.
    [[nodiscard]] std::string_view emitted_at_text() const noexcept { return emitted_at_text_; }

    /// "v1".
    [[nodiscard]] std::string_view api_version() const noexcept { return "v1"; }

    /// `data.severity`, if it is one of the four words. Where data names it twice, the last one counts, as in most JSON
    /// libraries.
    [[nodiscard]] std::optional<puck::severity> severity() const noexcept { return severity_; }

    /// The JSON object `data`, exactly the bytes that were signed. It is valid JSON, but its numbers may be too big for
    /// any type, its keys may repeat, and its strings may hold escaped lone surrogates.
    [[nodiscard]] std::string_view data() const noexcept { return data_; }

private:
    friend class envelope_parser;
    event() noexcept = default;

    std::unique_ptr<char[]> bytes_;
    uuid id_{};
    date_time emitted_at_{};
    std::string_view event_id_, event_type_, emitted_at_text_, data_;
    std::optional<puck::severity> severity_;
};

/// Parses and checks the whole document, `data` included, against RFC 8259 and the envelope's rules. The bytes are
/// copied once, into the event.
///
/// Unknown top-level fields are ignored. Fails with reasons 202 to 209, -2 or -99.
[[nodiscard]] result<event> parse_envelope(const verified& delivery) noexcept;

/// The same for bytes that were verified somewhere else, such as before they were put in a queue. Bytes that nobody has
/// verified can say anything. More than 1 GiB is `payload_too_large`.
[[nodiscard]] result<event> dangerously_parse_envelope(std::string_view body) noexcept;

}  // namespace puck
