// Bytes and structs that cross the C boundary.
#pragma once

#include <puck/webhooks.h>
#include <puck/error.hpp>
#include <puck/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace puck_c {

inline constexpr puck::error null_pointer(puck::reason::invalid_argument,
                                          "A pointer is NULL that must not be, or an array's element holds one.");
inline constexpr puck::error bad_struct(
    puck::reason::invalid_argument,
    "A struct does not begin with its struct_size, or is of a later version and uses what this one does not know. "
    "Start from its _INIT.");

inline std::optional<std::string_view> view(const void* data, std::uint64_t size) noexcept {
    if (size == 0) return std::string_view();
    if (data == nullptr || size > std::numeric_limits<std::size_t>::max()) return std::nullopt;
    return std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

inline std::optional<std::string_view> view(const puck_bytes& bytes) noexcept { return view(bytes.data, bytes.size); }

inline puck_bytes bytes_of(std::string_view text) noexcept { return {text.data(), text.size()}; }

/// Whether a struct says of itself that it can hold what this version knows. There is no older version yet whose struct
/// would be smaller. Far larger ones do not exist: then the size was never set.
template <class Struct>
bool has_size(const Struct& given) noexcept {
    return given.struct_size >= sizeof(Struct) && given.struct_size <= 4096;
}

template <class Struct>
unsigned char* bytes_after(Struct& known) noexcept {
    return reinterpret_cast<unsigned char*>(&known) + sizeof(Struct);
}

/// Reads a struct that the caller has filled; `into` keeps its values if the pointer is null. False if its size is
/// wrong, or if it asks for what only a later version knows.
template <class Struct>
bool read(const Struct* given, Struct& into) noexcept {
    if (given == nullptr) return true;
    if (!has_size(*given)) return false;
    const unsigned char* const rest = bytes_after(const_cast<Struct&>(*given));
    const std::size_t more = static_cast<std::size_t>(given->struct_size) - sizeof(Struct);
    if (std::any_of(rest, rest + more, [](unsigned char byte) { return byte != 0; })) return false;
    into = *given;
    return true;
}

/// Writes a struct for the caller, with zeros in what only a later version knows. False if its size is wrong.
template <class Struct>
bool write(Struct& to, const Struct& value) noexcept {
    if (!has_size(to)) return false;
    const std::uint64_t size = to.struct_size;
    to = value;
    to.struct_size = size;
    std::memset(bytes_after(to), 0, static_cast<std::size_t>(size) - sizeof(Struct));
    return true;
}

/// Sets a struct to zero before anything is known. False if its size is wrong.
template <class Struct>
bool clear(Struct& to) noexcept {
    return write(to, Struct{});
}

}  // namespace puck_c
