#include "io.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

namespace cli {
namespace {

constexpr std::size_t chunk = 65'536;

std::string reason_of_errno() { return std::generic_category().message(errno); }

/// For a descriptor that somebody else has set to be non-blocking.
void wait_for(int descriptor, short event) noexcept {
    pollfd one{descriptor, event, 0};
    ::poll(&one, 1, -1);
}

int open_descriptor(const std::string& path, file::mode how, const std::string& shown) {
    if (path == "-" && how == file::mode::read) return STDIN_FILENO;
    const int flags = how == file::mode::read ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND;
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor < 0) throw usage_error("cannot open " + shown + ": " + reason_of_errno());
    struct stat is{};
    if (::fstat(descriptor, &is) == 0 && S_ISDIR(is.st_mode)) {
        ::close(descriptor);
        throw usage_error("cannot open " + shown + ": it is a folder");
    }
    return descriptor;
}

}  // namespace

std::string shown_name(const std::string& name) {
    return name.find("whsec_") != std::string::npos ? "something whose name looks like a secret" : name;
}

void say(std::string_view words) {
    std::fprintf(stderr, "puck-webhooks: %.*s\n", static_cast<int>(words.size()), words.data());
}

void occupy_closed_streams() noexcept {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(stream, F_GETFD) < 0) static_cast<void>(::open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY));
}

file::file(const std::string& path, mode how, const std::string& shown)
    : path_(path), descriptor_(open_descriptor(path, how, shown.empty() ? shown_name(path) : shown)) {}

file::~file() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

std::size_t file::read(char* to, std::size_t size) const {
    for (;;) {
        const ssize_t got = ::read(descriptor_, to, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EAGAIN)
            wait_for(descriptor_, POLLIN);
        else if (errno != EINTR)
            throw std::runtime_error("cannot read " + (path_ == "-" ? "standard input" : path_) + ": " +
                                     reason_of_errno());
    }
}

std::size_t file::read_fully(char* to, std::size_t size) const {
    std::size_t total = 0;
    while (total < size) {
        const std::size_t got = read(to + total, size - total);
        if (got == 0) break;
        total += got;
    }
    return total;
}

bool file::is_ready() const noexcept {
    pollfd one{descriptor_, POLLIN, 0};
    return ::poll(&one, 1, 0) != 0;  // an end or an error is an answer too
}

bool file::is_open_to_others() const noexcept {
    struct stat is{};
    return ::fstat(descriptor_, &is) == 0 && (is.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0;
}

bool file::is_written_by(int descriptor) const noexcept {
    struct stat ours{}, theirs{};
    return ::fstat(descriptor_, &ours) == 0 && ::fstat(descriptor, &theirs) == 0 && S_ISREG(ours.st_mode) &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

std::string file::read_all(std::size_t limit) const {
    std::string all;
    while (all.size() < limit) {
        const std::size_t before = all.size();
        all.resize(std::min(limit, before + std::max(chunk, before)));
        const std::size_t wanted = all.size() - before;
        const std::size_t got = read_fully(all.data() + before, wanted);
        all.resize(before + got);
        if (got < wanted) break;
    }
    return all;
}

bool output::is_full() const noexcept { return text_.size() >= chunk; }

bool output::try_flush() noexcept {
    bool failed = false;
    for (std::size_t done = 0; done < text_.size() && !failed;) {
        const ssize_t written = ::write(descriptor_, text_.data() + done, text_.size() - done);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
        } else if (errno == EAGAIN) {
            wait_for(descriptor_, POLLOUT);
        } else {
            failed = errno != EINTR;
        }
    }
    text_.clear();
    return !failed;
}

bool output::sync() const noexcept {
    struct stat is{};
    if (::fstat(descriptor_, &is) != 0 || !S_ISREG(is.st_mode)) return true;
#ifdef __APPLE__
    return ::fsync(descriptor_) == 0;
#else
    return ::fdatasync(descriptor_) == 0;
#endif
}

void output::flush() {
    if (!try_flush()) throw std::runtime_error("cannot write the output: " + reason_of_errno());
}

line_reader::line_reader(const file& from, std::size_t max_line, std::size_t padding,
                         std::function<void()> before_waiting)
    : from_(from), max_line_(max_line), padding_(padding), before_waiting_(std::move(before_waiting)) {}

bool line_reader::next(line& into) {
    std::size_t searched = 0;
    for (;;) {
        const auto newline = unread().find('\n', searched);
        if (newline != std::string_view::npos && newline <= max_line_) {
            into = take(newline);
            ++begin_;
            return true;
        }
        if (unread().size() > max_line_) {
            skip_to_newline();
            into = {{}, ++number_, true};
            return true;
        }
        searched = unread().size();
        if (read_more()) continue;
        if (unread().empty() || (number_ == 0 && unread() == byte_order_mark)) return false;
        into = take(unread().size());
        return true;
    }
}

line_reader::line line_reader::take(std::size_t size) noexcept {
    const std::span<char> text(buffer_.data() + begin_, size);
    begin_ += size;
    buffer_[begin_] = '\0';  // in the place of the newline, or of the padding
    const bool has_mark = number_ == 0 && std::string_view(text.data(), size).starts_with(byte_order_mark);
    return {text.subspan(has_mark ? byte_order_mark.size() : 0), ++number_, false};
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
    const std::size_t kept = end_ - begin_;
    if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
    begin_ = 0;
    end_ = kept;
    buffer_.resize(2 * kept + chunk + padding_);  // more for a long line, and less again after it
    if (!from_.is_ready()) before_waiting_();
    const std::size_t got = from_.read(buffer_.data() + end_, buffer_.size() - padding_ - end_);
    end_ += got;
    at_end_ = got == 0;
    return !at_end_;
}

}  // namespace cli
