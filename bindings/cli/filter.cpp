#include "filter.hpp"

#include "io.hpp"
#include "recorded_delivery.hpp"
#include "verdict.hpp"

#include <puck/clock.hpp>
#include <puck/lru_dedupe.hpp>
#include <puck/receiver.hpp>

#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <memory>

namespace cli {
namespace {

/// A store that has never seen anything.
class no_dedupe final : public puck::dedupe_store {
public:
    puck::result<puck::claimed> claim(const puck::uuid& event_id) noexcept override {
        return puck::claimed{event_id, 0};
    }
    puck::reason commit(const puck::claimed&) noexcept override { return puck::reason::ok; }
    puck::reason release(const puck::claimed&) noexcept override { return puck::reason::ok; }
};

/// Long enough for any body within the limit, every byte of it escaped, and for many above it to be told by their size.
std::size_t max_line_for(std::size_t max_body) noexcept { return std::max<std::size_t>(16'777'216, 8 * max_body); }

/// JSON has line breaks only between its tokens, where a space says the same.
void append_on_one_line(std::string& out, std::string_view json) {
    const std::size_t begin = out.size();
    out.append(json);
    const auto added = out.begin() + static_cast<std::ptrdiff_t>(begin);
    std::replace_if(added, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

class filter {
public:
    /// `memory` is the store if it is one that may forget.
    filter(const filter_options& options, puck::verifier verifier, std::shared_ptr<puck::dedupe_store> store,
           const puck::lru_dedupe* memory)
        : options_(options), receiver_(std::move(verifier), std::move(store)), memory_(memory) {
        if (options.rejects.empty()) return;
        rejects_file_.emplace(options.rejects, file::mode::append);
        if (rejects_file_->is_written_by(STDOUT_FILENO))
            throw usage_error("--rejects names the file that standard output goes to");
        others_ = output(rejects_file_->descriptor());
    }

    int run(std::size_t max_line) {
        const file input(options_.input, file::mode::read);
        refuse_a_circle(input);
        line_reader lines(input, max_line, recorded_delivery_reader::padding, [this] { flush(); });
        try {
            for (line_reader::line line; lines.next(line);) judge(line);
        } catch (...) {
            // What was judged stays judged; of several failures the first is told.
            static_cast<void>(main_.try_flush());
            static_cast<void>(others_.try_flush());
            throw;
        }
        flush();
        return exit_.value();
    }

private:
    void refuse_a_circle(const file& input) const {
        if (input.is_written_by(main_.descriptor()) || input.is_written_by(others_.descriptor()))
            throw usage_error("the verdicts would be written to the file that the deliveries are read from");
    }

    void judge(const line_reader::line& line) {
        if (line.is_too_long)
            return report(describe(puck::error(puck::reason::invalid_argument, "The line is too long.")));
        const auto recorded = reader_.read(line.text);
        if (!recorded) return report(describe(recorded.error()));

        const recorded_delivery& given = **recorded;
        const std::int64_t now = given.received_at ? *given.received_at : options_.at ? *options_.at : puck::unix_now();
        auto judged = receiver_.receive({given.headers, given.body, now});
        const verdict settled = settle(judged, now);
        if (options_.events && settled.why == puck::reason::ok) {
            append_on_one_line(main_.text(), given.body);
            main_.end_line();
        } else {
            report(settled);
        }
    }

    void report(const verdict& given) {
        exit_.add(given.why);
        output& to = options_.events ? others_ : main_;
        append_json(to.text(), given);
        to.end_line();
    }

    void flush() {
        main_.flush();
        others_.flush();
        if (memory_ == nullptr || memory_->stats().early_evictions == 0) return;
        std::fputs(
            "puck-webhooks: events are being forgotten before their time, and their duplicates will be accepted; "
            "raise --dedupe-capacity\n",
            stderr);
        memory_ = nullptr;  // once is enough
    }

    const filter_options& options_;
    const puck::receiver receiver_;
    const puck::lru_dedupe* memory_;
    recorded_delivery_reader reader_;
    std::optional<file> rejects_file_;
    output main_{STDOUT_FILENO};
    output others_{STDERR_FILENO};
    exit_code exit_;
};

}  // namespace

int run_filter(const filter_options& options, puck::verifier verifier, std::size_t max_body) {
    const std::size_t max_line = max_line_for(max_body);
    if (!options.dedupe)
        return filter(options, std::move(verifier), std::make_shared<no_dedupe>(), nullptr).run(max_line);

    const std::shared_ptr<puck::lru_dedupe> store =
        puck::lru_dedupe::make({.capacity = options.dedupe_capacity}).value();
    return filter(options, std::move(verifier), store, store.get()).run(max_line);
}

}  // namespace cli
