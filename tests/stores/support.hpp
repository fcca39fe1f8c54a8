// What the tests of the stores have in common.
#pragma once

#include "support/vectors.hpp"

#include <puck/dedupe.hpp>

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace support {

inline std::string environment(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set: run this with with_servers.py");
    return value;
}

/// A folder that is removed in the end.
class folder {
public:
    folder() {
        std::string name = (std::filesystem::temp_directory_path() / "puck-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("there is no temporary folder");
        path_ = name;
    }
    ~folder() { std::filesystem::remove_all(path_); }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;

    std::string file(const std::string& name) const { return path_ / name; }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// A connection of the test's own to a server.
class redis_admin {
public:
    explicit redis_admin(int port) : context_(redisConnect("127.0.0.1", port), &redisFree) {
        if (context_ == nullptr || context_->err != 0) throw std::runtime_error("there is no server");
    }

    /// The reply as text; an error begins with a minus.
    std::string ask(const std::vector<std::string>& words) {
        std::vector<const char*> texts;
        std::vector<std::size_t> sizes;
        for (const std::string& word : words) {
            texts.push_back(word.data());
            sizes.push_back(word.size());
        }
        const std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
            static_cast<redisReply*>(
                redisCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data())),
            &freeReplyObject);
        if (reply == nullptr) throw std::runtime_error("the server is gone");
        if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
        if (reply->type == REDIS_REPLY_NIL) return "nil";
        return (reply->type == REDIS_REPLY_ERROR ? "-" : "") + std::string(reply->str, reply->len);
    }

    void must(const std::vector<std::string>& words) {
        const std::string reply = ask(words);
        INFO(words.front() << ": " << reply);
        REQUIRE(!reply.starts_with('-'));
    }

private:
    std::unique_ptr<redisContext, decltype(&redisFree)> context_;
};

inline puck::uuid event(std::uint8_t number) {
    puck::uuid id{};
    id.bytes.back() = number;
    return id;
}

inline std::string event_text(std::uint8_t number) {
    const auto text = event(number).text();
    return {text.begin(), text.end()};
}

inline puck::reason why_not(const puck::result<puck::claim>& claim) {
    return claim ? puck::reason::ok : claim.error().reason();
}

template <class T>
std::string sentence_of(const puck::result<T>& made) {
    return made ? "it was made" : std::string(made.error().detail());
}

/// Runs the cases of stores.json. `make` gives a fresh store for each, and `wait` lets time pass for it.
inline void run_steps(const std::function<std::unique_ptr<puck::dedupe_store>(
                          const std::string& id, std::chrono::seconds ttl, std::chrono::seconds lease)>& make,
                      const std::function<void(const std::string& id, std::chrono::milliseconds)>& wait) {
    const auto all = cases("stores.json");
    CHECK(all.size() >= 40);
    for (const json& each : all) {
        const auto id = each.at("id").get<std::string>();
        CAPTURE(id);
        const auto store = make(id, std::chrono::seconds(each.at("ttl").get<std::int64_t>()),
                                std::chrono::seconds(each.at("lease").get<std::int64_t>()));
        std::map<std::string, puck::claim> claims;
        std::size_t number = 0;
        for (const json& step : each.at("steps")) {
            CAPTURE(++number);
            const auto does = step.at("do").get<std::string>();
            if (does == "wait") {
                wait(id, std::chrono::milliseconds(static_cast<std::int64_t>(step.at("seconds").get<double>() * 1e3)));
                continue;
            }
            const auto as = step.at("as").get<std::string>();
            puck::reason answer = puck::reason::ok;
            if (does == "claim") {
                const auto claim = store->claim(event(step.value("event", std::uint8_t{1})));
                if (claim) claims[as] = *claim;
                answer = why_not(claim);
            } else {
                answer = does == "commit" ? store->commit(claims.at(as)) : store->release(claims.at(as));
            }
            CHECK(name(answer) == step.at("expect").get<std::string>());
        }
    }
}

/// Many threads claim the same events: exactly one wins each, and commits it.
inline void run_threads(puck::dedupe_store& store) {
    constexpr std::uint8_t events = 60;
    std::atomic<int> winners = 0, others = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i)
        threads.emplace_back([&] {
            for (std::uint8_t number = 1; number <= events; ++number) {
                const auto claim = store.claim(event(number));
                if (claim && store.commit(*claim) == puck::reason::ok) ++winners;
                const puck::reason answer = why_not(claim);
                if (answer == puck::reason::duplicate || answer == puck::reason::in_progress) ++others;
            }
        });
    for (std::thread& each : threads) each.join();
    CHECK(winners == events);
    CHECK(others == 5 * events);
}

/// Runs `inside` in a forked child, and returns its exit code.
int exit_code_of_child(const std::function<int()>& inside);

}  // namespace support
