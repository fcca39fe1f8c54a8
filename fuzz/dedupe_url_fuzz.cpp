// Texts of dedupe stores. What is accepted is written again in percent-encoding, and must mean the same.
#include "support.hpp"

#include <puck/dedupe_url.hpp>

namespace {

std::string encoded(std::string_view plain) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (const char c : plain) {
        const auto byte = static_cast<unsigned char>(c);
        text += '%';
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

/// The parameters, in another order than most people write them.
std::string query_of(const puck::dedupe_url& url) {
    std::string query = "?";
    const auto add = [&](std::string_view name, const std::string& value) {
        query.append(query.size() > 1 ? "&" : "").append(name).append("=").append(value);
    };
    if (url.capacity) add("capacity", std::to_string(*url.capacity));
    if (url.timeout) {
        const std::string decimals = std::to_string(1'000 + url.timeout->count() % 1'000).substr(1);
        add("timeout", std::to_string(url.timeout->count() / 1'000) + "." + decimals);
    }
    if (url.lease) add("lease", std::to_string(url.lease->count()));
    if (url.ttl) add("ttl", std::to_string(url.ttl->count()));
    if (!url.password_env.empty()) add("password_env", encoded(url.password_env));
    if (!url.password_file.empty()) add("password_file", encoded(url.password_file));
    if (!url.name_space.empty()) add("namespace", encoded(url.name_space));
    return query;
}

std::string text_of(const puck::dedupe_url& url) {
    std::string user = encoded(url.username);
    if (!url.password.empty()) user += ":" + encoded(url.password);
    if (!user.empty()) user += "@";
    switch (url.engine) {
        case puck::dedupe_url::engines::memory: return "memory:" + query_of(url);
        case puck::dedupe_url::engines::sqlite: return "sqlite:" + encoded(url.path) + query_of(url);
        default: break;
    }
    const std::string db = std::to_string(url.db);
    if (url.path.empty()) {
        const bool is_address = url.host.find(':') != std::string::npos;
        const std::string host = is_address ? "[" + url.host + "]" : url.host;
        return (url.tls ? "rediss://" : "redis://") + user + host + ":" + std::to_string(url.port) + "/" + db +
               query_of(url);
    }
    const std::string authority = url.path.front() == '/' ? "//" + user + "/" : "";
    const std::string path = authority.empty() ? encoded(url.path) : encoded(std::string_view(url.path).substr(1));
    std::string query = query_of(url) + "&db=" + db;
    if (authority.empty() && !url.username.empty()) query += "&username=" + encoded(url.username);
    return "unix:" + authority + path + query;
}

bool have_same_meaning(const puck::dedupe_url& one, const puck::dedupe_url& other) {
    return one.engine == other.engine && one.path == other.path && one.host == other.host && one.port == other.port &&
           one.db == other.db && one.tls == other.tls && one.username == other.username &&
           one.password == other.password && one.password_env == other.password_env &&
           one.password_file == other.password_file && one.name_space == other.name_space && one.ttl == other.ttl &&
           one.lease == other.lease && one.timeout == other.timeout && one.capacity == other.capacity;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto url = puck::dedupe_url::parse(fuzz::text_of(data, size));
    if (!url) {
        fuzz::require(url.error().reason() == puck::reason::invalid_argument, "what is refused is a wrong argument");
        return 0;
    }
    using engines = puck::dedupe_url::engines;
    fuzz::require(url->name_space.empty() == (url->engine == engines::memory),
                  "every store but memory has a namespace");
    fuzz::require(url->password.empty() + url->password_env.empty() + url->password_file.empty() >= 2,
                  "a password comes from one place at most");
    fuzz::require(url->host.empty() || url->path.empty(), "a server is at a host or at a path");
    const auto again = puck::dedupe_url::parse(text_of(*url));
    fuzz::require(again.has_value(), "what was accepted is accepted in percent-encoding");
    fuzz::require(have_same_meaning(*url, *again), "the percent-encoding means the same");
    return 0;
}
