#include <puck/redis_dedupe.hpp>

#include "stores/support.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <fstream>
#include <iterator>
#include <mutex>
#include <regex>

using namespace std::chrono_literals;
using puck::reason;
using puck::redis_dedupe;
using support::event;
using support::redis_admin;
using support::sentence_of;
using support::why_not;

namespace {

std::uint16_t port(const char* name = "PUCK_TEST_REDIS") {
    return static_cast<std::uint16_t>(std::stoi(support::environment(name)));
}

/// Gives the server back as it was, whatever a test did to it.
class restored_server {
public:
    restored_server() : admin(port()) { admin.must({"FLUSHALL"}); }
    ~restored_server() {
        for (const auto& [name, value] : changed_) admin.ask({"CONFIG", "SET", name, value});
        admin.ask({"REPLICAOF", "NO", "ONE"});
        admin.ask({"ACL", "DELUSER", "worker"});
        admin.ask({"FLUSHALL"});
    }
    restored_server(const restored_server&) = delete;
    restored_server& operator=(const restored_server&) = delete;

    void set(const std::string& name, const std::string& value, const std::string& before) {
        admin.must({"CONFIG", "SET", name, value});
        changed_.emplace(name, before);
    }

    redis_admin admin;

private:
    std::map<std::string, std::string> changed_;
};

puck::redis_server server(std::uint16_t at = port()) { return {.port = at}; }

std::unique_ptr<redis_dedupe> make(puck::redis_dedupe_settings settings = {}) {
    return std::move(redis_dedupe::make(server(), "n", settings).value());
}

std::string refusal(const puck::redis_server& of, puck::redis_dedupe_settings settings = {}) {
    const auto made = redis_dedupe::make(of, "n", settings);
    CHECK((!made && made.error().reason() == reason::store_unavailable));
    return sentence_of(made);
}

/// A server of the test's own. `answer` is called with each piece of text that a connection sends, and with the number
/// of the connection, from 1; it returns what is sent back, "silent" for nothing, or "close".
class fake_server {
public:
    using answering = std::function<std::string(const std::string& asked, int connection)>;

    explicit fake_server(answering answer, std::string greeting = {})
        : answer_(std::move(answer)), greeting_(std::move(greeting)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(listener_, any, size) == 0);
        REQUIRE(::listen(listener_, 16) == 0);
        REQUIRE(::getsockname(listener_, any, &size) == 0);
        port_ = ntohs(address.sin_port);
        REQUIRE(::pipe(wake_) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~fake_server() {
        ::close(wake_[1]);
        thread_.join();
        ::close(wake_[0]);
        ::close(listener_);
    }
    fake_server(const fake_server&) = delete;
    fake_server& operator=(const fake_server&) = delete;

    std::uint16_t port() const { return port_; }

private:
    void serve() {
        std::vector<pollfd> open{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
        std::map<int, int> numbers;
        for (int accepted = 0;;) {
            ::poll(open.data(), open.size(), -1);
            if (open[0].revents != 0) break;
            if (open[1].revents != 0) {
                const int connection = ::accept(listener_, nullptr, nullptr);
                numbers[connection] = ++accepted;
                ::send(connection, greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
                open.push_back({connection, POLLIN, 0});
                if (!greeting_.empty()) close_one(open, open.size() - 1);
                continue;
            }
            for (std::size_t i = open.size(); i-- > 2;) {
                if (open[i].revents == 0) continue;
                std::string asked(4'096, '\0');
                const auto got = ::recv(open[i].fd, asked.data(), asked.size(), 0);
                asked.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
                const std::string reply = got > 0 ? answer_(asked, numbers[open[i].fd]) : "close";
                if (reply == "close")
                    close_one(open, i);
                else if (reply != "silent")
                    ::send(open[i].fd, reply.data(), reply.size(), MSG_NOSIGNAL);
            }
        }
        while (open.size() > 2) close_one(open, open.size() - 1);
    }

    static void close_one(std::vector<pollfd>& open, std::size_t at) {
        ::close(open[at].fd);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    }

    answering answer_;
    std::string greeting_;
    int listener_;
    int wake_[2]{};
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// What a server says that has room for everything: to INFO, to scripts and to DEL.
std::string fine(const std::string& asked) {
    if (asked.find("INFO") == std::string::npos) return ":0\r\n";
    const std::string info =
        "redis_version:7.0.0\r\ncluster_enabled:0\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
    return "$" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
}

std::string read_script(const std::string& name) {
    std::ifstream file(PUCK_SCRIPTS "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("Redis and Valkey answer the steps of stores.json") {
    for (const char* const name : {"PUCK_TEST_REDIS", "PUCK_TEST_VALKEY"}) {
        CAPTURE(name);
        redis_admin admin(port(name));
        admin.must({"FLUSHALL"});
        support::run_steps(
            [&](const std::string& id, std::chrono::seconds ttl, std::chrono::seconds lease) {
                return std::move(redis_dedupe::make(server(port(name)), id, {.ttl = ttl, .lease = lease}).value());
            },
            [&](const std::string& id, std::chrono::milliseconds time) {
                for (std::uint8_t number = 1; number <= 3; ++number) {
                    const std::string key = id + ":" + support::event_text(number);
                    const long long left = std::stoll(admin.ask({"PTTL", key}));
                    if (left > 0) admin.must({"PEXPIRE", key, std::to_string(left - time.count())});
                }
            });
    }
}

TEST_CASE("Redis: what is stored") {
    restored_server given;
    const auto store = make();
    const std::string key = "n:018f2e3a-1c47-7a12-b321-aabbccddeeff";
    const auto claim = store->claim(*puck::uuid::parse("018F2E3A-1C47-7A12-B321-AABBCCDDEEFF"));
    REQUIRE(claim);
    CHECK(std::regex_match(given.admin.ask({"GET", key}), std::regex("p[0-7][0-9a-f]{15}")));
    const int lease = std::stoi(given.admin.ask({"PTTL", key}));
    CHECK((lease > 50'000 && lease <= 60'000));
    // A try whose answer is lost is sent again, as it was: with the token that is stored.
    const std::string token = given.admin.ask({"GET", key}).substr(1);
    CHECK(given.admin.ask({"EVAL", read_script("claim.lua"), "1", key, token, "60000"}) == "0");
    CHECK(given.admin.ask({"EVAL", read_script("claim.lua"), "1", key, "0000000000000001", "60000"}) == "302");
    CHECK(store->commit(*claim) == reason::ok);
    CHECK(std::regex_match(given.admin.ask({"GET", key}), std::regex("d[0-7][0-9a-f]{15}")));
    const int ttl = std::stoi(given.admin.ask({"PTTL", key}));
    CHECK((ttl > 86'300'000 && ttl <= 86'400'000));
    CHECK(given.admin.ask({"DBSIZE"}) == "1");  // nothing is left of the probe
    CHECK(store->ttl() == 24h);
}

TEST_CASE("Redis: two namespaces, two databases, and a unix socket") {
    const restored_server given;
    const auto store = make();
    auto other_db = server();
    other_db.db = 3;
    puck::redis_server by_socket{.host = "", .unix_socket = support::environment("PUCK_TEST_REDIS_SOCKET")};
    const auto claim = store->claim(event(1));
    REQUIRE(claim);
    CHECK(why_not(redis_dedupe::make(server(), "other").value()->claim(event(1))) == reason::ok);
    CHECK(why_not(redis_dedupe::make(other_db, "n").value()->claim(event(1))) == reason::ok);
    const auto same = std::move(redis_dedupe::make(by_socket, "n").value());
    CHECK(why_not(same->claim(event(1))) == reason::in_progress);
    CHECK(same->commit(*claim) == reason::ok);
    CHECK(why_not(store->claim(event(1))) == reason::duplicate);
    other_db.db = 16;
    CHECK(refusal(other_db) == "Redis does not have a database of this number.");
}

TEST_CASE("Redis: threads, more of them than connections are kept") {
    const restored_server given;
    support::run_threads(*make({.timeout = 20s}));
}

TEST_CASE("Redis: a forked child opens connections of its own") {
    const restored_server given;
    const auto store = make();
    const auto held = store->claim(event(1));
    REQUIRE(held);
    const int code = support::exit_code_of_child([&] {
        if (why_not(store->claim(event(1))) != reason::in_progress) return 1;
        const auto claim = store->claim(event(2));
        return claim && store->commit(*claim) == reason::ok ? 0 : 2;
    });
    CHECK(code == 0);
    CHECK(store->commit(*held) == reason::ok);
    CHECK(why_not(store->claim(event(2))) == reason::duplicate);
}

TEST_CASE("Redis: connections that the server closes, and scripts that it forgets, are not noticed") {
    restored_server given;
    const auto store = make();
    const auto held = store->claim(event(1));
    given.admin.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    CHECK(store->commit(*held) == reason::ok);
    given.admin.must({"SCRIPT", "FLUSH"});
    CHECK(why_not(store->claim(event(1))) == reason::duplicate);
    CHECK(why_not(store->claim(event(2))) == reason::ok);
}

TEST_CASE("Redis: without memory no new event is claimed, and what is in progress is committed and released") {
    restored_server given;
    const auto store = make();
    const auto first = store->claim(event(1)), second = store->claim(event(2));
    given.set("maxmemory", "1", "0");
    const auto third = store->claim(event(3));
    CHECK(why_not(third) == reason::store_unavailable);
    CHECK(sentence_of(third) == "Redis has no memory left for new events (maxmemory).");
    CHECK(store->commit(*first) == reason::ok);
    CHECK(store->release(*second) == reason::ok);
    CHECK(refusal(server()) == "Redis has no memory left for new events (maxmemory).");
}

TEST_CASE("Redis: a server that may evict events is refused") {
    restored_server given;
    given.set("maxmemory-policy", "allkeys-lru", "noeviction");
    CHECK(redis_dedupe::make(server(), "n"));  // it has no limit
    given.set("maxmemory", "100mb", "0");
    CHECK(refusal(server()) == "Redis may evict events before their time: set its maxmemory-policy to noeviction.");
    given.set("maxmemory-policy", "noeviction", "noeviction");
    CHECK(redis_dedupe::make(server(), "n"));
}

TEST_CASE("Redis: a node of a cluster is refused") {
    CHECK(refusal(server(port("PUCK_TEST_CLUSTER_NODE"))) ==
          "This Redis is a node of a cluster: it needs a cluster client.");
}

TEST_CASE("Redis: replicas") {
    restored_server given;
    const auto store = make();
    const auto held = store->claim(event(1));
    REQUIRE(held);
    given.admin.must({"REPLICAOF", "127.0.0.1", "1"});
    CHECK(sentence_of(store->claim(event(2))) == "This Redis is a read-only replica: use its primary.");
    CHECK(store->commit(*held) == reason::store_unavailable);
    CHECK(store->release(*held) == reason::store_unavailable);
    given.admin.must({"REPLICAOF", "NO", "ONE"});
    given.set("min-replicas-to-write", "1", "0");
    CHECK(sentence_of(store->claim(event(2))) == "Redis has lost too many of its replicas to write.");
    given.set("min-replicas-to-write", "0", "0");
    CHECK(store->commit(*held) == reason::ok);
}

TEST_CASE("Redis: users and passwords") {
    restored_server given;
    auto as = server();
    as.password = "hunter2";
    CHECK(refusal(as) == "Redis refused the user name or the password.");  // no password is set
    given.admin.must(
        {"ACL", "SETUSER", "worker", "on", ">hunter2", "~n:*", "+evalsha", "+eval", "+get", "+set", "+del"});
    as.username = "worker";
    const auto store = std::move(redis_dedupe::make(as, "n").value());  // it may not ask for INFO
    CHECK(store->commit(*store->claim(event(1))) == reason::ok);
    const std::string no_right = "The Redis user lacks a right: ~NAMESPACE:* +evalsha +eval +get +set +del are needed.";
    CHECK(sentence_of(redis_dedupe::make(as, "other")) == no_right);
    given.admin.must({"ACL", "SETUSER", "worker", "-set"});
    CHECK(sentence_of(store->claim(event(2))) == no_right);
    as.password = "hunter3";
    CHECK(refusal(as) == "Redis refused the user name or the password.");

    given.set("requirepass", "hunter2", "");
    CHECK(refusal(server()) == "Redis asks for a password.");
    as = server();
    as.password = "hunter2";
    CHECK(redis_dedupe::make(as, "n"));
}

TEST_CASE("Redis: keys of somebody else are left as they are") {
    restored_server given;
    const auto store = make();
    const std::string one = "n:" + support::event_text(1), two = "n:" + support::event_text(2);
    given.admin.must({"SET", one, "x"});
    given.admin.must({"LPUSH", two, "x"});
    for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{2}})
        CHECK(sentence_of(store->claim(event(number))) ==
              "A key of this namespace holds something else than an event.");
    CHECK(store->commit({event(2), 7}) == reason::store_unavailable);
    CHECK(given.admin.ask({"GET", one}) == "x");
    CHECK(given.admin.ask({"LLEN", two}) == "1");
}

TEST_CASE("Redis: every error of the server has a sentence, and nothing of its text gets out") {
    const std::map<std::string, std::string> sentences{
        {"OOM", "Redis has no memory left for new events (maxmemory)."},
        {"READONLY", "This Redis is a read-only replica: use its primary."},
        {"NOAUTH", "Redis asks for a password."},
        {"WRONGPASS", "Redis refused the user name or the password."},
        {"NOPERM", "The Redis user lacks a right: ~NAMESPACE:* +evalsha +eval +get +set +del are needed."},
        {"MOVED", "This Redis is a node of a cluster: it needs a cluster client."},
        {"ASK", "This Redis is a node of a cluster: it needs a cluster client."},
        {"CLUSTERDOWN", "The Redis cluster is down."},
        {"LOADING", "Redis has just started, and is loading its data."},
        {"BUSY", "Redis is busy with a slow script."},
        {"MASTERDOWN", "This Redis is a replica that has lost its primary."},
        {"NOREPLICAS", "Redis has lost too many of its replicas to write."},
        {"MISCONF", "Redis cannot save its data to disk, and so does not write."},
        {"WRONGTYPE", "A key of this namespace holds something else than an event."},
        {"DENIED", "Redis is in protected mode, and refuses other machines."},
        {"ERR", "Redis answered with an error that is not known here."},
        {"NEWS", "Redis answered with an error that is not known here."},
        {"", "Redis answered with an error that is not known here."},
    };
    for (const auto& [word, sentence] : sentences) {
        CAPTURE(word);
        const fake_server fake([&](const std::string& asked, int) {
            return asked.find("EVALSHA") == std::string::npos ? fine(asked) : "-" + word + " hunter2 text\r\n";
        });
        CHECK(refusal(server(fake.port())) == sentence);
    }
    const fake_server valkey([](const std::string& asked, int) {
        return asked.find("EVALSHA") == std::string::npos
                   ? fine(asked)
                   : std::string(
                         "-ERR ACL failure in script: User default has no permissions to run the 'set' "
                         "command script: on @user_script:10.\r\n");
    });
    CHECK(refusal(server(valkey.port())) == sentences.at("NOPERM"));
    const fake_server full([](const std::string&, int) { return std::string("close"); },
                           "-ERR max number of clients reached\r\n");
    CHECK(refusal(server(full.port())) == "Redis takes no more connections (maxclients).");
}

TEST_CASE("Redis: an old server, and what is no Redis server at all") {
    const fake_server old([](const std::string&, int) { return std::string("$21\r\nredis_version:6.2.14\r\n\r\n"); });
    CHECK(refusal(server(old.port())) == "Redis is older than 7.0, which the scripts need.");
    const fake_server web([](const std::string&, int) { return std::string("HTTP/1.1 400 Bad Request\r\n\r\n"); });
    CHECK(refusal(server(web.port())) == "What answered is not a Redis server.");
    const fake_server odd([](const std::string& asked, int) {
        return asked.find("EVALSHA") == std::string::npos ? fine(asked) : std::string("+OK\r\n");
    });
    CHECK(refusal(server(odd.port())) == "Redis answered with an error that is not known here.");
    const fake_server hanging_up([](const std::string&, int) { return std::string("close"); });
    CHECK(refusal(server(hanging_up.port())) == "Redis closed the connection.");
}

TEST_CASE("Redis: nobody there") {
    std::uint16_t unused = 0;
    {
        unused = fake_server([](const std::string&, int) { return std::string("close"); }).port();
    }
    CHECK(refusal(server(unused)) == "Redis cannot be reached.");
    CHECK(refusal({.host = "no-such-host.invalid"}) == "Redis cannot be reached.");
    CHECK(refusal({.unix_socket = "/no/such/socket"}) == "Redis cannot be reached.");
    CHECK(refusal({.unix_socket = std::string(200, 's')}) == "Redis cannot be reached.");
}

TEST_CASE("Redis: a server that says nothing is given up after two tries") {
    std::atomic<int> connections = 0;
    const fake_server silent([&](const std::string&, int number) {
        connections = number;
        return std::string("silent");
    });
    const auto begin = std::chrono::steady_clock::now();
    CHECK(refusal(server(silent.port()), {.timeout = 100ms}) == "Redis did not answer in time.");
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
    CHECK(connections == 2);
}

TEST_CASE("Redis: an answer that was lost is asked for again, with the same token, on a new connection") {
    std::mutex guard;
    std::vector<std::string> claims;
    bool loses = false;
    const fake_server fake([&](const std::string& asked, int) {
        const std::scoped_lock lock(guard);
        if (asked.find("EVALSHA") == std::string::npos) return fine(asked);
        claims.push_back(asked);
        return std::exchange(loses, false) ? std::string("close") : std::string(":0\r\n");
    });
    const auto store = std::move(redis_dedupe::make(server(fake.port()), "n").value());
    const auto lose = [&] {
        const std::scoped_lock lock(guard);
        claims.clear();
        loses = true;
    };
    lose();
    const auto claim = store->claim(event(1));
    REQUIRE(claim);
    REQUIRE(claims.size() == 2);
    CHECK(claims[0] == claims[1]);
    lose();
    CHECK(store->commit(*claim) == reason::ok);
    REQUIRE(claims.size() == 2);
    CHECK(claims[0] == claims[1]);
}

TEST_CASE("Redis: settings out of their bounds") {
    const auto refused = [](const std::string& name_space, puck::redis_dedupe_settings settings) {
        const auto made = redis_dedupe::make(server(), name_space, settings);
        CHECK(made.error().reason() == reason::invalid_argument);
        return sentence_of(made);
    };
    CHECK(refused("n", {.ttl = 599s}) == "The dedupe ttl is not within 600 to 2592000 seconds.");
    CHECK(refused("n", {.lease = 0s}) == "The dedupe lease is not within 1 to 3600 seconds and below the ttl.");
    CHECK(refused("n", {.timeout = 0ms}) == "The dedupe timeout is not within 0.01 to 60 seconds.");
    CHECK(refused("", {}) == "The dedupe namespace is not 1 to 64 of these characters: A-Z a-z 0-9 _ . -");
}

TEST_CASE("Redis: a user without a password is refused") {
    const auto made = redis_dedupe::make({.port = port(), .username = "worker"}, "n");
    REQUIRE(!made);
    CHECK(made.error().reason() == reason::invalid_argument);
    CHECK(sentence_of(made) == "The Redis user has no password.");
}

TEST_CASE("Redis: what came beside an answer is not the answer to the next question") {
    const fake_server fake([](const std::string& asked, int) {
        if (asked.find(support::event_text(1)) != std::string::npos) return std::string(":302\r\n:0\r\n");
        if (asked.find(support::event_text(2)) != std::string::npos) return std::string(":301\r\n");
        return fine(asked);
    });
    const auto store = std::move(redis_dedupe::make(server(fake.port()), "n").value());
    CHECK(why_not(store->claim(event(1))) == reason::in_progress);
    CHECK(why_not(store->claim(event(2))) == reason::duplicate);
}

TEST_CASE("Redis: an error that says nothing about the server's role costs no connection") {
    for (const auto& [error, connections] : {std::pair("-OOM no\r\n", 1), std::pair("-READONLY no\r\n", 5)}) {
        CAPTURE(error);
        std::atomic<int> seen = 0;
        const fake_server fake([&](const std::string& asked, int number) {
            seen = number;
            return asked.find(support::event_text(1)) == std::string::npos ? fine(asked) : std::string(error);
        });
        const auto store = std::move(redis_dedupe::make(server(fake.port()), "n").value());
        for (int i = 0; i < 5; ++i) CHECK(why_not(store->claim(event(1))) == reason::store_unavailable);
        CHECK(seen == connections);
    }
}

TEST_CASE("Redis: a socket does not become a standard stream of the program") {
    const int code = support::exit_code_of_child([] {
        ::close(STDIN_FILENO);
        const auto store = redis_dedupe::make(server(), "n");
        if (!store || !(*store)->claim(event(1))) return 1;
        return ::fcntl(STDIN_FILENO, F_GETFD) == -1 ? 0 : 2;
    });
    CHECK(code == 0);
    redis_admin(port()).must({"FLUSHALL"});
}
