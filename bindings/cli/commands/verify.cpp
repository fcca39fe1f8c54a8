// verify: one delivery, one verdict. It remembers nothing.

#include "commands.hpp"
#include "io.hpp"
#include "options.hpp"
#include "verdict.hpp"

#include <puck/verifier.hpp>

#include <unistd.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cli {
namespace {

constexpr const char* examples = R"text(
Example, for a delivery whose body was saved as it came:
  puck-webhooks verify --secret-file secrets.txt --header 'X-Puck-Signature: t=…,v1=…' --body body.json

A terminal shows the verdict as a sentence; else, or with --json, it is one line of JSON:)text";

struct options {
    secret_options secrets;
    window_options window;
    std::vector<std::string> headers;
    std::string body = "-";
    bool json = false;
};

std::vector<puck::header> parse_headers(const std::vector<std::string>& lines) {
    std::vector<puck::header> headers;
    for (const std::string_view line : lines) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) throw usage_error("a --header is not of the form 'Name: value'");
        headers.push_back({line.substr(0, colon), line.substr(colon + 1)});
    }
    return headers;
}

int run(const options& given) {
    const auto verifier = puck::verifier::make(given.secrets.read(), given.window.limits).value();
    const auto headers = parse_headers(given.headers);
    const auto body = file(given.body, file::mode::read).read_all(given.window.limits.max_body + 1);
    const auto judged = verifier.verify({headers, body, given.window.received_at()});
    const verdict verdict = judged ? describe(*judged) : describe(judged.error());

    output out(STDOUT_FILENO);
    if (given.json || isatty(STDOUT_FILENO) == 0)
        append_json(out.text(), verdict);
    else
        append_sentence(out.text(), verdict);
    out.end_line();
    out.flush();
    exit_code code;
    code.add(verdict.reason);
    return code.value();
}

}  // namespace

command add_verify(CLI::App& program) {
    const auto given = std::make_shared<options>();
    CLI::App& app = *program.add_subcommand("verify", "Judge one delivery");
    app.footer(examples + std::string(help_for_verdicts));
    given->secrets.add_to(app);
    given->window.add_to(app, "When it was received, in Unix seconds (default: now)");
    add_repeated(app, "--header", given->headers, "A header of the delivery")->type_name("'Name: value'");
    add_body(app, given->body, "The raw body");
    app.add_flag("--json", given->json, "Print JSON on a terminal too");
    return {&app, [given] { return run(*given); }};
}

}  // namespace cli
