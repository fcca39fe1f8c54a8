// The envelope: verified bytes become an event.
#pragma once

#include "puck/date_time.hpp"
#include "puck/lifetime.hpp"
#include "puck/result.hpp"
#include "puck/uuid.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace puck {

/// The numbers are those of C's `enum puck_severity`, where 0 is no severity.
enum class severity : std::uint8_t { low = 1, medium = 2, high = 3, critical = 4 };

/// "low", "medium", "high" or "critical".
[[nodiscard]] std::string_view name(severity level) noexcept;

/// A parsed envelope. It owns a copy of the bytes, so its views outlive the request. They end when the event is moved
/// from or destroyed.
///
///     {"event_id":"018F2E3A-1C47-…","event_type":"finding.discovered","emitted_at":"2026-05-03T14:22:01Z",
///                  `-- event_id(), in lower case      `-- event_type()             `-- emitted_at()
///      "api_version":"v1","data": {"severity":"high", …} }
///                                  ^         `-- severity()
///                                  `-- data_json(): the object as it was signed, byte for byte
class event {
public:
    /// The 16 bytes of the event's id. They are the key for deduplication.
    [[nodiscard]] const uuid& id() const& noexcept PUCK_LIFETIMEBOUND { return id_; }
    [[nodiscard]] uuid id() const&& noexcept { return id_; }

    /// The id as text: 36 characters, lower case.
    [[nodiscard]] std::string_view event_id() const& noexcept PUCK_LIFETIMEBOUND { return event_id_; }
    [[nodiscard]] std::string_view event_id() const&& = delete;

    /// 1 to 128 characters of `A-Z a-z 0-9 _ . -`. The set of types is open: an unknown type is not an error.
    [[nodiscard]] std::string_view event_type() const& noexcept PUCK_LIFETIMEBOUND { return event_type_; }
    [[nodiscard]] std::string_view event_type() const&& = delete;

    /// When the event happened. This may be days ago, because it is never compared with the time window.
    [[nodiscard]] date_time emitted_at() const noexcept { return emitted_at_; }

    /// The same moment as Puck wrote it, in RFC 3339.
    [[nodiscard]] std::string_view emitted_at_text() const& noexcept PUCK_LIFETIMEBOUND { return emitted_at_text_; }
    [[nodiscard]] std::string_view emitted_at_text() const&& = delete;

    /// Always "v1", because other versions are refused.
    [[nodiscard]] std::string_view api_version() const noexcept { return "v1"; }

    /// `data.severity`, if it is one of the four words. If `data` has this key twice, the last one counts, as in most
    /// JSON libraries.
    [[nodiscard]] std::optional<puck::severity> severity() const noexcept { return severity_; }

    /// The JSON object `data`: exactly the bytes that were signed. It is valid JSON, but its numbers may be too large
    /// for any type, its keys may be repeated, and its strings may contain escaped lone surrogates.
    [[nodiscard]] std::string_view data_json() const& noexcept PUCK_LIFETIMEBOUND { return data_json_; }
    [[nodiscard]] std::string_view data_json() const&& = delete;

private:
    friend class envelope_parser;
    event() noexcept = default;

    std::unique_ptr<char[]> bytes_;
    uuid id_{};
    date_time emitted_at_{};
    std::string_view event_id_, event_type_, emitted_at_text_, data_json_;
    std::optional<puck::severity> severity_;
};

/// Parses an envelope that is already verified, for example one from a queue. It checks no signature, so do not use it
/// for bytes that nobody has verified. It checks the whole document, `data` included, against RFC 8259 and the rules of
/// the envelope.
///
/// The bytes are copied once, into the event. They must not change during the call. Unknown top-level fields are
/// ignored. Fails with reasons 201 (more than 1 GiB) to 209, -2 or -99.
[[nodiscard]] result<event> parse_envelope(std::string_view body) noexcept;

}  // namespace puck
