// The dedupe store for several machines: Redis 7 or later, or Valkey.
#pragma once

#include "puck/dedupe.hpp"
#include "puck/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace puck {

/// Which server to use. TLS, clusters and sentinels are not supported.
struct redis_server {
    std::string host = "127.0.0.1";  ///< a name or an address
    std::uint16_t port = 6379;
    std::string unix_socket{};  ///< the path of a unix socket; then host and port do not matter
    std::uint32_t db = 0;
    std::string username{};  ///< empty: the default user. Another one needs a password
    std::string password{};  ///< empty: none is sent. It is in no error
};

struct redis_dedupe_settings {
    std::chrono::seconds ttl{86'400};  ///< how long a committed event counts as a duplicate: 600 to 2,592,000 s
    std::chrono::seconds lease{60};    ///< how long a handler may hold an event: 1 to 3,600 s, and less than the ttl
    /// How long a try may last, connecting included: 10 to 60,000 ms. There are two tries. Looking up a host's name is
    /// not counted; the system's resolver limits it.
    std::chrono::milliseconds timeout{1'000};
};

/// Remembers events in a server that any number of machines share.
///
/// An event is one key, NAMESPACE:EVENT_ID. Leases and ttls run on the server's clock. Each call uses a connection, and
/// up to 16 are kept for the next calls. A forked child opens its own. No call raises SIGPIPE.
///
/// The server should be set to keep its memory: `maxmemory-policy noeviction`, and an append-only file. A user of its
/// own needs `~NAMESPACE:* +evalsha +eval +get +set +del`.
class redis_dedupe final : public dedupe_store {
public:
    /// Connects, looks at the server's settings, then claims, commits and forgets a probe.
    ///
    /// `name_space` is whose memory this is: 1 to 64 of A-Z a-z 0-9 _ . -; two endpoints that share a server must
    /// differ in it. Fails with `invalid_argument` for a setting that is out of its bounds; with `store_unavailable`
    /// and a sentence if the server does not answer or refuses, is older than Redis 7.0, is a node of a cluster, or may
    /// evict keys. A user that may not ask for INFO is not refused for that.
    [[nodiscard]] static result<std::unique_ptr<redis_dedupe>> make(redis_server server, std::string name_space,
                                                                    redis_dedupe_settings settings = {}) noexcept;
    ~redis_dedupe() override;

    [[nodiscard]] std::chrono::seconds ttl() const noexcept override;

private:
    class engine;
    explicit redis_dedupe(std::unique_ptr<engine> made) noexcept;

    result<puck::claim> do_claim(const uuid& id) override;
    reason do_commit(const puck::claim& held) override;
    reason do_release(const puck::claim& held) override;

    std::unique_ptr<engine> engine_;
};

}  // namespace puck
