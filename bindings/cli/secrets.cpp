#include "secrets.hpp"

#include "io.hpp"

#ifdef __linux__
#include <sys/prctl.h>
#else
#include <sys/resource.h>
#endif
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace cli {
namespace {

constexpr std::size_t max_file = 1'048'576;
constexpr const char* how_to_name_one =
    " Name a file with --secret-file, a variable with --secret-env, or set PUCK_WEBHOOK_SECRETS.";
constexpr std::string_view white_space = " \t\n\v\f\r";

/// A file's text, which holds secrets: it lies in one place, and is overwritten there.
class wiped_text {
public:
    explicit wiped_text(const file& from) : bytes_(std::make_unique<char[]>(max_file)) {
        size_ = from.read_fully(bytes_.get(), max_file);
    }
    wiped_text(const wiped_text&) = delete;
    wiped_text& operator=(const wiped_text&) = delete;
    ~wiped_text() {
        volatile char* const bytes = bytes_.get();
        for (std::size_t i = 0; i < max_file; ++i) bytes[i] = 0;
    }

    [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
};

/// An option without its value, for messages: the value could be the secret itself.
std::string numbered(const char* option, std::size_t index) {
    return index == 0 ? option : option + (" number " + std::to_string(index + 1));
}

/// A faulty secret is a usage error. Anything else, such as OpenSSL's refusal, means that nothing can be decided.
[[noreturn]] void fail(const puck::error& failure, const std::string& words) {
    if (failure.reason() == puck::reason::invalid_argument) throw usage_error(words);
    throw std::runtime_error(words);
}

void add(std::vector<puck::secret>& ring, std::string_view bytes, const std::string& place) {
    auto made = puck::secret::make(bytes);
    if (!made) fail(made.error(), place + ": " + std::string(made.error().detail()));
    ring.push_back(std::move(*made));
}

void add_file(std::vector<puck::secret>& ring, const std::string& path, std::size_t index) {
    if (path == "-")
        throw usage_error("--secret-file takes a file and not standard input, from which the deliveries come.");
    const std::string name_of_file = shown_name(path);
    const file from(path, file::mode::read, "the file that " + numbered("--secret-file", index) + " names");
    if (from.is_open_to_others())
        say("other users may read or change " + name_of_file + ", which holds secrets: chmod 600");
    const wiped_text contents(from);
    std::string_view rest = contents.view();
    if (rest.size() == max_file) throw usage_error(name_of_file + ": This is too long for a file of secrets.");
    if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const auto newline = rest.find('\n');
        std::string_view line = rest.substr(0, newline);
        rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        const auto first = line.find_first_not_of(white_space);
        if (first == std::string_view::npos || line[first] == '#') continue;
        add(ring, line, name_of_file + " line " + std::to_string(number));
    }
}

void add_variable(std::vector<puck::secret>& ring, const std::string& name, std::size_t index = 0) {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr)
        throw usage_error("The environment variable that " + numbered("--secret-env", index) + " names is not set.");
    std::string_view rest = value;
    for (std::size_t number = 1;; ++number) {
        rest.remove_prefix(std::min(rest.find_first_not_of(white_space), rest.size()));
        if (rest.empty() && number == 1)
            throw usage_error("The environment variable " + shown_name(name) + " holds no secret." + how_to_name_one);
        if (rest.empty()) return;
        const std::string_view word = rest.substr(0, rest.find_first_of(white_space));
        rest.remove_prefix(word.size());
        add(ring, word, "secret " + std::to_string(number) + " of the environment variable " + shown_name(name));
    }
}

}  // namespace

void keep_memory_private() noexcept {
#ifdef __linux__
    ::prctl(PR_SET_DUMPABLE, 0);
#else
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
#endif
}

puck::secret_ring read_secrets(const std::vector<std::string>& files, const std::vector<std::string>& variables) {
    std::vector<puck::secret> secrets;
    for (std::size_t i = 0; i < files.size(); ++i) add_file(secrets, files[i], i);
    for (std::size_t i = 0; i < variables.size(); ++i) add_variable(secrets, variables[i], i);
    const bool by_default = files.empty() && variables.empty();
    if (by_default && std::getenv("PUCK_WEBHOOK_SECRETS") != nullptr) add_variable(secrets, "PUCK_WEBHOOK_SECRETS");

    auto ring = puck::secret_ring::make(std::move(secrets));
    if (!ring) fail(ring.error(), std::string(ring.error().detail()) + how_to_name_one);
    return std::move(*ring);
}

}  // namespace cli
