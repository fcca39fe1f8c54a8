// sign: the header that Puck would send for a body.

#include "commands.hpp"
#include "io.hpp"
#include "options.hpp"

#include <puck/clock.hpp>
#include <puck/sign.hpp>

#include <unistd.h>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace cli {
namespace {

constexpr const char* examples = R"text(
Examples:
  Sign a body, with one v1 for each secret:
    puck-webhooks sign --secret-file secrets.txt --body body.json
  Try a receiver of your own:
    curl --data-binary @body.json http://127.0.0.1:8080/ \
      -H "X-Puck-Signature: $(puck-webhooks sign --body body.json)")text";

struct options {
    secret_options secrets;
    std::optional<std::chrono::sys_seconds> timestamp;
    std::string body = "-";
};

int run(const options& given) {
    const auto secrets = given.secrets.read();
    const auto body = file(given.body, file::mode::read).read_all(std::numeric_limits<std::size_t>::max());
    output out(STDOUT_FILENO);
    out.text() = puck::sign(secrets, body, given.timestamp ? *given.timestamp : puck::unix_now()).value();
    out.end_line();
    out.flush();
    return 0;
}

}  // namespace

command add_sign(CLI::App& program) {
    const auto given = std::make_shared<options>();
    CLI::App& app = *program.add_subcommand("sign", "Print the X-Puck-Signature that Puck would send for a body");
    app.footer(examples);
    given->secrets.add_to(app);
    add_number(
        app, "--timestamp", unix_bounds,
        [&into = given->timestamp](std::int64_t s) { into = std::chrono::sys_seconds(std::chrono::seconds(s)); },
        "Sign as of this time, in Unix seconds (default: now)")
        ->type_name("UNIX");
    add_body(app, given->body, "The body");
    return {&app, [given] { return run(*given); }};
}

}  // namespace cli
