#include "options.hpp"

#include "secrets.hpp"

#include <puck/clock.hpp>

#include <charconv>
#include <utility>

namespace cli {

CLI::Option* add_number(CLI::App& command, const std::string& name, std::array<std::int64_t, 2> bounds,
                        std::function<void(std::int64_t)> set, const std::string& description) {
    const auto read = [name, bounds, set = std::move(set)](const std::string& text) {
        std::int64_t number = 0;
        const char* const end = text.data() + text.size();
        const auto [stopped, failed] = std::from_chars(text.data(), end, number);
        if (failed != std::errc() || stopped != end || number < bounds[0] || number > bounds[1])
            throw CLI::ValidationError(name + " takes a whole number from " + std::to_string(bounds[0]) + " to " +
                                       std::to_string(bounds[1]));
        set(number);
    };
    return command.add_option_function<std::string>(name, read, description);
}

CLI::Option* add_repeated(CLI::App& command, const std::string& name, std::vector<std::string>& into,
                          const std::string& description) {
    return command.add_option(name, into, description + "; may be repeated")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
}

void add_body(CLI::App& command, std::string& into, const std::string& description) {
    command.add_option("--body", into, description + "; - is standard input")->type_name("FILE")->capture_default_str();
}

void secret_options::add_to(CLI::App& command) {
    add_repeated(command, "--secret-file", files, "A file with one secret per line, # begins a comment")
        ->type_name("F");
    add_repeated(command, "--secret-env", variables,
                 "An environment variable with secrets, separated by white space (default: PUCK_WEBHOOK_SECRETS, if "
                 "neither option is given)")
        ->type_name("NAME");
}

puck::secret_ring secret_options::read() const { return read_secrets(files, variables); }

void window_options::add_to(CLI::App& command, const std::string& description_of_at) {
    add_number(
        command, "--tolerance", {1, 86'400}, [this](std::int64_t s) { limits.tolerance = std::chrono::seconds(s); },
        "Seconds between signing and receipt, either way (default: 300)")
        ->type_name("S");
    add_number(
        command, "--at", unix_bounds,
        [this](std::int64_t s) { at = std::chrono::sys_seconds(std::chrono::seconds(s)); }, description_of_at)
        ->type_name("UNIX");
    add_number(
        command, "--max-body", {1, 1'073'741'824},
        [this](std::int64_t bytes) { limits.max_body = static_cast<std::size_t>(bytes); },
        "The longest body that is looked at (default: 1048576)")
        ->type_name("BYTES");
}

std::chrono::sys_seconds window_options::received_at() const noexcept { return at ? *at : puck::unix_now(); }

}  // namespace cli
