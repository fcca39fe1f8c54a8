// How a step of a shared store ends early.
#pragma once

#include "puck/error.hpp"

#include <exception>
#include <string_view>

namespace puck::stores {

/// The entry of this name in a table of errors, or its entry "other".
template <class Table>
constexpr const auto& entry_of(const Table& table, std::string_view name) noexcept {
    for (const auto& each : table)
        if (each.name == name) return each;
    return entry_of(table, "other");
}

/// Leaves a step, which ends with this entry of the table.
template <const auto& Table>
struct failed : std::exception {
    explicit failed(std::string_view called) noexcept
        : name(entry_of(Table, called).name), why(entry_of(Table, called).what) {}
    std::string_view name;
    error why;
};

}  // namespace puck::stores
