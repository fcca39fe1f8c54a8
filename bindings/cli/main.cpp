// puck-webhooks: the library's door for shells.

#include "filter.hpp"
#include "io.hpp"
#include "secrets.hpp"
#include "verdict.hpp"

#include <puck/webhooks.hpp>

#include <CLI/CLI.hpp>

#include <unistd.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int usage_exit = 2;
constexpr int undecided_exit = 3;

constexpr const char* about = R"text(Verify, parse and deduplicate Puck's webhooks.

Secrets come from files or the environment, never from the command line, where everybody could see them.)text";

constexpr const char* first_steps = R"text(
Examples:
  export PUCK_WEBHOOK_SECRETS=whsec_…
  puck-webhooks verify --header 'X-Puck-Signature: t=…,v1=…' --body body.json
  puck-webhooks verify --ndjson deliveries.ndjson
  puck-webhooks sign --body body.json
More: puck-webhooks verify --help, puck-webhooks sign --help)text";

constexpr const char* verify_examples = R"text(
Examples:
  Judge one delivery, whose body was saved as it came:
    puck-webhooks verify --secret-file secrets.txt --header 'X-Puck-Signature: t=…,v1=…' --body body.json
  Judge a file of recorded deliveries, each by the time at which it was received:
    puck-webhooks verify --ndjson deliveries.ndjson
  Feed a SIEM with genuine new events only, and keep what was refused. What was seen is forgotten when the command ends:
  started again from the first line, it gives each event again; with tail -n 0 it goes on from now:
    tail -n +1 -F deliveries.ndjson | puck-webhooks verify --ndjson --events --rejects refused.ndjson >> siem.ndjson

A line of --ndjson input is an object:
  {"headers": {"X-Puck-Signature": "t=…,v1=…", …}, "body": "…", "received_at": 1777818121}
with headers as an object or as [name, value] pairs, the body as text or as "body_base64", and received_at in Unix
seconds, optional; it comes before --at. Other keys are ignored, but their numbers must fit 64 bits or a double. A line
may be 16 MiB long, or eight times --max-body if that is more.

A verdict is an object:
  {"verdict": "accepted", "rejected", "duplicate" or "error", "reason": …, "http_status": …, "retryable": …, "detail": …,
   once authentic: "timestamp", "skew_seconds" (positive: signed in the past), "secret_index" (from 0, in the order
   given: files before variables), "secret_fingerprint",
   once parsed: "event_id", "event_type", "emitted_at", "api_version", "severity" (or null)}

Exit: 0 all accepted (or duplicates), 1 something was rejected, 2 wrong usage, 3 something could not be decided.)text";

constexpr const char* sign_examples = R"text(
Examples:
  Sign a body, with one v1 for each secret:
    puck-webhooks sign --secret-file secrets.txt --body body.json
  Try a receiver of your own:
    curl --data-binary @body.json -H "X-Puck-Signature: $(puck-webhooks sign --body body.json)" http://127.0.0.1:8080/)text";

struct options {
    std::vector<std::string> secret_files, secret_variables;
    std::optional<std::int64_t> tolerance, at, timestamp;
    std::optional<std::size_t> max_body, dedupe_capacity;
    std::vector<std::string> headers;
    std::string body = "-";
    bool json = false, ndjson = false, no_dedupe = false;
    cli::filter_options filter;
};

/// An option that takes a whole decimal number within bounds, and nothing that only looks like one.
template <std::integral Number>
CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<Number>& into,
                        std::array<Number, 2> bounds, const std::string& description) {
    const auto read = [&into, name, bounds](const std::string& text) {
        Number number{};
        const char* const end = text.data() + text.size();
        const auto [stopped, failed] = std::from_chars(text.data(), end, number);
        if (failed != std::errc() || stopped != end || number < bounds[0] || number > bounds[1])
            throw CLI::ValidationError(name + " takes a whole number from " + std::to_string(bounds[0]) + " to " +
                                       std::to_string(bounds[1]));
        into = number;
    };
    return command.add_option_function<std::string>(name, read, description);
}

/// An option that may be repeated, with one value each time.
CLI::Option* add_repeated(CLI::App& command, const std::string& name, std::vector<std::string>& into,
                          const std::string& description) {
    return command.add_option(name, into, description + "; may be repeated")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
}

void add_secret_options(CLI::App& command, options& given) {
    add_repeated(command, "--secret-file", given.secret_files, "A file with one secret per line, # begins a comment")
        ->type_name("F");
    add_repeated(command, "--secret-env", given.secret_variables,
                 "An environment variable with secrets, separated by white space (default: PUCK_WEBHOOK_SECRETS)")
        ->type_name("NAME");
}

CLI::App* add_verify(CLI::App& app, options& given) {
    CLI::App* const verify = app.add_subcommand("verify", "Judge one delivery, or with --ndjson a stream of them");
    verify->footer(verify_examples);
    add_secret_options(*verify, given);
    add_number(*verify, "--tolerance", given.tolerance, {1, 86'400},
               "Seconds between signing and arrival, either way (default: 300)")
        ->type_name("S");
    add_number(*verify, "--at", given.at, {INT64_MIN, INT64_MAX}, "Judge as of this time (default: now)")
        ->type_name("UNIX");
    add_number(*verify, "--max-body", given.max_body, {1, 1'073'741'824},
               "The longest body that is looked at (default: 1048576)")
        ->type_name("BYTES");
    add_repeated(*verify, "--header", given.headers, "A header of the delivery")->type_name("'Name: value'");
    verify->add_option("--body", given.body, "The raw body; - is standard input")
        ->type_name("FILE")
        ->capture_default_str();
    verify->add_flag("--json", given.json, "Print JSON on a terminal too");
    return verify;
}

void add_filter_options(CLI::App& verify, options& given) {
    auto* const ndjson = verify.add_flag("--ndjson", given.ndjson, "Read recorded deliveries, one per line");
    ndjson->excludes(verify.get_option("--header"))->excludes(verify.get_option("--body"));
    verify.add_option("input", given.filter.input, "With --ndjson: the file to read; - is standard input")
        ->type_name("FILE")
        ->needs(ndjson);
    verify.add_flag("--events", given.filter.events, "Write accepted envelopes, and nothing else, to standard output")
        ->needs(ndjson);
    verify
        .add_option("--rejects", given.filter.rejects,
                    "Append the other verdicts to this file (default: standard error)")
        ->type_name("FILE")
        ->needs(verify.get_option("--events"));
    verify.add_flag("--no-dedupe", given.no_dedupe, "Accept an event as often as it comes")->needs(ndjson);
    add_number(verify, "--dedupe-capacity", given.dedupe_capacity, {1, 67'108'864},
               "How many events to remember (default: 65536)")
        ->type_name("N")
        ->needs(ndjson)
        ->excludes(verify.get_option("--no-dedupe"));
}

CLI::App* add_sign(CLI::App& app, options& given) {
    CLI::App* const sign = app.add_subcommand("sign", "Print the X-Puck-Signature that Puck would send for a body");
    sign->footer(sign_examples);
    add_secret_options(*sign, given);
    add_number(*sign, "--timestamp", given.timestamp, {0, 999'999'999'999}, "Sign as of this time (default: now)")
        ->type_name("UNIX");
    sign->add_option("--body", given.body, "The body; - is standard input")->type_name("FILE")->capture_default_str();
    return sign;
}

std::vector<puck::header> parse_headers(const std::vector<std::string>& lines) {
    std::vector<puck::header> headers;
    for (const std::string_view line : lines) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) throw cli::usage_error("a --header is not of the form 'Name: value'");
        headers.push_back({line.substr(0, colon), line.substr(colon + 1)});
    }
    return headers;
}

int verify_one(const options& given, puck::verifier verifier, std::size_t max_body) {
    const auto headers = parse_headers(given.headers);
    const std::string body = cli::file(given.body, cli::file::mode::read).read_all(max_body + 1);
    const std::int64_t now = given.at.value_or(puck::unix_now());

    const puck::receiver receiver(std::move(verifier), puck::lru_dedupe::make({.capacity = 1}).value());
    auto judged = receiver.receive({headers, body, now});
    const auto verdict = cli::settle(judged, now);

    cli::output out(STDOUT_FILENO);
    if (given.json || isatty(STDOUT_FILENO) == 0)
        cli::append_json(out.text(), verdict);
    else
        cli::append_sentence(out.text(), verdict);
    out.end_line();
    out.flush();
    cli::exit_code code;
    code.add(verdict.why);
    return code.value();
}

int verify(options& given) {
    puck::verifier_settings limits;
    limits.tolerance = given.tolerance.value_or(limits.tolerance);
    limits.max_body = given.max_body.value_or(limits.max_body);
    auto secrets = cli::read_secrets(given.secret_files, given.secret_variables);
    auto verifier = puck::verifier::make(std::move(secrets), limits).value();
    if (!given.ndjson) return verify_one(given, std::move(verifier), limits.max_body);

    if (given.filter.rejects == "-")
        throw cli::usage_error("--rejects takes a file; without it the other verdicts go to standard error");
    given.filter.at = given.at;
    given.filter.dedupe = !given.no_dedupe;
    given.filter.dedupe_capacity = given.dedupe_capacity.value_or(given.filter.dedupe_capacity);
    return cli::run_filter(given.filter, std::move(verifier), limits.max_body);
}

int sign(const options& given) {
    const auto secrets = cli::read_secrets(given.secret_files, given.secret_variables);
    const auto body = cli::file(given.body, cli::file::mode::read).read_all(std::numeric_limits<std::size_t>::max());
    cli::output out(STDOUT_FILENO);
    out.text() = puck::sign(secrets, body, given.timestamp.value_or(puck::unix_now())).value();
    out.end_line();
    out.flush();
    return 0;
}

int run(int argc, char** argv) {
    options given;
    CLI::App app(about, "puck-webhooks");
    app.footer(first_steps);
    app.require_subcommand(0, 1);
    app.set_version_flag("--version", "puck-webhooks " + std::string(puck::version));
    CLI::App* const verify_command = add_verify(app, given);
    add_filter_options(*verify_command, given);
    CLI::App* const sign_command = add_sign(app, given);
    for (CLI::App* const command : {&app, verify_command, sign_command})
        for (CLI::Option* const option : command->get_options()) option->disable_flag_override();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        // What was typed is not repeated: it may be a secret.
        throw cli::usage_error(
            "there is an argument that is not known; see --help. A secret is never an argument: use --secret-file or "
            "--secret-env.");
    } catch (const CLI::Success& asked) {  // --help and --version
        app.exit(asked);
        std::cout.flush();
        if (!std::cout) throw std::runtime_error("cannot write the output");
        return 0;
    } catch (const CLI::ParseError& wrong) {
        throw cli::usage_error(std::string(wrong.what()) + "; see --help");
    }
    if (verify_command->parsed()) return verify(given);
    if (sign_command->parsed()) return sign(given);
    std::fputs(app.help().c_str(), stderr);
    return usage_exit;
}

int fail(int code, const char* what) {
    std::fprintf(stderr, "puck-webhooks: %s\n", what);
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    cli::occupy_closed_streams();
    try {
        return run(argc, argv);
    } catch (const cli::usage_error& wrong) {
        return fail(usage_exit, wrong.what());
    } catch (const std::exception& failed) {
        return fail(undecided_exit, failed.what());
    }
}
