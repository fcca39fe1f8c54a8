#include "puck/sqlite_dedupe.hpp"

#include "claims.hpp"
#include "failed.hpp"
#include "scripts.hpp"
#include "settings.hpp"
#include "sqlite_errors.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

namespace puck {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using time_point = steady_clock::time_point;

using failed = stores::failed<stores::sqlite_errors>;

/// What the table of errors calls it.
std::string_view name_of(int code) noexcept {
    switch (code & 0xFF) {
        case SQLITE_BUSY: return "BUSY";
        case SQLITE_LOCKED: return "LOCKED";
        case SQLITE_FULL: return "FULL";
        case SQLITE_READONLY: return "READONLY";
        case SQLITE_NOTADB: return "NOTADB";
        case SQLITE_CORRUPT: return "CORRUPT";
        case SQLITE_CANTOPEN: return "CANTOPEN";
        case SQLITE_IOERR: return "IOERR";
        case SQLITE_PERM: return "PERM";
        case SQLITE_NOMEM: return "NOMEM";
        case SQLITE_ERROR: return "ERROR";
        default: return "other";
    }
}

/// The statement of this name in sqlite.sql. SQLite itself finds its end.
const char* text_of(std::string_view name) {
    const std::size_t at = stores::sqlite_sql.find("-- name: " + std::string(name) + "\n");
    return stores::sqlite_sql.data() + at;
}

struct closer {
    void operator()(sqlite3* open) const noexcept { sqlite3_close_v2(open); }
    void operator()(sqlite3_stmt* prepared) const noexcept { sqlite3_finalize(prepared); }
};
using handle = std::unique_ptr<sqlite3, closer>;
using statement = std::unique_ptr<sqlite3_stmt, closer>;

// --- fork -----------------------------------------------------------------------------------------------------------
// SQLite keeps in memory which locks its process holds on which file. A child inherits this memory, but not the locks:
// its own connections, also new ones, would not lock the file, and lose what they write.

std::atomic<int> uses = 0;  // databases that are open, and steps that run
std::atomic<bool> are_locks_lost = false;

/// Counts itself.
struct use {
    use() noexcept { ++uses; }
    ~use() { --uses; }
    use(const use&) = delete;
    use& operator=(const use&) = delete;
};

[[maybe_unused]] const int watched = ::pthread_atfork(nullptr, nullptr, [] {
    if (uses != 0) are_locks_lost = true;
});

/// What a statement's parameters stand for.
struct values {
    std::string_view name_space;
    const claim& about;
    std::chrono::seconds ttl, lease;
};

/// Takes the descriptors 0 to 2 if they are free, so that no file becomes a standard stream of the program.
class low_descriptors {
public:
    low_descriptors() noexcept {
        for (int& each : taken_) {
            each = ::open("/dev/null", O_RDWR | O_CLOEXEC);
            if (each < 3) continue;
            ::close(std::exchange(each, -1));
            break;
        }
    }
    ~low_descriptors() {
        for (const int each : taken_)
            if (each >= 0) ::close(each);
    }
    low_descriptors(const low_descriptors&) = delete;
    low_descriptors& operator=(const low_descriptors&) = delete;

private:
    std::array<int, 3> taken_{-1, -1, -1};
};

class database {
public:
    /// Throws `failed`.
    database(const std::string& path, time_point deadline) : deadline_(deadline) {
        create(path);
        if (::lstat(path.c_str(), &file_) != 0) throw failed("CANTOPEN");
        if (!S_ISREG(file_.st_mode)) throw failed("link");
        if (file_.st_uid != ::geteuid() && file_.st_uid != 0) throw failed("owner");
        if ((file_.st_mode & (S_IWGRP | S_IWOTH)) != 0) throw failed("writable");
        sqlite3* opened = nullptr;
        const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
        handle_.reset(opened);
        if (code != SQLITE_OK) throw failed(name_of(code));
        for (const char* const name : {"journal", "synchronous", "table", "index"}) run_when_free(name);
        const statement shape = prepare("shape");
        wait_for_others();
        const int row = sqlite3_step(shape.get());
        if (row != SQLITE_ROW) throw failed(name_of(row));
        if (sqlite3_column_int(shape.get(), 0) != 1) throw failed("ERROR");
        claim_ = prepare("claim");
        state_ = prepare("state");
        commit_ = prepare("commit");
        release_ = prepare("release");
        sweep_ = prepare("sweep");
    }

    /// Whether another file stands at the path now, or none.
    [[nodiscard]] bool was_replaced(const std::string& path) const noexcept {
        struct stat now{};
        return ::lstat(path.c_str(), &now) != 0 || now.st_dev != file_.st_dev || now.st_ino != file_.st_ino;
    }

    /// From here on, statements wait for other processes until this moment, all of them together.
    void wait_until(time_point deadline) noexcept { deadline_ = deadline; }

    reason claim(const values& given) {
        for (int again = 0; again < 3; ++again) {
            if (changes(claim_, given) == 1) return reason::ok;
            if (const auto done = is_done(given)) return *done ? reason::duplicate : reason::in_progress;
        }
        throw failed("contended");
    }

    reason commit(const values& given) {
        if (changes(commit_, given) == 0) return reason::claim_lost;
        if (commits_++ % 16 == 0) {
            sqlite3_busy_timeout(handle_.get(), 0);
            execute(sweep_, given);  // if it fails, the event is done nevertheless
        }
        return reason::ok;
    }

    reason release(const values& given) {
        return changes(release_, given) == 1 || !is_done(given) ? reason::ok : reason::claim_lost;
    }

    void forget(const values& given) { changes(prepare("forget"), given); }

private:
    /// SQLite would make the file with the process's mode, and follow a link.
    static void create(const std::string& path) {
        // It is never closed: closing any descriptor of a file drops all locks that the process holds on it, and
        // another store of this process may have some by then.
        const low_descriptors taken;
        const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (made < 0 && errno != EEXIST) throw failed(errno == EROFS ? "READONLY" : "CANTOPEN");
    }

    statement prepare(std::string_view name) {
        sqlite3_stmt* prepared = nullptr;
        const int code =
            sqlite3_prepare_v3(handle_.get(), text_of(name), -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
        if (code != SQLITE_OK) throw failed(name_of(code));
        return statement(prepared);
    }

    /// The next statement waits for other processes, until the deadline.
    void wait_for_others() noexcept {
        const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
        sqlite3_busy_timeout(handle_.get(), static_cast<int>(std::max(left, milliseconds(1)).count()));
    }

    /// SQLite does not wait for others in every case while a file is new.
    void run_when_free(std::string_view name) {
        for (;;) try {
                wait_for_others();
                const statement prepared = prepare(name);
                int code = SQLITE_ROW;
                while (code == SQLITE_ROW) code = sqlite3_step(prepared.get());
                if (code != SQLITE_DONE) throw failed(name_of(code));
                return;
            } catch (const failed& why) {
                if (why.name != "BUSY" || steady_clock::now() >= deadline_) throw;
                std::this_thread::sleep_for(milliseconds(5));
            }
    }

    static void bind(const statement& prepared, const values& given) noexcept {
        sqlite3_stmt* const to = prepared.get();
        const auto number = [to](const char* name, std::int64_t value) {
            if (const int at = sqlite3_bind_parameter_index(to, name); at != 0) sqlite3_bind_int64(to, at, value);
        };
        if (const int at = sqlite3_bind_parameter_index(to, ":ns"); at != 0)
            sqlite3_bind_text(to, at, given.name_space.data(), static_cast<int>(given.name_space.size()),
                              SQLITE_STATIC);
        if (const int at = sqlite3_bind_parameter_index(to, ":id"); at != 0)
            sqlite3_bind_blob(to, at, given.about.id.bytes.data(), static_cast<int>(given.about.id.bytes.size()),
                              SQLITE_STATIC);
        number(":token", static_cast<std::int64_t>(given.about.token));
        number(":now", std::chrono::floor<milliseconds>(system_clock::now().time_since_epoch()).count());
        number(":ttl", milliseconds(given.ttl).count());
        number(":lease", milliseconds(given.lease).count());
    }

    /// Runs a statement that returns no rows. Returns SQLITE_DONE or an error.
    static int execute(const statement& prepared, const values& given) noexcept {
        bind(prepared, given);
        const int code = sqlite3_step(prepared.get());
        sqlite3_reset(prepared.get());
        return code;
    }

    /// How many rows the statement changes.
    int changes(const statement& prepared, const values& given) {
        wait_for_others();
        const int code = execute(prepared, given);
        if (code != SQLITE_DONE) throw failed(name_of(code));
        return sqlite3_changes(handle_.get());
    }

    /// Empty if there is no live row.
    std::optional<bool> is_done(const values& given) {
        wait_for_others();
        bind(state_, given);
        const int code = sqlite3_step(state_.get());
        const bool done = code == SQLITE_ROW && sqlite3_column_int(state_.get(), 0) == 1;
        sqlite3_reset(state_.get());
        if (code == SQLITE_DONE) return std::nullopt;
        if (code != SQLITE_ROW) throw failed(name_of(code));
        return done;
    }

    const use counted_;
    time_point deadline_;
    struct stat file_{};
    handle handle_;
    statement claim_, state_, commit_, release_, sweep_;
    unsigned commits_ = 0;
};

}  // namespace

class sqlite_dedupe::engine {
public:
    engine(std::string path, std::string name_space, const sqlite_dedupe_settings& settings)
        : path_(std::move(path)), name_space_(std::move(name_space)), settings_(settings) {}

    ~engine() {
        if (!are_locks_lost) return;
        [[maybe_unused]] const auto* const parents = open_.release();  // to close it would change the file
    }
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    /// Calls `does` with the database and with `about`'s values. Throws `failed`.
    template <class Does>
    auto step(const puck::claim& about, Does does) {
        const time_point deadline = steady_clock::now() + 2 * settings_.timeout;
        const use counted;  // before the lock, which a child could inherit
        if (are_locks_lost) throw failed("forked");
        // ThreadSanitizer knows this wait by the wall clock only. Whoever has the turn ends by the steady clock.
        const std::unique_lock turn(turn_, system_clock::now() + (deadline - steady_clock::now()));
        if (!turn) throw failed("BUSY");
        // It stays open: a new one at the same path would share the old one's -shm file.
        if (open_ && open_->was_replaced(path_)) throw failed("replaced");
        if (!open_) open_ = std::make_unique<database>(path_, deadline);
        open_->wait_until(deadline);
        try {
            return does(*open_, values{name_space_, about, settings_.ttl, settings_.lease});
        } catch (const failed& why) {
            // It may be mended by the next step: a full disk, a file that was restored from a backup.
            if (why.name != "BUSY" && !open_->was_replaced(path_)) open_.reset();
            throw;
        }
    }

    /// So that the process may fork before it uses the store.
    void close() {
        const use counted;
        const std::scoped_lock turn(turn_);
        open_.reset();
    }

    [[nodiscard]] std::chrono::seconds ttl() const noexcept { return settings_.ttl; }

private:
    const std::string path_;
    const std::string name_space_;
    const sqlite_dedupe_settings settings_;
    std::timed_mutex turn_;  // guards `open_`, which the threads take in turns
    std::unique_ptr<database> open_;
};

sqlite_dedupe::sqlite_dedupe(std::unique_ptr<engine> made) noexcept : engine_(std::move(made)) {}
sqlite_dedupe::~sqlite_dedupe() = default;

result<std::unique_ptr<sqlite_dedupe>> sqlite_dedupe::make(std::string path, std::string name_space,
                                                           sqlite_dedupe_settings settings) noexcept try {
    if (const auto mistake = stores::wrong_setting(name_space, settings.ttl, settings.lease, settings.timeout))
        return unexpected{*mistake};
    if (path.empty() || path == ":memory:" || path.find('\0') != std::string::npos)
        return unexpected{error(reason::invalid_argument, "This is not the path of a SQLite file.")};
    // The process may go to another folder; and SQLite gives some relative names a meaning of their own.
    auto made = std::make_unique<engine>(std::filesystem::absolute(std::filesystem::path(std::move(path))).string(),
                                         std::move(name_space), settings);
    const puck::claim probe = stores::new_probe();
    made->step(probe, [](database& open, const values& given) {
        const bool works = open.claim(given) == reason::ok && open.commit(given) == reason::ok;
        open.forget(given);
        if (!works) throw failed("other");
    });
    made->close();
    return std::unique_ptr<sqlite_dedupe>(new sqlite_dedupe(std::move(made)));
} catch (const failed& why) {
    return unexpected{why.why};
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
} catch (const std::exception&) {  // the system has no random numbers, or the current folder is gone
    return unexpected{error(reason::internal)};
}

result<claim> sqlite_dedupe::do_claim(const uuid& id) try {
    const puck::claim mine = stores::new_claim(id);
    const reason answer = engine_->step(mine, [](database& open, const values& given) { return open.claim(given); });
    if (answer != reason::ok) return unexpected{error(answer)};
    return mine;
} catch (const failed& why) {
    return unexpected{why.why};
}

reason sqlite_dedupe::do_commit(const puck::claim& held) {
    return engine_->step(held, [](database& open, const values& given) { return open.commit(given); });
}

reason sqlite_dedupe::do_release(const puck::claim& held) {
    return engine_->step(held, [](database& open, const values& given) { return open.release(given); });
}

std::chrono::seconds sqlite_dedupe::ttl() const noexcept { return engine_->ttl(); }

}  // namespace puck
