// Bytes that are followed by a page without access: reading past their end is a crash.
#pragma once

#include <sys/mman.h>
#include <unistd.h>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace support {

class guarded {
public:
    explicit guarded(std::string_view bytes) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t readable = (bytes.size() + page - 1) / page * page;
        mapped_ = readable + page;
        base_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (base_ == MAP_FAILED || mprotect(base_ + readable, page, PROT_NONE) != 0)
            throw std::runtime_error("no guard page");
        char* const begin = base_ + readable - bytes.size();
        if (!bytes.empty()) std::memcpy(begin, bytes.data(), bytes.size());
        view_ = {begin, bytes.size()};
    }
    guarded(const guarded&) = delete;
    guarded& operator=(const guarded&) = delete;
    ~guarded() { munmap(base_, mapped_); }

    [[nodiscard]] std::string_view view() const noexcept { return view_; }

private:
    char* base_;
    std::size_t mapped_;
    std::string_view view_;
};

}  // namespace support
