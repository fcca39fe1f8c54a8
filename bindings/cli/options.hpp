// What the options of several commands have in common.
#pragma once

#include <puck/secret.hpp>
#include <puck/verifier.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cli {

/// Unix seconds that may be given: what a signature's timestamp can hold. More would be milliseconds.
inline constexpr std::array<std::int64_t, 2> unix_bounds{0, 999'999'999'999};

/// An option that takes a whole decimal number within bounds, and nothing that only looks like one.
CLI::Option* add_number(CLI::App& command, const std::string& name, std::array<std::int64_t, 2> bounds,
                        std::function<void(std::int64_t)> set, const std::string& description);

/// An option that may be repeated, with one value each time.
CLI::Option* add_repeated(CLI::App& command, const std::string& name, std::vector<std::string>& into,
                          const std::string& description);

/// --body, which is standard input unless it is given.
void add_body(CLI::App& command, std::string& into, const std::string& description);

/// Where the secrets come from. `add_to` may be called once, and the options must not move after it.
struct secret_options {
    std::vector<std::string> files, variables;

    void add_to(CLI::App& command);
    [[nodiscard]] puck::secret_ring read() const;
};

/// What a delivery is judged by. `add_to` may be called once, and the options must not move after it.
struct window_options {
    puck::verifier_settings limits;
    std::optional<std::chrono::sys_seconds> at;

    void add_to(CLI::App& command, const std::string& description_of_at);

    /// The time of receipt where nothing else says it: --at, or now.
    [[nodiscard]] std::chrono::sys_seconds received_at() const noexcept;
};

}  // namespace cli
