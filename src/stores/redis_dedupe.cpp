#include "puck/redis_dedupe.hpp"

#include "claims.hpp"
#include "failed.hpp"
#include "per_process.hpp"
#include "redis_errors.hpp"
#include "scripts.hpp"
#include "settings.hpp"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace puck {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using time_point = steady_clock::time_point;
using words = std::initializer_list<std::string_view>;

using failed = stores::failed<stores::redis_errors>;

/// The answer got lost, or the question did: it may be asked again on a new connection.
struct lost : failed {
    using failed::failed;
};

/// The name of a server's error, which begins with a word in capitals.
std::string_view name_of(std::string_view text) noexcept {
    const std::string_view word = text.substr(0, text.find(' '));
    if (word == "ERR") {
        if (text.find("max number of clients") != std::string_view::npos) return "max_clients";
        if (text.find("no event of puck-webhooks") != std::string_view::npos) return "foreign";
        // What a script is not allowed to do, in the words of Redis and of Valkey.
        if (text.find("can't run this command") != std::string_view::npos ||
            text.find("ACL failure in script") != std::string_view::npos)
            return "NOPERM";
    }
    return word;
}

struct freeing {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
    void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
    void operator()(char* command) const noexcept { redisFreeCommand(command); }
};
using reply = std::unique_ptr<redisReply, freeing>;

std::string_view text_of(const reply& answer) noexcept {
    return answer->str == nullptr ? std::string_view() : std::string_view(answer->str, answer->len);
}

bool is_error(const reply& answer) noexcept { return answer->type == REDIS_REPLY_ERROR; }

// --- Sockets ---------------------------------------------------------------------------------------------------------

class socket_descriptor {
public:
    explicit socket_descriptor(int family) : number_(above_streams(::socket(family, SOCK_STREAM, 0))) {
        if (number_ < 0) throw lost("unreachable");
        ::fcntl(number_, F_SETFD, FD_CLOEXEC);
        ::fcntl(number_, F_SETFL, O_NONBLOCK);
        [[maybe_unused]] constexpr int on = 1;
#ifdef SO_NOSIGPIPE
        ::setsockopt(number_, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
        if (family != AF_UNIX) ::setsockopt(number_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    socket_descriptor(socket_descriptor&& from) noexcept : number_(std::exchange(from.number_, -1)) {}
    socket_descriptor& operator=(socket_descriptor&&) = delete;
    ~socket_descriptor() {
        if (number_ >= 0) ::close(number_);
    }

    [[nodiscard]] int number() const noexcept { return number_; }

    void wait_for(short event, time_point deadline) const {
        for (;;) {
            const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
            pollfd one{number_, event, 0};
            const int ready = left > 0 ? ::poll(&one, 1, static_cast<int>(left)) : 0;
            if (ready > 0) return;
            if (ready == 0) throw lost("timeout");
            if (errno != EINTR) throw lost("unreachable");
        }
    }

    void connect(const sockaddr* to, socklen_t size, time_point deadline) const {
        if (::connect(number_, to, size) == 0) return;
        if (errno != EINPROGRESS && errno != EINTR) throw lost("unreachable");
        wait_for(POLLOUT, deadline);
        int failure = 0;
        socklen_t length = sizeof failure;
        if (::getsockopt(number_, SOL_SOCKET, SO_ERROR, &failure, &length) != 0 || failure != 0)
            throw lost("unreachable");
    }

private:
    /// If a standard stream of the program is closed, a socket must not take its number.
    static int above_streams(int made) noexcept {
        if (made < 0 || made > STDERR_FILENO) return made;
        const int higher = ::fcntl(made, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        ::close(made);
        return higher;
    }

    int number_;
};

socket_descriptor connected_unix(const std::string& path, time_point deadline) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw lost("unreachable");
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_descriptor opened(AF_UNIX);
    opened.connect(reinterpret_cast<const sockaddr*>(&address), sizeof address, deadline);
    return opened;
}

socket_descriptor connected(const redis_server& server, time_point deadline) {
    if (!server.unix_socket.empty()) return connected_unix(server.unix_socket, deadline);
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &wanted, &found) != 0)
        throw lost("unreachable");
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    int untried = 0;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) ++untried;
    for (const addrinfo* each = found;; each = each->ai_next, --untried) try {
            const auto now = steady_clock::now();
            socket_descriptor opened(each->ai_family);
            opened.connect(each->ai_addr, each->ai_addrlen, now + (deadline - now) / untried);
            return opened;
        } catch (const lost&) {
            if (each->ai_next == nullptr) throw;
        }
}

// --- Connections -----------------------------------------------------------------------------------------------------

class connection {
public:
    connection(const redis_server& server, time_point deadline)
        : socket_(connected(server, deadline)), reader_(redisReaderCreate()) {
        if (reader_ == nullptr) throw std::bad_alloc();
        if (!server.password.empty()) {
            const reply answer = server.username.empty() ? ask({"AUTH", server.password}, deadline)
                                                         : ask({"AUTH", server.username, server.password}, deadline);
            if (is_error(answer)) {
                const std::string_view name = name_of(text_of(answer));
                throw failed(name == "ERR" ? "WRONGPASS" : name);  // no password is set, for example
            }
        }
        if (server.db == 0) return;
        const reply answer = ask({"SELECT", std::to_string(server.db)}, deadline);
        if (is_error(answer)) {
            const std::string_view name = name_of(text_of(answer));
            throw failed(name == "ERR" ? "database" : name);
        }
    }

    /// Sends a command and waits for its answer, which may be an error. Throws `lost`.
    reply ask(words command, time_point deadline) {
        send(command, deadline);
        for (;;) {
            void* got = nullptr;
            if (redisReaderGetReply(reader_.get(), &got) != REDIS_OK) throw lost("protocol");
            if (got != nullptr) return reply(static_cast<redisReply*>(got));
            receive(deadline);
        }
    }

    /// Whether every byte that came was of the answers.
    [[nodiscard]] bool is_at_rest() const noexcept { return reader_->pos == reader_->len; }

    /// Whether the server has closed it, or has said something that nobody asked for.
    [[nodiscard]] bool is_stale() const noexcept {
        char byte = 0;
        return ::recv(socket_.number(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1 ||
               (errno != EAGAIN && errno != EWOULDBLOCK);
    }

private:
    void send(words command, time_point deadline) {
        std::vector<const char*> texts;
        std::vector<std::size_t> sizes;
        for (const std::string_view word : command) {
            texts.push_back(word.data());
            sizes.push_back(word.size());
        }
        char* made = nullptr;
        const auto size = redisFormatCommandArgv(&made, static_cast<int>(texts.size()), texts.data(), sizes.data());
        if (size < 0) throw std::bad_alloc();
        const std::unique_ptr<char, freeing> bytes(made);
        std::string_view left(made, static_cast<std::size_t>(size));
        while (!left.empty()) {
#ifdef MSG_NOSIGNAL
            const ssize_t sent = ::send(socket_.number(), left.data(), left.size(), MSG_NOSIGNAL);
#else
            const ssize_t sent = ::send(socket_.number(), left.data(), left.size(), 0);
#endif
            if (sent >= 0)
                left.remove_prefix(static_cast<std::size_t>(sent));
            else if (errno == EAGAIN || errno == EWOULDBLOCK)
                socket_.wait_for(POLLOUT, deadline);
            else if (errno != EINTR)
                return;  // the server may have said why it closed the connection
        }
    }

    void receive(time_point deadline) {
        std::array<char, 4'096> bytes;
        socket_.wait_for(POLLIN, deadline);
        const ssize_t got = ::recv(socket_.number(), bytes.data(), bytes.size(), 0);
        if (got > 0) {
            if (redisReaderFeed(reader_.get(), bytes.data(), static_cast<std::size_t>(got)) != REDIS_OK)
                throw lost("protocol");
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
            throw lost("closed");
        }
    }

    socket_descriptor socket_;
    std::unique_ptr<redisReader, freeing> reader_;
};

/// The connections of one process that are not in use.
class pool {
public:
    pool() { idle_.reserve(most); }

    /// A connection that the server has not closed; null if there is none.
    std::unique_ptr<connection> take() {
        for (;;) {
            auto last = take_last();
            if (last == nullptr || !last->is_stale()) return last;
        }
    }

    void give_back(std::unique_ptr<connection> used) noexcept {
        if (!used->is_at_rest()) return;
        const std::scoped_lock lock(mutex_);
        if (idle_.size() < most) idle_.push_back(std::move(used));
    }

    /// The server may have changed its role or its place.
    void clear() noexcept {
        const std::scoped_lock lock(mutex_);
        idle_.clear();
    }

private:
    std::unique_ptr<connection> take_last() {
        const std::scoped_lock lock(mutex_);
        if (idle_.empty()) return nullptr;
        auto last = std::move(idle_.back());
        idle_.pop_back();
        return last;
    }

    static constexpr std::size_t most = 16;
    std::mutex mutex_;
    std::vector<std::unique_ptr<connection>> idle_;
};

struct script {
    std::string_view text, sha;
};
constexpr script claim_script{stores::claim_lua, stores::claim_lua_sha1};
constexpr script settle_script{stores::settle_lua, stores::settle_lua_sha1};

std::array<char, 16> hex(std::uint64_t token) noexcept {
    std::array<char, 16> digits;
    for (auto at = digits.rbegin(); at != digits.rend(); ++at, token >>= 4) *at = "0123456789abcdef"[token & 15];
    return digits;
}

/// The value of a field of INFO, which has a line `name:value` for each; empty if it is not there.
std::string_view field(std::string_view info, std::string_view name) noexcept {
    for (std::size_t at = info.find(name); at != std::string_view::npos; at = info.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        if ((at == 0 || info[at - 1] == '\n') && end < info.size() && info[end] == ':')
            return info.substr(end + 1, info.find('\r', end) - end - 1);
    }
    return {};
}

}  // namespace

class redis_dedupe::engine {
public:
    engine(redis_server server, std::string name_space, const redis_dedupe_settings& settings)
        : server_(std::move(server)), name_space_(std::move(name_space)), settings_(settings) {}

    reason claim(const puck::claim& mine) { return run(claim_script, mine, settings_.lease); }
    reason commit(const puck::claim& held) { return run(settle_script, held, settings_.ttl); }
    reason release(const puck::claim& held) { return run(settle_script, held, std::chrono::seconds(0)); }

    void forget(const puck::claim& probe) {
        ask([&](connection& with, time_point deadline) { return with.ask({"DEL", key(probe)}, deadline); });
    }

    /// Throws `failed` if this server would lose events.
    void check_server() {
        reply answer;
        try {
            answer = ask([](connection& with, time_point deadline) { return with.ask({"INFO"}, deadline); });
        } catch (const failed& why) {
            if (why.name != "NOPERM") throw;
            return;  // a user that may not ask for INFO is not refused
        }
        const std::string_view info = text_of(answer);
        const std::string_view version = field(info, "redis_version");
        int major = 0;
        std::from_chars(version.data(), version.data() + version.size(), major);
        if (!version.empty() && major < 7) throw failed("too_old");
        if (field(info, "cluster_enabled") == "1") throw failed("MOVED");
        const std::string_view limit = field(info, "maxmemory"), policy = field(info, "maxmemory_policy");
        if (!limit.empty() && limit != "0" && policy != "noeviction") throw failed("eviction");
    }

    [[nodiscard]] std::chrono::seconds ttl() const noexcept { return settings_.ttl; }

private:
    [[nodiscard]] std::string key(const puck::claim& about) const {
        const auto id = about.id.text();
        return name_space_ + ":" + std::string(id.begin(), id.end());
    }

    /// Asks a second time, on a new connection, if the first answer is lost. Throws `failed`.
    template <class Question>
    reply ask(Question question) {
        pool& idle = pool_.get();
        for (bool again = false;; again = true) try {
                const time_point deadline = steady_clock::now() + settings_.timeout;
                auto with = again ? nullptr : idle.take();
                if (with == nullptr) with = std::make_unique<connection>(server_, deadline);
                reply answer = question(*with, deadline);
                const std::string_view name = is_error(answer) ? name_of(text_of(answer)) : std::string_view();
                constexpr std::array moved{"READONLY", "MOVED", "MASTERDOWN", "LOADING"};
                if (std::find(moved.begin(), moved.end(), name) != moved.end())
                    idle.clear();
                else
                    idle.give_back(std::move(with));
                if (is_error(answer)) throw failed(name);
                return answer;
            } catch (const lost&) {
                idle.clear();
                if (again) throw;
            }
    }

    reason run(const script& which, const puck::claim& about, milliseconds lasts) {
        const std::string key = this->key(about), time = std::to_string(lasts.count());
        const auto digits = hex(about.token);
        const std::string_view token(digits.data(), digits.size());
        const reply answer = ask([&](connection& with, time_point deadline) {
            reply first = with.ask({"EVALSHA", which.sha, "1", key, token, time}, deadline);
            if (!is_error(first) || name_of(text_of(first)) != "NOSCRIPT") return first;
            return with.ask({"EVAL", which.text, "1", key, token, time}, deadline);
        });
        if (answer->type != REDIS_REPLY_INTEGER) throw failed("other");
        return static_cast<reason>(answer->integer);
    }

    const redis_server server_;
    const std::string name_space_;
    const redis_dedupe_settings settings_;
    stores::per_process<pool> pool_;
};

redis_dedupe::redis_dedupe(std::unique_ptr<engine> made) noexcept : engine_(std::move(made)) {}
redis_dedupe::~redis_dedupe() = default;

result<std::unique_ptr<redis_dedupe>> redis_dedupe::make(redis_server server, std::string name_space,
                                                         redis_dedupe_settings settings) noexcept try {
    if (const auto mistake = stores::wrong_setting(name_space, settings.ttl, settings.lease, settings.timeout))
        return unexpected{*mistake};
    if (!server.username.empty() && server.password.empty())
        return unexpected{error(reason::invalid_argument, "The Redis user has no password.")};
    auto made = std::make_unique<engine>(std::move(server), std::move(name_space), settings);
    made->check_server();
    const puck::claim probe = stores::new_probe();
    const bool works = made->claim(probe) == reason::ok && made->commit(probe) == reason::ok;
    made->forget(probe);
    if (!works) throw failed("other");
    return std::unique_ptr<redis_dedupe>(new redis_dedupe(std::move(made)));
} catch (const failed& why) {
    return unexpected{why.why};
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
} catch (const std::exception&) {  // the system has no random numbers
    return unexpected{error(reason::internal)};
}

result<claim> redis_dedupe::do_claim(const uuid& id) try {
    const puck::claim mine = stores::new_claim(id);
    const reason answer = engine_->claim(mine);
    if (answer != reason::ok) return unexpected{error(answer)};
    return mine;
} catch (const failed& why) {
    return unexpected{why.why};
}

reason redis_dedupe::do_commit(const puck::claim& held) { return engine_->commit(held); }
reason redis_dedupe::do_release(const puck::claim& held) { return engine_->release(held); }
std::chrono::seconds redis_dedupe::ttl() const noexcept { return engine_->ttl(); }

}  // namespace puck
