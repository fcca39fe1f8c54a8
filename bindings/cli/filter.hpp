// verify --ndjson: a line of input, a line of output.
#pragma once

#include <puck/verifier.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace cli {

struct filter_options {
    std::string input = "-";
    std::optional<std::int64_t> at;  ///< the clock for lines without received_at; now if not set
    bool events = false;             ///< write accepted envelopes instead of verdicts
    std::string rejects;             ///< with events: where the other verdicts go; empty: standard error
    bool dedupe = true;
    std::size_t dedupe_capacity = 65'536;
};

/// Judges every line of the input, in order. Returns the exit code.
int run_filter(const filter_options& options, puck::verifier verifier, std::size_t max_body);

}  // namespace cli
