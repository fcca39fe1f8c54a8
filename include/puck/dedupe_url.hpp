// The text that says which dedupe store to use.
#pragma once

#include "puck/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puck {

/// What a store's text says. It is written as a URL, and means the same in C++, Python and on the command line:
///
///     memory:[?capacity=N]
///     sqlite:PATH?namespace=N
///     redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]?namespace=N       also rediss:// (TLS), valkey://, valkeys:// (TLS)
///     unix:[//USER[:PASSWORD]@]PATH?namespace=N[&db=N][&username=U]    Redis or Valkey on a unix socket
///
/// Further parameters: ttl and lease in whole seconds; timeout in seconds, with up to 3 decimals (sqlite, redis, unix);
/// password_env=NAME or password_file=PATH (redis, unix). %XX stands for one byte in the user, the password, the path
/// and the values.
struct dedupe_url {
    enum class engines { memory, sqlite, redis };

    engines engine = engines::memory;
    std::string path;  ///< sqlite: the file; redis: the unix socket, or empty
    std::string host;  ///< redis: a name or an address, without brackets; empty with a unix socket
    std::uint16_t port = 6379;
    std::uint32_t db = 0;  ///< redis: 0 to 1,000,000
    bool tls = false;
    std::string username;       ///< empty: the default user
    std::string password;       ///< a secret, if it is not empty: never show it
    std::string password_env;   ///< the environment variable that holds the password, or empty
    std::string password_file;  ///< the file that holds the password, or empty
    std::string name_space;     ///< 1 to 64 characters; empty for memory, which no other endpoint can share
    std::optional<std::chrono::seconds> ttl, lease;    ///< within the bounds of the stores
    std::optional<std::chrono::milliseconds> timeout;  ///< of one try: 10 to 60,000 ms
    std::optional<std::size_t> capacity;               ///< in events

    /// Reads no file and no environment variable. Fails with `invalid_argument`, and a sentence that shows nothing of
    /// the text, or with `out_of_memory`.
    [[nodiscard]] static result<dedupe_url> parse(std::string_view text) noexcept;
};

}  // namespace puck
