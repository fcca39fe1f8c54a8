// filter: a stream of recorded deliveries, a verdict for each.

#include "commands.hpp"
#include "dedupe.hpp"
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
#include <vector>

namespace cli {
namespace {

constexpr const char* examples = R"text(
Examples:
  Judge a file of recorded deliveries, each by the time at which it was received:
    puck-webhooks filter deliveries.ndjson
  Feed a SIEM with genuine new events only, and keep what was refused. What was seen is remembered in a file. If the
  command is killed, start it again after the lease (60 s), from the first line: until then the events that it was
  about to write are in progress, and would be refused:
    tail -n +1 -F deliveries.ndjson | puck-webhooks filter --events --rejects refused.ndjson \
        --dedupe 'sqlite:/var/lib/puck/events.db?namespace=siem' >> siem.ndjson
  Without --dedupe it is forgotten when the command ends; with tail -n 0 it goes on from now.

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
    dedupe_options dedupe;
};

/// Long enough for any body within the limit, with every byte escaped, and for many larger ones to be named too large.
/// More than 2 GiB of JSON cannot be read.
std::size_t max_line_for(std::size_t max_body) noexcept {
    return std::clamp<std::size_t>(8 * max_body, 16'777'216, 2'147'483'648);
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
          store_(given.dedupe.open(given.window.limits.tolerance)) {
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
            settle(main_.try_flush());
            static_cast<void>(others_.try_flush());
            throw;
        }
        flush();
        const auto* const memory = dynamic_cast<const puck::lru_dedupe*>(store_.get());
        if (memory != nullptr && memory->stats().early_evictions > 0)
            say("events were forgotten before their time, and their duplicates accepted; raise the capacity: --dedupe "
                "'memory:?capacity=N'");
        if (is_uncommitted_)
            say("some events were written, but the dedupe store did not note it, or another process took them: they "
                "may be written again");
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
        const auto refused = store_ ? claim(judged->event().id()) : std::nullopt;
        const std::size_t written = main_.text().size();
        try {
            if (store_)
                verdict.settle(refused ? refused->reason() : puck::reason::ok,
                               refused ? refused->detail() : puck::message(puck::reason::ok));
            if (given_.events && verdict.reason == puck::reason::ok) {
                append_on_one_line(main_.text(), body);
                main_.end_line();
            } else {
                add(line, verdict);
            }
        } catch (...) {  // the line is not complete, so its event is not done
            main_.text().resize(written);
            if (store_ && !refused) {
                static_cast<void>(store_->release(claims_.back()));
                claims_.pop_back();
            }
            throw;
        }
        flush_if_full();
    }

    /// Empty if the event is new. Then it is committed when it was written.
    std::optional<puck::error> claim(const puck::uuid& event_id) {
        if (claims_.size() == claims_.capacity()) claims_.reserve(2 * claims_.size() + 64);
        auto held = store_->claim(event_id);
        if (!held && !claims_.empty() && is_held_by_us(held.error().reason(), event_id)) {
            flush();
            held = store_->claim(event_id);
        }
        if (!held) return held.error();
        claims_.push_back(*held);
        return {};
    }

    /// Whether the event, or all room for events, is held by what is not flushed yet.
    [[nodiscard]] bool is_held_by_us(puck::reason answer, const puck::uuid& event_id) const {
        return answer == puck::reason::store_full ||
               (answer == puck::reason::in_progress &&
                std::any_of(claims_.begin(), claims_.end(), [&](const auto& each) { return each.id == event_id; }));
    }

    /// Commits what was written, and gives back what was not. A store that is away is not asked for every event.
    void settle(bool is_written) noexcept {
        if (claims_.empty()) return;
        const bool is_in_memory = dynamic_cast<const puck::lru_dedupe*>(store_.get()) != nullptr;
        const bool is_kept = is_written && (is_in_memory || main_.sync());
        puck::reason answer = puck::reason::ok;
        for (const puck::claim& each : claims_) {
            if (answer != puck::reason::store_unavailable)
                answer = is_kept ? store_->commit(each) : store_->release(each);
            if (!is_written || (is_kept && answer == puck::reason::ok)) continue;
            is_uncommitted_ = true;
            exit_.add(puck::reason::store_unavailable);
        }
        claims_.clear();
    }

    void add(const line_reader::line& line, const verdict& verdict) {
        exit_.add(verdict.reason);
        output& to = given_.events ? others_ : main_;
        append_json(to.text(), verdict, line.number);
        to.end_line();
    }

    void report(const line_reader::line& line, const verdict& verdict) {
        add(line, verdict);
        flush_if_full();
    }

    void flush_if_full() {
        if (main_.is_full() || others_.is_full()) flush();
    }

    void flush() {
        try {
            main_.flush();
        } catch (...) {
            settle(false);
            throw;
        }
        settle(true);
        others_.flush();
    }

    const options& given_;
    const puck::verifier verifier_;
    const std::unique_ptr<puck::dedupe_store> store_;  // null if nothing is remembered
    std::vector<puck::claim> claims_;                  // of events that are not written yet
    bool is_uncommitted_ = false;                      // an event was written, and not committed
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
    given->dedupe.add_to(app);
    return {&app, [given] { return filter(*given).run(); }};
}

}  // namespace cli
