// Reads the cases of tests/vectors. In their strings each Latin-1 character is one byte.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace support {

using json = nlohmann::json;

/// The bytes of a JSON string of the vectors.
std::string bytes(const json& text);

/// A body: such a string, or a list of pairs [string, count], which are repeated and joined.
std::string body(const json& given);

/// The cases of tests/vectors/<name>.
std::vector<json> cases(std::string_view name);

}  // namespace support
