// Reading and writing files by their descriptors.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cli {

/// The command was used wrongly, or something that it names is not there. The message goes to a person; the exit code
/// is 2.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// U+FEFF in UTF-8, which some editors and shells put at the beginning of a text.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Says something to a person, on standard error.
void say(std::string_view words);

/// The name of a file or a variable for messages. The most common slip is a secret in the place of a name.
[[nodiscard]] std::string shown_name(const std::string& name);

/// Puts something unusable in the place of each standard stream that is closed. Otherwise the next file to be opened
/// would take its number, and be read or written in its stead.
void occupy_closed_streams() noexcept;

/// An open file, or one of the standard streams under the name "-".
class file {
public:
    enum class mode { read, append };

    /// Throws usage_error if it cannot be opened. The message names the file as `shown`, or by its path.
    file(const std::string& path, mode how, const std::string& shown = {});
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    ~file();

    /// The next bytes, at most `size`; 0 at the end. Throws std::runtime_error if reading fails.
    std::size_t read(char* to, std::size_t size) const;

    /// As many bytes as there are, at most `size`.
    std::size_t read_fully(char* to, std::size_t size) const;

    /// Whether a read would answer at once.
    [[nodiscard]] bool is_ready() const noexcept;

    /// Whether others than its owner may read or write it.
    [[nodiscard]] bool is_open_to_others() const noexcept;

    /// Whether what is written to the descriptor ends up in this file.
    [[nodiscard]] bool is_written_by(int descriptor) const noexcept;

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
    void end_line() { text_ += '\n'; }

    /// Whether so much has gathered that it should be flushed.
    [[nodiscard]] bool is_full() const noexcept;

    /// False, with errno set, if writing fails. The text is gone in either case.
    [[nodiscard]] bool try_flush() noexcept;

    /// The same, but throws std::runtime_error.
    void flush();

    /// Waits until what was flushed is on the disk, if it goes to a regular file. False if that fails.
    [[nodiscard]] bool sync() const noexcept;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

private:
    int descriptor_;
    std::string text_;
};

/// Cuts input into lines, in memory that is bounded by the longest line allowed. A byte order mark at the beginning of
/// the input is passed over.
class line_reader {
public:
    struct line {
        /// Without its newline. Good until the next call, and may be changed until then. A zero byte follows it, and
        /// all in all `padding` bytes.
        std::span<char> text;
        std::size_t number;  ///< from 1
        bool is_too_long;    ///< then it has no text
    };

    /// Calls `before_waiting` whenever the input has nothing more for the moment. `padding` is at least 1.
    line_reader(const file& from, std::size_t max_line, std::size_t padding, std::function<void()> before_waiting);

    /// The next line, the last one with or without a newline; false at the end.
    bool next(line& into);

private:
    [[nodiscard]] std::string_view unread() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
    [[nodiscard]] line take(std::size_t size) noexcept;
    bool read_more();
    void skip_to_newline();

    const file& from_;
    std::size_t max_line_, padding_;
    std::function<void()> before_waiting_;
    std::string buffer_;
    std::size_t begin_ = 0, end_ = 0;  // what is unread of the buffer
    std::size_t number_ = 0;           // of the last line
    bool at_end_ = false;
};

}  // namespace cli
