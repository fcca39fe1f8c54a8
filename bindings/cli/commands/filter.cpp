// filter: a stream of recorded deliveries, a verdict for each.

#include "commands.hpp"
#include "io.hpp"
#include "options.hpp"
#include "recorded_delivery.hpp"
#include "verdict.hpp"

#include <puck/lru_dedupe.hpp>
#include <puck/verifier.hpp>

#include <unistd.h>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cli {
namespace {

constexpr const char* examples = R"text(
Examples:
  Judge a file of recorded deliveries, each by the time at which it was received:
    puck-webhooks filter deliveries.ndjson
  Feed a SIEM with genuine new events only, and keep what was refused. What was seen is forgotten when the command ends:
  started again from the first line, it gives each event again; with tail -n 0 it goes on from now:
    tail -n +1 -F deliveries.ndjson | puck-webhooks filter --events --rejects refused.ndjson >> siem.ndjson

A line of the input is an object:
  {"headers": {"X-Puck-Signature": "t=…,v1=…", …}, "body": "…", "received_at": 1777818121}
with headers (or multiValueHeaders) as an object of strings or of arrays of strings, as [name, value] pairs, or as
{"name": …, "value": …} objects; the body as text or, in base64, as "body_base64" or beside "isBase64Encoded": true;
and received_at, which is optional and comes before --at, in Unix seconds or as an RFC 3339 date-time. Other keys are
ignored. A line may be 16 MiB long, or eight times --max-body if that is more, 2 GiB at most.

A verdict is one line, and begins with "line", the number of the delivery's line in the input:)text";

struct options {
    secret_options secrets;
    window_options window;
    std::string input = "-";
    bool events = false;  ///< write accepted envelopes instead of verdicts
    std::string rejects;  ///< with events: where the other verdicts go; empty: standard error
    std::string dedupe;   ///< "none", or empty for memory
    std::size_t dedupe_capacity = puck::lru_dedupe_settings{}.capacity;
};

/// Long enough for any body within the limit, with every byte escaped, and for many larger ones to be named too large.
/// More than 2 GiB of JSON cannot be read.
std::size_t max_line_for(std::size_t max_body) noexcept {
    return std::clamp<std::size_t>(8 * max_body, 16'777'216, 2'147'483'648);
}

/// Null if nothing is to be remembered.
std::unique_ptr<puck::lru_dedupe> make_store(const options& given) {
    if (!given.dedupe.empty()) return nullptr;
    puck::lru_dedupe_settings settings{.capacity = given.dedupe_capacity};
    settings.ttl = std::max(settings.ttl, 2 * given.window.limits.tolerance);  // a replay must not outlive its event
    return puck::lru_dedupe::make(settings).value();
}

/// JSON has line breaks only between its tokens, where a space says the same.
void append_on_one_line(std::string& out, std::string_view json) {
    const std::size_t begin = out.size();
    out.append(json);
    const auto added = out.begin() + static_cast<std::ptrdiff_t>(begin);
    std::replace_if(added, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

class filter {
public:
    explicit filter(const options& given)
        : given_(given),
          verifier_(puck::verifier::make(given.secrets.read(), given.window.limits).value()),
          store_(make_store(given)) {
        if (given.rejects.empty()) return;
        rejects_file_.emplace(given.rejects, file::mode::append);
        if (rejects_file_->is_written_by(STDOUT_FILENO))
            throw usage_error("--rejects names the file that standard output goes to");
        others_ = output(rejects_file_->descriptor());
    }

    int run() {
        const file input(given_.input, file::mode::read);
        refuse_feedback_loop(input);
        line_reader lines(input, max_line_for(given_.window.limits.max_body), recorded_delivery_reader::padding,
                          [this] { flush(); });
        try {
            for (line_reader::line line; lines.next(line);) judge(line);
        } catch (...) {
            // What was judged is still written; of several failures the first is reported.
            static_cast<void>(main_.try_flush());
            static_cast<void>(others_.try_flush());
            throw;
        }
        flush();
        if (store_ && store_->stats().early_evictions > 0)
            say("events were forgotten before their time, and their duplicates accepted; raise --dedupe-capacity");
        return exit_.value();
    }

private:
    void refuse_feedback_loop(const file& input) const {
        if (input.is_written_by(main_.descriptor()) || input.is_written_by(others_.descriptor()))
            throw usage_error("the verdicts would be written to the file that the deliveries are read from");
    }

    void judge(const line_reader::line& line) {
        if (line.is_too_long)
            return report(line, describe(puck::error(puck::reason::invalid_argument, "The line is too long.")));
        const auto recorded = reader_.read(line.text);
        if (!recorded) return report(line, describe(recorded.error()));

        const auto& [headers, body, received_at] = *recorded;
        const auto judged = verifier_.verify({headers, body, received_at ? *received_at : given_.window.received_at()});
        if (!judged) return report(line, describe(judged.error()));
        verdict verdict = describe(*judged);
        if (store_) verdict.settle(remember(judged->event().id()));
        if (!given_.events || verdict.reason != puck::reason::ok) return report(line, verdict);
        append_on_one_line(main_.text(), body);
        main_.end_line();
    }

    /// `ok` if the event is new. Nothing else is done with it, so it is handled at once.
    puck::reason remember(const puck::uuid& event_id) {
        const auto held = store_->claim(event_id);
        return held ? store_->commit(*held) : held.error().reason();
    }

    void report(const line_reader::line& line, const verdict& verdict) {
        exit_.add(verdict.reason);
        output& to = given_.events ? others_ : main_;
        append_json(to.text(), verdict, line.number);
        to.end_line();
    }

    void flush() {
        main_.flush();
        others_.flush();
    }

    const options& given_;
    const puck::verifier verifier_;
    const std::unique_ptr<puck::lru_dedupe> store_;  // null if nothing is remembered
    recorded_delivery_reader reader_;
    std::optional<file> rejects_file_;
    output main_{STDOUT_FILENO};
    output others_{STDERR_FILENO};
    exit_code exit_;
};

}  // namespace

command add_filter(CLI::App& program) {
    const auto given = std::make_shared<options>();
    CLI::App& app = *program.add_subcommand("filter", "Judge recorded deliveries, one per line, and drop duplicates");
    app.footer(examples + std::string(help_for_verdicts));
    given->secrets.add_to(app);
    given->window.add_to(app, "When lines without received_at were received, in Unix seconds (default: now)");
    app.add_option("input", given->input, "The file to read; - is standard input")
        ->type_name("FILE")
        ->capture_default_str();
    auto* const events =
        app.add_flag("--events", given->events, "Write accepted envelopes, and nothing else, to standard output");
    app.add_option("--rejects", given->rejects, "Append the other verdicts to this file (default: standard error)")
        ->type_name("FILE")
        ->needs(events)
        ->check([](const std::string& path) {
            return path == "-" ? "it takes a file; without it the other verdicts go to standard error" : "";
        });
    auto* const dedupe =
        app.add_option("--dedupe", given->dedupe, "Remember nothing: accept an event as often as it comes")
            ->type_name("none")
            ->check([](const std::string& store) { return store == "none" ? "" : "it takes only none"; });
    add_number(
        app, "--dedupe-capacity", {1, 67'108'864},
        [&into = given->dedupe_capacity](std::int64_t n) { into = static_cast<std::size_t>(n); },
        "How many events to remember (default: 65536)")
        ->type_name("N")
        ->excludes(dedupe);
    return {&app, [given] { return filter(*given).run(); }};
}

}  // namespace cli
