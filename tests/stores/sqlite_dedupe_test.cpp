#include <puck/sqlite_dedupe.hpp>

#include "stores/support.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

using namespace std::chrono_literals;
using puck::reason;
using puck::sqlite_dedupe;
using support::event;
using support::sentence_of;
using support::why_not;

namespace {

std::unique_ptr<sqlite_dedupe> make(const std::string& path, puck::sqlite_dedupe_settings settings = {}) {
    return std::move(sqlite_dedupe::make(path, "n", settings).value());
}

/// A connection of the test's own.
class database {
public:
    explicit database(const std::string& path) {
        REQUIRE(sqlite3_open(path.c_str(), &open_) == SQLITE_OK);
        sqlite3_busy_timeout(open_, 5'000);
    }
    ~database() { sqlite3_close(open_); }
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    /// Returns the first column of the last row, as text.
    std::string run(const std::string& sql) {
        std::string last;
        char* failure = nullptr;
        const auto keep = [](void* into, int, char** values, char**) {
            *static_cast<std::string*>(into) = values[0] == nullptr ? "NULL" : values[0];
            return 0;
        };
        const int code = sqlite3_exec(open_, sql.c_str(), keep, &last, &failure);
        INFO(sql << ": " << (failure == nullptr ? "" : failure));
        CHECK(code == SQLITE_OK);
        return last;
    }

private:
    sqlite3* open_ = nullptr;
};

/// Time passes for everything in the file.
void wait(const std::string& path, std::chrono::milliseconds time) {
    database(path).run("UPDATE puck_events SET expires = expires - " + std::to_string(time.count()));
}

}  // namespace

TEST_CASE("SQLite answers the steps of stores.json") {
    const support::folder folder;
    support::run_steps([&](const std::string& id, std::chrono::seconds ttl,
                           std::chrono::seconds lease) { return make(folder.file(id), {.ttl = ttl, .lease = lease}); },
                       [&](const std::string& id, std::chrono::milliseconds time) { wait(folder.file(id), time); });
}

TEST_CASE("SQLite: two namespaces of a file do not know each other, and stores of one share it") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto one = make(path), same = make(path);
    const auto other = std::move(sqlite_dedupe::make(path, "other").value());
    const auto claim = one->claim(event(1));
    REQUIRE(claim);
    CHECK(why_not(same->claim(event(1))) == reason::in_progress);
    CHECK(why_not(other->claim(event(1))) == reason::ok);
    CHECK(same->commit(*claim) == reason::ok);
    CHECK(why_not(one->claim(event(1))) == reason::duplicate);
    CHECK(one->ttl() == 24h);
}

TEST_CASE("SQLite: the file is made for its owner alone, and is only what the statements say") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto store = make(path);
    CHECK(why_not(store->claim(event(1))) == reason::ok);
    for (const std::string& name : {path, path + "-wal", path + "-shm"}) {
        struct stat is{};
        REQUIRE(::stat(name.c_str(), &is) == 0);
        CHECK((is.st_mode & 0777) == 0600);
    }
    CHECK(database(path).run("SELECT count(*) FROM puck_events") == "1");  // nothing is left of the probe
    CHECK(database(path).run("PRAGMA journal_mode") == "wal");
}

TEST_CASE("SQLite: what is over is swept with the commits") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto store = make(path);
    for (std::uint8_t number = 1; number <= 30; ++number)
        REQUIRE(store->commit(*store->claim(event(number))) == reason::ok);
    wait(path, 25h);
    for (std::uint8_t number = 31; number <= 50; ++number)
        REQUIRE(store->commit(*store->claim(event(number))) == reason::ok);
    CHECK(database(path).run("SELECT count(*) FROM puck_events") == "20");
}

TEST_CASE("SQLite: a lease that ends too late to be one is over, because the clock was set back") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto store = make(path, {.lease = 1h});
    const auto held = store->claim(event(1));
    REQUIRE(held);
    CHECK(why_not(store->claim(event(1))) == reason::in_progress);
    wait(path, -1min);
    const auto newer = store->claim(event(1));
    CHECK(why_not(newer) == reason::ok);
    CHECK(store->commit(*held) == reason::claim_lost);
    wait(path, -1min);
    CHECK(store->release(*held) == reason::ok);  // the newer one counts as absent
    CHECK(store->commit(*held) == reason::ok);
    wait(path, -2h);
    CHECK(why_not(store->claim(event(1))) == reason::duplicate);  // a ttl may be as long
}

TEST_CASE("SQLite: threads") {
    const support::folder folder;
    support::run_threads(*make(folder.file("events.db"), {.timeout = 20s}));
}

TEST_CASE("SQLite: many open a new file at once") {
    const support::folder folder;
    std::atomic<int> made = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            if (sqlite_dedupe::make(folder.file("events.db"), "n", {.timeout = 20s})) ++made;
        });
    for (std::thread& each : threads) each.join();
    CHECK(made == 8);
}

TEST_CASE("SQLite: a store that was made before a fork serves both sides of it") {
    const support::folder folder;
    const auto store = make(folder.file("events.db"));
    const int first = support::exit_code_of_child([&] {
        const auto claim = store->claim(event(1));
        return claim && store->commit(*claim) == reason::ok ? 0 : 1;
    });
    CHECK(first == 0);
    CHECK(why_not(store->claim(event(1))) == reason::duplicate);
}

TEST_CASE("SQLite: a child of a process that used the store is refused, for the locks are not its own") {
    const support::folder folder;
    const auto store = make(folder.file("events.db"));
    REQUIRE(store->commit(*store->claim(event(1))) == reason::ok);
    const auto refuses = [&] {
        return sentence_of(store->claim(event(1))) ==
                       "The SQLite file was open when the process was forked: do not "
                       "use the store before the server forks."
                   ? 0
                   : 1;
    };
    CHECK(support::exit_code_of_child(refuses) == 0);
    CHECK(support::exit_code_of_child([&] { return support::exit_code_of_child(refuses); }) == 0);
    CHECK(why_not(store->claim(event(1))) == reason::duplicate);
}

TEST_CASE("SQLite: a child is refused by every store if any of them was in use") {
    const support::folder folder;
    const auto used = make(folder.file("events.db"));
    const auto other = std::move(sqlite_dedupe::make(folder.file("events.db"), "other").value());
    REQUIRE(used->claim(event(1)));
    const auto refuses = [&] {
        const bool is_refused = why_not(other->claim(event(1))) == reason::store_unavailable &&
                                !sqlite_dedupe::make(folder.file("events.db"), "third");
        return is_refused ? 0 : 1;
    };
    CHECK(support::exit_code_of_child(refuses) == 0);
    CHECK(why_not(other->claim(event(1))) == reason::ok);
}

TEST_CASE("SQLite: a fork while another thread uses the store leaves no child that waits for ever") {
    const support::folder folder;
    int odd = 0;
    for (int round = 0; round < 60; ++round) {
        const auto store = make(folder.file(std::to_string(round)));
        std::thread other([&] { static_cast<void>(store->claim(event(1))); });
        std::this_thread::sleep_for(std::chrono::microseconds(round * 5));
        const int code = support::exit_code_of_child([&] {
            ::alarm(10);
            const auto claim = store->claim(event(2));
            return claim || sentence_of(claim).find("forked") != std::string::npos ? 0 : 1;
        });
        if (code != 0) ++odd;
        other.join();
    }
    CHECK(odd == 0);
}

TEST_CASE("SQLite: a file that is removed or replaced while it is open is refused until it is there again") {
    const support::folder folder;
    const std::string path = folder.file("events.db"), moved = folder.file("moved.db"), other = folder.file("other.db");
    const auto* const replaced =
        "The SQLite file was removed or replaced while it was open: restart the processes that use it.";
    const auto store = make(path);
    const auto held = store->claim(event(1));
    REQUIRE(held);
    std::filesystem::rename(path, moved);
    CHECK(sentence_of(store->claim(event(2))) == replaced);
    CHECK(store->commit(*held) == reason::store_unavailable);
    CHECK(store->release(*held) == reason::store_unavailable);
    CHECK(!std::filesystem::exists(path));

    REQUIRE(make(other)->claim(event(2)));
    std::filesystem::rename(other, path);
    CHECK(sentence_of(store->claim(event(2))) == replaced);
    CHECK(sentence_of(store->claim(event(2))) == replaced);

    std::filesystem::rename(moved, path);
    CHECK(store->commit(*held) == reason::ok);
    CHECK(why_not(store->claim(event(2))) == reason::ok);
}

TEST_CASE("SQLite: a file does not become a standard stream of the program") {
    const support::folder folder;
    const int code = support::exit_code_of_child([&] {
        ::close(STDIN_FILENO);
        const auto store = sqlite_dedupe::make(folder.file("events.db"), "n");
        struct stat input{}, file{};
        if (!store || !(*store)->claim(event(1)) || ::stat(folder.file("events.db").c_str(), &file) != 0) return 1;
        return ::fstat(STDIN_FILENO, &input) == 0 && input.st_ino == file.st_ino ? 2 : 0;
    });
    CHECK(code == 0);
}

TEST_CASE("SQLite: relative paths stay what they were") {
    const support::folder folder;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    const auto store = make("file:events.db?mode=memory");
    std::filesystem::current_path(before);
    CHECK(why_not(store->claim(event(1))) == reason::ok);
    CHECK(std::filesystem::exists(folder.file("file:events.db?mode=memory")));
}

TEST_CASE("SQLite: settings out of their bounds, and what is no path") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto refusal = [&](const std::string& of_path, const std::string& name_space,
                             puck::sqlite_dedupe_settings settings) {
        const auto made = sqlite_dedupe::make(of_path, name_space, settings);
        CHECK(made.error().reason() == reason::invalid_argument);
        return sentence_of(made);
    };
    CHECK(refusal(path, "n", {.ttl = 599s}) == "The dedupe ttl is not within 600 to 2592000 seconds.");
    CHECK(refusal(path, "n", {.ttl = 2'592'001s}) == "The dedupe ttl is not within 600 to 2592000 seconds.");
    const auto* const lease = "The dedupe lease is not within 1 to 3600 seconds and below the ttl.";
    CHECK(refusal(path, "n", {.lease = 0s}) == lease);
    CHECK(refusal(path, "n", {.lease = 3'601s}) == lease);
    CHECK(refusal(path, "n", {.ttl = 600s, .lease = 600s}) == lease);
    CHECK(refusal(path, "n", {.timeout = 9ms}) == "The dedupe timeout is not within 0.01 to 60 seconds.");
    CHECK(refusal(path, "n", {.timeout = 60'001ms}) == "The dedupe timeout is not within 0.01 to 60 seconds.");
    for (const std::string& name_space :
         {std::string(), std::string(65, 'n'), std::string("a:b"), std::string("\xC3\xA9")})
        CHECK(refusal(path, name_space, {}) ==
              "The dedupe namespace is not 1 to 64 of these characters: A-Z a-z 0-9 _ . -");
    for (const std::string& none : {std::string(), std::string(":memory:"), std::string("a\0b", 3)})
        CHECK(refusal(none, "n", {}) == "This is not the path of a SQLite file.");
    CHECK(!std::filesystem::exists(path));
}

TEST_CASE("SQLite: files that cannot be used") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto refusal = [&](const std::string& of_path) {
        const auto made = sqlite_dedupe::make(of_path, "n", {.timeout = 50ms});
        REQUIRE(!made);
        CHECK(made.error().reason() == reason::store_unavailable);
        return sentence_of(made);
    };
    const auto* const cannot_open =
        "The SQLite file cannot be opened: does its folder exist, and may this process write there?";
    const auto* const not_ours = "The table puck_events of the SQLite file is not one of puck-webhooks.";
    SUBCASE("no folder") { CHECK(refusal(folder.file("none/events.db")) == cannot_open); }
    SUBCASE("a folder") {
        CHECK(refusal(folder.path()) == "The SQLite file is a symbolic link, or not a regular file.");
    }
    SUBCASE("a link") {
        std::filesystem::create_symlink(folder.file("elsewhere.db"), path);
        CHECK(refusal(path) == "The SQLite file is a symbolic link, or not a regular file.");
        CHECK(!std::filesystem::exists(folder.file("elsewhere.db")));
    }
    SUBCASE("others may write it") {
        make(path);
        for (const mode_t mode : {0620U, 0602U}) {
            REQUIRE(::chmod(path.c_str(), mode) == 0);
            CHECK(refusal(path) ==
                  "Other users may write the SQLite file, and so mark events as done: take that right away (chmod "
                  "go-w).");
        }
    }
    SUBCASE("of another user") {
        if (::geteuid() != 0) return;  // who else may give a file away?
        make(path);
        REQUIRE(::chown(path.c_str(), 65'534, 65'534) == 0);
        CHECK(refusal(path) == "The SQLite file belongs to another user, who may mark events as done.");
    }
    SUBCASE("not a database") {
        std::ofstream(path) << std::string(4'096, 'x');
        ::chmod(path.c_str(), 0600);
        CHECK(refusal(path) == "The file is not a SQLite database.");
    }
    SUBCASE("another table") {
        for (const char* const columns :
             {"id TEXT", "namespace TEXT, event_id BLOB, token INTEGER, done INTEGER, expires INTEGER",
              "namespace TEXT, event_id BLOB, token TEXT, done INTEGER, expires INTEGER, PRIMARY KEY (namespace, "
              "event_id)"}) {
            std::filesystem::remove(path);
            database(path).run(std::string("CREATE TABLE puck_events (") + columns + ")");
            ::chmod(path.c_str(), 0600);
            CHECK(refusal(path) == not_ours);
        }
    }
    SUBCASE("read-only") {
        make(path);
        ::chmod(path.c_str(), 0444);
        if (::geteuid() == 0) {  // root may write everything
            ::chmod(folder.path().c_str(), 0777);
            REQUIRE(::seteuid(65'534) == 0);
        }
        const std::string said = refusal(path);
        REQUIRE(::seteuid(::getuid()) == 0);
        CHECK(said == "The SQLite file is read-only for this process.");
    }
    SUBCASE("locked") {
        make(path);
        database other(path);
        other.run("BEGIN IMMEDIATE");
        const auto begin = std::chrono::steady_clock::now();
        CHECK(refusal(path) == "The SQLite file stayed locked by others until the timeout.");
        CHECK(std::chrono::steady_clock::now() - begin < 4s);  // 2 x 50 ms were promised
        other.run("COMMIT");
        CHECK(sqlite_dedupe::make(path, "n"));
    }
}

TEST_CASE("SQLite: a lock that stays gives store_unavailable, and nothing is lost when it goes") {
    const support::folder folder;
    const std::string path = folder.file("events.db");
    const auto store = make(path, {.timeout = 20ms});
    const auto held = store->claim(event(1));
    REQUIRE(held);
    {
        database other(path);
        other.run("BEGIN IMMEDIATE");
        const auto claim = store->claim(event(2));
        CHECK(why_not(claim) == reason::store_unavailable);
        CHECK(sentence_of(claim) == "The SQLite file stayed locked by others until the timeout.");
        CHECK(store->commit(*held) == reason::store_unavailable);
        CHECK(store->release(*held) == reason::store_unavailable);
        other.run("COMMIT");
    }
    CHECK(store->commit(*held) == reason::ok);
    CHECK(why_not(store->claim(event(2))) == reason::ok);
}
