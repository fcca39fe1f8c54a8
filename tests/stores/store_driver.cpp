// A dedupe store, by its text, for the tests that are written in Python. Run as store_driver TEXT; it reads lines:
//
//     claim EVENT_ID SLOT    ok, duplicate, in_progress or another reason, and then the error's sentence; the claim
//                            that is granted is kept as SLOT
//     commit SLOT            ok, claim_lost or another reason
//     release SLOT           the same
//     bench N                median nanoseconds of N pairs of claim and commit, ours and with the bare client library,
//                            in turns: "ours 12345 bare 12001"
//
// and prints one line for each. It ends with exit code 1, and the sentence on standard error, if there is no store.
#include <puck/open_dedupe.hpp>

#include "scripts.hpp"

#include <hiredis/hiredis.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using steady = std::chrono::steady_clock;

void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
}

puck::uuid random_id() {
    static std::mt19937_64 random{std::random_device{}()};
    puck::uuid id;
    for (std::uint8_t& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
    return id;
}

/// Two EVALSHA with hiredis, on a connection of its own.
class bare_redis {
public:
    explicit bare_redis(const puck::dedupe_url& url)
        : context_(url.path.empty() ? redisConnect(url.host.c_str(), url.port) : redisConnectUnix(url.path.c_str())),
          prefix_(url.name_space + ":bare-") {
        require(context_ != nullptr && context_->err == 0, "hiredis does not connect");
        if (!url.password.empty()) {
            const std::string user = url.username.empty() ? "default" : url.username;
            freeReplyObject(redisCommand(context_, "AUTH %s %s", user.c_str(), url.password.c_str()));
        }
        freeReplyObject(redisCommand(context_, "SELECT %d", static_cast<int>(url.db)));
    }
    ~bare_redis() { redisFree(context_); }
    bare_redis(const bare_redis&) = delete;
    bare_redis& operator=(const bare_redis&) = delete;

    void pair(const puck::uuid& id) {
        const auto text = id.text();
        const std::string key = prefix_ + std::string(text.begin(), text.end());
        evalsha(puck::stores::claim_lua_sha1.data(), key, "60000");
        evalsha(puck::stores::settle_lua_sha1.data(), key, "86400000");
    }

private:
    void evalsha(const char* sha, const std::string& key, const char* milliseconds) {
        auto* const reply = static_cast<redisReply*>(
            redisCommand(context_, "EVALSHA %s 1 %s %s %s", sha, key.c_str(), "00000000000000ab", milliseconds));
        require(reply != nullptr && reply->type == REDIS_REPLY_INTEGER && reply->integer == 0, "EVALSHA failed");
        freeReplyObject(reply);
    }

    redisContext* context_;
    std::string prefix_;
};

/// The two statements with SQLite's library, on a connection of its own.
class bare_sqlite {
public:
    explicit bare_sqlite(const puck::dedupe_url& url) : name_space_(url.name_space) {
        require(sqlite3_open(url.path.c_str(), &open_) == SQLITE_OK, "SQLite does not open the file");
        sqlite3_busy_timeout(open_, 2'000);
        sqlite3_exec(open_, "PRAGMA synchronous = NORMAL", nullptr, nullptr, nullptr);
        claim_ = prepare("-- name: claim\n");
        commit_ = prepare("-- name: commit\n");
    }
    ~bare_sqlite() {
        sqlite3_finalize(claim_);
        sqlite3_finalize(commit_);
        sqlite3_close(open_);
    }
    bare_sqlite(const bare_sqlite&) = delete;
    bare_sqlite& operator=(const bare_sqlite&) = delete;

    void pair(const puck::uuid& id) {
        step(claim_, id, ":lease", 60'000);
        step(commit_, id, ":ttl", 86'400'000);
    }

private:
    sqlite3_stmt* prepare(const char* name) {
        sqlite3_stmt* made = nullptr;
        const char* const text = puck::stores::sqlite_sql.data() + puck::stores::sqlite_sql.find(name);
        require(sqlite3_prepare_v2(open_, text, -1, &made, nullptr) == SQLITE_OK, "SQLite does not prepare");
        return made;
    }

    void step(sqlite3_stmt* prepared, const puck::uuid& id, const char* parameter, std::int64_t milliseconds) {
        const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
        const auto at = [prepared](const char* name) { return sqlite3_bind_parameter_index(prepared, name); };
        sqlite3_bind_text(prepared, at(":ns"), name_space_.data(), static_cast<int>(name_space_.size()), SQLITE_STATIC);
        sqlite3_bind_blob(prepared, at(":id"), id.bytes.data(), 16, SQLITE_STATIC);
        sqlite3_bind_int64(prepared, at(":token"), 7);
        sqlite3_bind_int64(prepared, at(":now"), now.time_since_epoch().count());
        sqlite3_bind_int64(prepared, at(parameter), milliseconds);
        require(sqlite3_step(prepared) == SQLITE_DONE && sqlite3_changes(open_) == 1, "the statement failed");
        sqlite3_reset(prepared);
    }

    std::string name_space_;
    sqlite3* open_ = nullptr;
    sqlite3_stmt *claim_ = nullptr, *commit_ = nullptr;
};

std::int64_t median(std::vector<std::int64_t>& times) {
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
}

std::string compare(int count, const std::function<void(const puck::uuid&)>& ours,
                    const std::function<void(const puck::uuid&)>& bare) {
    std::vector<std::int64_t> ours_took, bare_took;
    const auto timed = [](const auto& pair, std::vector<std::int64_t>& into) {
        const puck::uuid id = random_id();
        const auto begin = steady::now();
        pair(id);
        into.push_back(std::chrono::nanoseconds(steady::now() - begin).count());
    };
    for (int i = 0; i < count; ++i) {
        timed(ours, ours_took);
        timed(bare, bare_took);
    }
    return "ours " + std::to_string(median(ours_took)) + " bare " + std::to_string(median(bare_took));
}

std::string bench(const puck::dedupe_url& url, puck::dedupe_store& store, int count) {
    const auto ours = [&store](const puck::uuid& id) {
        const auto held = store.claim(id);
        require(held && store.commit(*held) == puck::reason::ok, "the store failed");
    };
    require(count > 0 && url.engine != puck::dedupe_url::engines::memory, "there is nothing to compare with");
    if (url.engine == puck::dedupe_url::engines::redis) {
        bare_redis bare(url);
        return compare(count, ours, [&bare](const puck::uuid& id) { bare.pair(id); });
    }
    bare_sqlite bare(url);
    return compare(count, ours, [&bare](const puck::uuid& id) { bare.pair(id); });
}

std::string answer(const puck::dedupe_url& url, puck::dedupe_store& store, std::map<std::string, puck::claim>& slots,
                   const std::string& line) {
    std::istringstream words(line);
    std::string what, first, second;
    words >> what >> first >> second;
    if (what == "bench") return bench(url, store, std::stoi(first));
    if (what == "claim") {
        const auto id = puck::uuid::parse(first);
        require(id.has_value(), "this is not an event id");
        const auto claim = store.claim(*id);
        if (!claim) return std::string(name(claim.error().reason())) + ' ' + std::string(claim.error().detail());
        slots.insert_or_assign(second, *claim);
        return "ok";
    }
    const puck::claim& held = slots.at(first);
    require(what == "commit" || what == "release", "there is no such command");
    return std::string(name(what == "commit" ? store.commit(held) : store.release(held)));
}

}  // namespace

int main(int argc, char** argv) try {
    require(argc == 2, "usage: store_driver TEXT");
    const auto url = puck::dedupe_url::parse(argv[1]).value();
    const auto store = puck::open_dedupe(url).value();
    std::map<std::string, puck::claim> slots;
    for (std::string line; std::getline(std::cin, line);) std::cout << answer(url, *store, slots, line) << std::endl;
    return 0;
} catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
}
