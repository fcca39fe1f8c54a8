// The bounds of what the shared stores are made with.
#pragma once

#include "puck/error.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

namespace puck::stores {

inline bool is_namespace(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '-';
    });
}

/// What is wrong with these settings, if anything is.
inline std::optional<error> wrong_setting(std::string_view name_space, std::chrono::seconds ttl,
                                          std::chrono::seconds lease, std::chrono::milliseconds timeout) noexcept {
    using std::chrono::milliseconds, std::chrono::seconds;
    const auto within = [](auto value, auto low, auto high) { return low <= value && value <= high; };
    if (!is_namespace(name_space))
        return error(reason::invalid_argument,
                     "The dedupe namespace is not 1 to 64 of these characters: A-Z a-z 0-9 _ . -");
    if (!within(ttl, seconds(600), seconds(2'592'000)))
        return error(reason::invalid_argument, "The dedupe ttl is not within 600 to 2592000 seconds.");
    if (!within(lease, seconds(1), seconds(3'600)) || lease >= ttl)
        return error(reason::invalid_argument, "The dedupe lease is not within 1 to 3600 seconds and below the ttl.");
    if (!within(timeout, milliseconds(10), milliseconds(60'000)))
        return error(reason::invalid_argument, "The dedupe timeout is not within 0.01 to 60 seconds.");
    return std::nullopt;
}

}  // namespace puck::stores
