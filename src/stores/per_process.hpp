// What each process of a program that forks must have for itself.
#pragma once

#include <sys/types.h>
#include <unistd.h>
#include <atomic>
#include <memory>

namespace puck::stores {

/// Makes a T for each process that asks. A forked child gets a new one, and leaves its parent's alone: that one shares
/// its open files with the parent, and its mutexes may have been locked by threads that the child does not have.
template <class T>
class per_process {
public:
    per_process() = default;
    per_process(const per_process&) = delete;
    per_process& operator=(const per_process&) = delete;
    ~per_process() {
        if (owned* const last = latest_; last != nullptr && last->process == ::getpid()) delete last;
    }

    [[nodiscard]] T& get() {
        owned* known = latest_;
        if (known != nullptr && known->process == ::getpid()) return known->value;
        auto mine = std::make_unique<owned>();
        if (latest_.compare_exchange_strong(known, mine.get())) return mine.release()->value;
        return known->value;  // another thread of this process was quicker
    }

private:
    struct owned {
        const pid_t process = ::getpid();
        T value;
    };
    std::atomic<owned*> latest_ = nullptr;
};

}  // namespace puck::stores
