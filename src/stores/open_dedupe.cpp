#include "puck/open_dedupe.hpp"

#include "puck/lru_dedupe.hpp"
#ifdef PUCK_WITH_REDIS
#include "puck/redis_dedupe.hpp"
#endif
#ifdef PUCK_WITH_SQLITE
#include "puck/sqlite_dedupe.hpp"
#endif

#include <cstdlib>
#include <exception>
#include <fstream>
#include <new>
#include <utility>

namespace puck {
namespace {

using opened = result<std::unique_ptr<dedupe_store>>;

template <class Store>
opened as_store(result<std::unique_ptr<Store>> made) {
    if (!made) return unexpected{made.error()};
    return std::unique_ptr<dedupe_store>(std::move(*made));
}

/// Settings of a store, with those that the text says.
template <class Settings>
Settings settings_of(const dedupe_url& url) {
    Settings settings;
    if (url.ttl) settings.ttl = *url.ttl;
    if (url.lease) settings.lease = *url.lease;
    if constexpr (requires { settings.timeout; }) {
        if (url.timeout) settings.timeout = *url.timeout;
    } else if (url.capacity) {
        settings.capacity = *url.capacity;
    }
    return settings;
}

opened open_sqlite([[maybe_unused]] const dedupe_url& url) {
#ifdef PUCK_WITH_SQLITE
    return as_store(sqlite_dedupe::make(url.path, url.name_space, settings_of<sqlite_dedupe_settings>(url)));
#else
    return unexpected{
        error(reason::invalid_argument, "This build has no SQLite: it was built without PUCK_WITH_SQLITE.")};
#endif
}

#ifdef PUCK_WITH_REDIS
/// The password, from where the text says. A line end after it is not part of it.
result<std::string> password_of(const dedupe_url& url) {
    constexpr std::size_t longest = 4'096;
    if (!url.password_env.empty()) {
        const char* const value = std::getenv(url.password_env.c_str());
        if (value == nullptr || *value == '\0')
            return unexpected{
                error(reason::invalid_argument, "The environment variable of password_env is not set, or is empty.")};
        return std::string(value);
    }
    if (url.password_file.empty()) return url.password;
    std::ifstream file(url.password_file, std::ios::binary);
    std::string text(longest + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file && !file.eof())
        return unexpected{error(reason::invalid_argument, "The file of password_file cannot be read.")};
    text.resize(static_cast<std::size_t>(file.gcount()));
    text.erase(text.find_last_not_of("\r\n") + 1);
    if (text.empty() || text.size() > longest)
        return unexpected{
            error(reason::invalid_argument, "The file of password_file is empty, or longer than 4096 bytes.")};
    return text;
}
#endif

opened open_redis([[maybe_unused]] const dedupe_url& url) {
#ifdef PUCK_WITH_REDIS
    if (url.tls)
        return unexpected{error(reason::invalid_argument,
                                "rediss:// and valkeys:// need TLS, which the store of C++ does not have.")};
    auto password = password_of(url);
    if (!password) return unexpected{password.error()};
    redis_server server{.host = url.host,
                        .port = url.port,
                        .unix_socket = url.path,
                        .db = url.db,
                        .username = url.username,
                        .password = std::move(*password)};
    return as_store(redis_dedupe::make(std::move(server), url.name_space, settings_of<redis_dedupe_settings>(url)));
#else
    return unexpected{
        error(reason::invalid_argument, "This build has no Redis: it was built without PUCK_WITH_REDIS.")};
#endif
}

}  // namespace

opened open_dedupe(const dedupe_url& url) noexcept try {
    switch (url.engine) {
        case dedupe_url::engines::sqlite: return open_sqlite(url);
        case dedupe_url::engines::redis: return open_redis(url);
        default: return as_store(lru_dedupe::make(settings_of<lru_dedupe_settings>(url)));
    }
} catch (const std::exception&) {
    return unexpected{error(reason::out_of_memory)};
}

opened open_dedupe(std::string_view text) noexcept {
    const auto url = dedupe_url::parse(text);
    if (!url) return unexpected{url.error()};
    return open_dedupe(*url);
}

}  // namespace puck
