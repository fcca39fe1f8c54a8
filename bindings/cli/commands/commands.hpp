// The commands. Each file of this folder is one of them: its options, its help, and its work.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace cli {

struct command {
    CLI::App* app;             ///< says whether this is the command that was given
    std::function<int()> run;  ///< does its work with the options that were read; returns the exit code
};

/// Each adds its command to the program, which must outlive what is returned.
[[nodiscard]] command add_verify(CLI::App& program);
[[nodiscard]] command add_filter(CLI::App& program);
[[nodiscard]] command add_sign(CLI::App& program);

}  // namespace cli
