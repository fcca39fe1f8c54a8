// Reads the cases of tests/vectors, whose strings stand for bytes: one Latin-1 character each.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace support {

using json = nlohmann::json;

/// The bytes that a JSON string of the vectors stands for.
std::string bytes(const json& text);

/// A body: such a string, or a list of [string, count] pairs to be repeated and joined.
std::string body(const json& given);

/// The cases of tests/vectors/<name>.
std::vector<json> cases(std::string_view name);

}  // namespace support
