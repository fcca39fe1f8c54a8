// Reading and writing files by their descriptors.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cli {

/// The command was used wrongly, or something that it names is not there. The message goes to a person; the exit code
/// is 2.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// An open file, or one of the standard streams under the name "-".
class file {
public:
    enum class mode { read, append };

    /// Throws usage_error, naming the file, if it cannot be opened.
    file(const std::string& path, mode how);
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    ~file();

    /// The next bytes, at most `size`; 0 at the end. Throws usage_error if reading fails.
    std::size_t read(char* to, std::size_t size) const;

    /// Whether a read would answer at once.
    [[nodiscard]] bool is_ready() const noexcept;

    /// The whole rest, or its first `limit` bytes.
    [[nodiscard]] std::string read_all(std::size_t limit) const;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

private:
    std::string path_;
    int descriptor_;
};

/// Collects output, and writes it in large pieces.
class output {
public:
    explicit output(int descriptor) noexcept : descriptor_(descriptor) {}

    /// Where to append. Call `end_line` when a line is complete.
    [[nodiscard]] std::string& text() noexcept { return text_; }
    void end_line();

    /// Throws std::runtime_error if writing fails.
    void flush();

private:
    int descriptor_;
    std::string text_;
};

/// Cuts input into lines, in memory that is bounded by the longest line allowed.
class line_reader {
public:
    struct line {
        std::string_view text;  // without its newline; good until the next call; at least `padding` more bytes follow
        bool is_too_long;       // then the text is only a beginning
    };

    line_reader(const file& from, std::size_t max_line, std::size_t padding);

    /// Whether `next` would have to wait for input.
    [[nodiscard]] bool would_wait() const noexcept;

    /// The next line, the last one with or without a newline; false at the end.
    bool next(line& into);

private:
    [[nodiscard]] std::string_view unread() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
    bool read_more();
    void skip_to_newline();

    const file& from_;
    std::size_t max_line_, padding_;
    std::string buffer_;
    std::size_t begin_ = 0, end_ = 0;  // what is unread of the buffer
    bool at_end_ = false;
};

}  // namespace cli
