// The dedupe store of a command.
#pragma once

#include <puck/dedupe.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace cli {

/// Which store remembers the events. `add_to` may be called once, and the options must not move after it.
struct dedupe_options {
    std::optional<std::string> text;  ///< "none", or the text of a store; if neither is given: in memory
    std::optional<std::string> file;  ///< the file that holds the text

    void add_to(CLI::App& command);

    /// Null if nothing is to be remembered. A store without a ttl of its own gets one that is long enough for the
    /// tolerance. Throws usage_error for a text that is refused, and std::runtime_error for a store that is not there.
    [[nodiscard]] std::unique_ptr<puck::dedupe_store> open(std::chrono::seconds tolerance) const;
};

}  // namespace cli
