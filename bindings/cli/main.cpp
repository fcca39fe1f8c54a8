// puck-webhooks: the library for shells.

#include "commands/commands.hpp"
#include "io.hpp"
#include "secrets.hpp"

#include <puck/version.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

constexpr int usage_exit = 2;
constexpr int undecided_exit = 3;

constexpr const char* about = R"text(Verify, parse and deduplicate Puck's webhooks.

Secrets come from files or the environment, never from the command line, where everybody could see them.)text";

constexpr const char* first_steps = R"text(
Examples:
  export PUCK_WEBHOOK_SECRETS=whsec_…
  puck-webhooks verify --header 'X-Puck-Signature: t=…,v1=…' --body body.json
  puck-webhooks filter deliveries.ndjson
  puck-webhooks sign --body body.json
More: puck-webhooks verify --help, puck-webhooks filter --help, puck-webhooks sign --help)text";

int run(int argc, char** argv) {
    CLI::App program(about, "puck-webhooks");
    program.footer(first_steps);
    program.require_subcommand(0, 1);
    program.set_version_flag("--version", "puck-webhooks " + std::string(puck::version));
    const std::array commands{cli::add_verify(program), cli::add_filter(program), cli::add_sign(program)};
    for (CLI::Option* const option : program.get_options()) option->disable_flag_override();
    for (const cli::command& each : commands)
        for (CLI::Option* const option : each.app->get_options()) option->disable_flag_override();
    try {
        program.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        // What was typed is not repeated: it may be a secret.
        throw cli::usage_error(
            "there is an argument that is not known; see --help. A secret is never an argument: use --secret-file or "
            "--secret-env.");
    } catch (const CLI::Success& asked) {  // --help and --version
        program.exit(asked);
        std::cout.flush();
        if (!std::cout) throw std::runtime_error("cannot write the output");
        return 0;
    } catch (const CLI::ParseError& wrong) {
        throw cli::usage_error(std::string(wrong.what()) + "; see --help");
    }
    for (const cli::command& each : commands)
        if (each.app->parsed()) return each.run();
    std::fputs(program.help().c_str(), stderr);
    return usage_exit;
}

}  // namespace

int main(int argc, char** argv) {
    cli::occupy_closed_streams();
    cli::keep_memory_private();
    try {
        return run(argc, argv);
    } catch (const cli::usage_error& wrong) {
        cli::say(wrong.what());
        return usage_exit;
    } catch (const std::exception& failed) {
        cli::say(failed.what());
        return undecided_exit;
    }
}
