// The dedupe store for the processes of one machine: a SQLite file.
#pragma once

#include "puck/dedupe.hpp"
#include "puck/result.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace puck {

struct sqlite_dedupe_settings {
    std::chrono::seconds ttl{86'400};  ///< how long a committed event counts as a duplicate: 600 to 2,592,000 s
    std::chrono::seconds lease{60};    ///< how long a handler may hold an event: 1 to 3,600 s, and less than the ttl
    /// How long one try waits for other threads and processes: 10 to 60,000 ms. A call waits for two.
    std::chrono::milliseconds timeout{1'000};
};

/// Remembers events in a file, which any number of processes of one machine share, and which outlives them.
///
/// Each process has one connection, which its threads take in turns. If the file is removed or replaced while it is
/// open, the answer is `store_unavailable` until the process starts anew or the file is back. No other is opened.
///
/// A server may make the store, fork, and use it in its children. If any store on SQLite was in use when the process
/// was forked, all of them answer `store_unavailable` in the child: SQLite's locks belong to a process, and do not
/// survive a fork. A connection to the same file that the application itself has open at a fork does the same harm, and
/// is not noticed.
///
/// Leases and ttls run on the machine's wall clock. The file must not be on a network file system.
class sqlite_dedupe final : public dedupe_store {
public:
    /// Opens the file, or makes it with mode 0600 and a table; claims, commits and forgets a probe; and closes it again
    /// until the first use.
    ///
    /// `name_space` is whose memory this is: 1 to 64 of A-Z a-z 0-9 _ . -; two endpoints that share a file must differ
    /// in it. Fails with `invalid_argument` for a setting that is out of its bounds, with `store_unavailable` and a
    /// sentence if the file cannot be used, if it belongs to another user than root, if others may write it, or if its
    /// table is of another shape.
    [[nodiscard]] static result<std::unique_ptr<sqlite_dedupe>> make(std::string path, std::string name_space,
                                                                     sqlite_dedupe_settings settings = {}) noexcept;
    ~sqlite_dedupe() override;

    [[nodiscard]] std::chrono::seconds ttl() const noexcept override;

private:
    class engine;
    explicit sqlite_dedupe(std::unique_ptr<engine> made) noexcept;

    result<puck::claim> do_claim(const uuid& id) override;
    reason do_commit(const puck::claim& held) override;
    reason do_release(const puck::claim& held) override;

    std::unique_ptr<engine> engine_;
};

}  // namespace puck
