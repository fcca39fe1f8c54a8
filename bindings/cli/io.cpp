#include "io.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace cli {
namespace {

constexpr std::size_t chunk = 65'536;

std::string reason_of_errno() { return std::generic_category().message(errno); }

int open_descriptor(const std::string& path, file::mode how) {
    if (path == "-") return how == file::mode::read ? STDIN_FILENO : STDOUT_FILENO;
    const int flags = how == file::mode::read ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND;
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor < 0) throw usage_error("cannot open " + path + ": " + reason_of_errno());
    return descriptor;
}

}  // namespace

file::file(const std::string& path, mode how) : path_(path), descriptor_(open_descriptor(path, how)) {}

file::~file() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

std::size_t file::read(char* to, std::size_t size) const {
    for (;;) {
        const ssize_t got = ::read(descriptor_, to, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR)
            throw usage_error("cannot read " + (path_ == "-" ? "standard input" : path_) + ": " + reason_of_errno());
    }
}

bool file::is_ready() const noexcept {
    pollfd one{descriptor_, POLLIN, 0};
    return ::poll(&one, 1, 0) != 0;  // an end or an error is an answer too
}

std::string file::read_all(std::size_t limit) const {
    std::string all;
    while (all.size() < limit) {
        const std::size_t before = all.size();
        all.resize(std::min(limit, before + std::max(chunk, before)));
        const std::size_t got = read(all.data() + before, all.size() - before);
        all.resize(before + got);
        if (got == 0) break;
    }
    return all;
}

void output::end_line() {
    text_ += '\n';
    if (text_.size() >= chunk) flush();
}

void output::flush() {
    std::string_view rest = text_;
    while (!rest.empty()) {
        const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
        if (written >= 0)
            rest.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            throw std::runtime_error("cannot write the output: " + reason_of_errno());
    }
    text_.clear();
}

line_reader::line_reader(const file& from, std::size_t max_line, std::size_t padding)
    : from_(from), max_line_(max_line), padding_(padding) {}

bool line_reader::would_wait() const noexcept {
    return !at_end_ && unread().find('\n') == std::string_view::npos && !from_.is_ready();
}

bool line_reader::next(line& into) {
    std::size_t searched = 0;
    for (;;) {
        const auto newline = unread().find('\n', searched);
        if (newline != std::string_view::npos && newline <= max_line_) {
            into = {unread().substr(0, newline), false};
            begin_ += newline + 1;
            return true;
        }
        if (unread().size() > max_line_) {
            skip_to_newline();
            into = {{}, true};
            return true;
        }
        searched = unread().size();
        if (read_more()) continue;
        if (unread().empty()) return false;
        into = {unread(), false};
        begin_ = end_;
        return true;
    }
}

void line_reader::skip_to_newline() {
    for (;;) {
        const auto newline = unread().find('\n');
        if (newline != std::string_view::npos) {
            begin_ += newline + 1;
            return;
        }
        begin_ = end_;
        if (!read_more()) return;
    }
}

bool line_reader::read_more() {
    if (at_end_) return false;
    if (begin_ > 0) {
        buffer_.erase(0, begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (buffer_.size() < end_ + chunk + padding_) buffer_.resize(2 * end_ + chunk + padding_);
    const std::size_t got = from_.read(buffer_.data() + end_, buffer_.size() - padding_ - end_);
    end_ += got;
    at_end_ = got == 0;
    return !at_end_;
}

}  // namespace cli
