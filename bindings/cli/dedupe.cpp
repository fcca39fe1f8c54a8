#include "dedupe.hpp"

#include "io.hpp"

#include <puck/lru_dedupe.hpp>
#include <puck/open_dedupe.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace cli {
namespace {

constexpr std::size_t max_file = 16'384;

/// The file's text, without the line ends at its end.
std::string read_text(const std::string& path) {
    if (path == "-")
        throw usage_error("--dedupe-file takes a file and not standard input, from which the deliveries come");
    const file from(path, file::mode::read, "the file that --dedupe-file names");
    if (from.is_open_to_others()) say("other users may read or change the file that --dedupe-file names: chmod 600");
    std::string text = from.read_all(max_file);
    text.erase(text.find_last_not_of("\r\n") + 1);
    return text;
}

}  // namespace

void dedupe_options::add_to(CLI::App& command) {
    auto* const by_text =
        command
            .add_option("--dedupe", text,
                        "Where to remember events: memory:?capacity=N, sqlite:PATH?namespace=N, redis://…?namespace=N "
                        "or none (default: memory:?capacity=65536)")
            ->type_name("STORE|none");
    command.add_option("--dedupe-file", file, "A file that holds the same, for example with a password")
        ->type_name("FILE")
        ->excludes(by_text);
}

std::unique_ptr<puck::dedupe_store> dedupe_options::open(std::chrono::seconds tolerance) const {
    const std::string option = file ? "--dedupe-file: " : "--dedupe: ";
    const std::string store = file ? read_text(*file) : text.value_or("memory:");
    if (store == "none") return nullptr;
    auto url = puck::dedupe_url::parse(store);
    if (!url) throw usage_error(option + std::string(url.error().detail()));
    if (!file && !url->password.empty())
        throw usage_error(
            "--dedupe: everybody can see a password in the argument list. Write password_env=NAME or "
            "password_file=PATH into the text, or put the text into a file for --dedupe-file.");

    // A replay must not outlive its event.
    if (!url->ttl) url->ttl = std::max(puck::lru_dedupe_settings{}.ttl, 2 * tolerance);
    if (*url->ttl < 2 * tolerance) throw usage_error(option + "the ttl must be at least twice the tolerance");
    auto opened = puck::open_dedupe(*url);
    if (opened) return std::move(*opened);
    const std::string words = option + std::string(opened.error().detail());
    if (opened.error().reason() == puck::reason::invalid_argument) throw usage_error(words);
    throw std::runtime_error(words);
}

}  // namespace cli
