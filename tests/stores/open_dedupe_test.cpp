#include <puck/lru_dedupe.hpp>
#include <puck/open_dedupe.hpp>
#include <puck/redis_dedupe.hpp>
#include <puck/sqlite_dedupe.hpp>

#include "stores/support.hpp"

#include <fstream>

using namespace std::chrono_literals;
using puck::open_dedupe;
using puck::reason;
using support::event;
using support::sentence_of;
using support::why_not;

namespace {

std::string redis_text(const std::string& user, const std::string& parameters) {
    return "redis://" + user + "127.0.0.1:" + support::environment("PUCK_TEST_REDIS") + "/5?namespace=n" + parameters;
}

}  // namespace

TEST_CASE("each store is opened by its text, with its settings") {
    const auto memory = std::move(open_dedupe("memory:?capacity=1&ttl=600&lease=7").value());
    CHECK(dynamic_cast<puck::lru_dedupe*>(memory.get()) != nullptr);
    CHECK(memory->ttl() == 600s);
    CHECK(memory->claim(event(1)));
    CHECK(why_not(memory->claim(event(2))) == reason::store_full);
    CHECK(open_dedupe("memory:").value()->ttl() == 24h);

    const support::folder folder;
    const auto sqlite =
        std::move(open_dedupe("sqlite:" + folder.file("my%20events.db") + "?namespace=n&ttl=700").value());
    CHECK(dynamic_cast<puck::sqlite_dedupe*>(sqlite.get()) != nullptr);
    CHECK(sqlite->ttl() == 700s);
    CHECK(std::filesystem::exists(folder.file("my events.db")));

    const auto redis = std::move(open_dedupe(redis_text("", "&lease=61&timeout=5")).value());
    CHECK(dynamic_cast<puck::redis_dedupe*>(redis.get()) != nullptr);
    CHECK(redis->ttl() == 24h);
    CHECK(redis->claim(event(1)));
    support::redis_admin admin(std::stoi(support::environment("PUCK_TEST_REDIS")));
    admin.must({"SELECT", "5"});
    CHECK(std::stoi(admin.ask({"PTTL", "n:" + support::event_text(1)})) > 60'000);
    const auto by_socket =
        std::move(open_dedupe("unix:" + support::environment("PUCK_TEST_REDIS_SOCKET") + "?namespace=n&db=5").value());
    CHECK(why_not(by_socket->claim(event(1))) == reason::in_progress);
    admin.must({"FLUSHDB"});
}

TEST_CASE("a text that is refused, and a store that is not there") {
    const auto bad = open_dedupe("sqlite:events.db");
    CHECK(bad.error().reason() == reason::invalid_argument);
    CHECK(sentence_of(bad) ==
          "The dedupe store's text has no namespace: add namespace=N, with the name of this endpoint.");
    const auto away = open_dedupe("sqlite:/no/such/folder/events.db?namespace=n");
    CHECK(away.error().reason() == reason::store_unavailable);
    for (const char* const text : {"rediss://h?namespace=n", "valkeys://h?namespace=n"})
        CHECK(sentence_of(open_dedupe(text)) ==
              "rediss:// and valkeys:// need TLS, which the store of C++ does not have.");
}

TEST_CASE("passwords come from the text, the environment or a file") {
    support::redis_admin admin(std::stoi(support::environment("PUCK_TEST_REDIS")));
    admin.must({"ACL", "SETUSER", "opener", "on", ">hunter@2", "~n:*", "+@all"});
    const support::folder folder;
    const std::string file = folder.file("password");
    const std::string of_file = "&password_file=" + file, of_variable = "&password_env=PUCK_TEST_PASSWORD";
    ::setenv("PUCK_TEST_PASSWORD", "hunter@2", 1);
    CHECK(open_dedupe(redis_text("opener:hunter%402@", "")));
    CHECK(open_dedupe(redis_text("opener@", of_variable)));
    for (const char* const end : {"", "\n", "\r\n"}) {
        std::ofstream(file, std::ios::binary) << "hunter@2" << end;
        CHECK(open_dedupe(redis_text("opener@", of_file)));
    }
    ::setenv("PUCK_TEST_PASSWORD", "hunter3", 1);
    CHECK(sentence_of(open_dedupe(redis_text("opener@", of_variable))) ==
          "Redis refused the user name or the password.");
    for (const bool is_set : {true, false}) {
        is_set ? ::setenv("PUCK_TEST_PASSWORD", "", 1) : ::unsetenv("PUCK_TEST_PASSWORD");
        CHECK(sentence_of(open_dedupe(redis_text("opener@", of_variable))) ==
              "The environment variable of password_env is not set, or is empty.");
    }
    for (const std::string& text : {std::string(), std::string("\n"), std::string(4'097, 'x')}) {
        std::ofstream(file) << text;
        CHECK(sentence_of(open_dedupe(redis_text("opener@", of_file))) ==
              "The file of password_file is empty, or longer than 4096 bytes.");
    }
    for (const std::string& path : {folder.file("none"), folder.path().string()})
        CHECK(sentence_of(open_dedupe(redis_text("opener@", "&password_file=" + path))) ==
              "The file of password_file cannot be read.");
    admin.must({"ACL", "DELUSER", "opener"});
}
