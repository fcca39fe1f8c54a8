// The first pass over a JSON document: it checks the UTF-8 and lists the tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace puck::detail {

/// The number of bytes that must follow a document in memory. The first of them must be zero.
inline constexpr std::size_t json_padding = 64;

/// The largest depth of nested containers.
inline constexpr std::size_t json_max_depth = 1024;

/// Why a document has no list of tokens.
enum class scan_fault : std::uint8_t {
    none,
    out_of_memory,
    empty,              ///< no bytes, or only white space
    invalid_utf8,       ///< anywhere in the document
    control_character,  ///< inside a string, not escaped
    open_string,        ///< a string without an end
    unusable,           ///< the process is ending, or the scanner failed its self-test
};

/// The tokens of one document, as a list of offsets in bytes from its beginning. Brackets, braces, colons, commas, and
/// the first characters of strings, numbers and words are tokens. Characters inside a string are not. The entry after
/// the last token is the length of the document.
///
/// The memory is taken from a pool, and given back on destruction.
class json_scan {
public:
    explicit json_scan(std::string_view document) noexcept;
    json_scan(const json_scan&) = delete;
    json_scan& operator=(const json_scan&) = delete;
    ~json_scan();

    [[nodiscard]] scan_fault fault() const noexcept { return fault_; }

    /// The list. Call it only if there is no fault.
    [[nodiscard]] const std::uint32_t* tokens() const noexcept;

private:
    void* scanner_ = nullptr;
    scan_fault fault_;
};

/// Whether the list for a document of `size` bytes can be allocated, if no object may be larger than `max_object`
/// bytes. Without this check simdjson would end the process on 32-bit systems.
[[nodiscard]] constexpr bool is_scannable(std::size_t size, std::size_t max_object) noexcept {
    return size <= max_object / 8;
}

}  // namespace puck::detail
