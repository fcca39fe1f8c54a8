#include "puck/dedupe_url.hpp"

#include "settings.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <initializer_list>
#include <new>
#include <utility>

namespace puck {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using engines = dedupe_url::engines;

/// Leaves the parser, which catches it.
struct refused : std::exception {
    explicit refused(error given) noexcept : why(given) {}
    error why;
};

template <std::size_t N>
consteval error wrong(const char (&sentence)[N]) {
    return error(reason::invalid_argument, sentence);
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Cuts the text at the first `mark`. Returns what stood before it, and leaves what stands after it.
std::string_view cut(std::string_view& text, char mark) noexcept {
    const std::size_t at = text.find(mark);
    const std::string_view before = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return before;
}

std::string decode(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        plain += text[i];
        if (text[i] != '%') continue;
        const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            throw refused(wrong("A % in the dedupe store's text is not followed by two hex digits."));
        plain.back() = static_cast<char>(high * 16 + low);
        if (is_control(plain.back())) throw refused(wrong("A %XX in the dedupe store's text is a control character."));
        i += 2;
    }
    return plain;
}

/// Saturates far above every bound.
std::optional<std::uint64_t> whole_number(std::string_view text) noexcept {
    if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : text)
        number = std::min<std::uint64_t>(number * 10 + static_cast<unsigned>(c - '0'), 1'000'000'000'000);
    return number;
}

constexpr error not_a_number = wrong("A number in the dedupe store's text is not written in plain digits.");

std::uint64_t number_of(std::string_view text) {
    const auto number = whole_number(text);
    if (!number) throw refused(not_a_number);
    return *number;
}

/// Seconds with up to 3 decimals.
milliseconds milliseconds_of(std::string_view text) {
    const bool has_decimals = text.find('.') != std::string_view::npos;
    const std::uint64_t whole = number_of(cut(text, '.'));
    if (!has_decimals) return milliseconds(whole * 1'000);
    const std::uint64_t decimals = number_of(text);
    if (text.size() > 3) throw refused(not_a_number);
    constexpr std::array<std::uint64_t, 3> scale{100, 10, 1};
    return milliseconds(whole * 1'000 + decimals * scale[text.size() - 1]);
}

std::uint32_t database_of(std::string_view text) {
    const auto number = whole_number(text);
    if (!number || *number > 1'000'000)
        throw refused(wrong("The Redis database is not a whole number from 0 to 1000000."));
    return static_cast<std::uint32_t>(*number);
}

// --- Parameters -----------------------------------------------------------------------------------------------------

void set_password_source(dedupe_url& url, std::string& where, const std::string& value) {
    if (value.empty()) throw refused(wrong("The parameter password_env or password_file is empty."));
    if (!url.password.empty() || !url.password_env.empty() || !url.password_file.empty())
        throw refused(wrong("The dedupe store's text has more than one password."));
    where = value;
}

void set_username(dedupe_url& url, const std::string& value) {
    if (!url.username.empty()) throw refused(wrong("The dedupe store's text has more than one user name."));
    url.username = value;
}

struct parameter {
    std::string_view name;
    std::string_view stores;  // the letters of the schemes that know it: memory, sqlite, redis and its like, unix
    void (*set)(dedupe_url&, const std::string&);
};

constexpr std::array parameters{
    parameter{"capacity", "m",
              [](dedupe_url& url, const std::string& value) {
                  const std::uint64_t number = number_of(value);
                  if (number < 1 || number > 67'108'864)
                      throw refused(wrong("The dedupe capacity is not within 1 to 67108864 events."));
                  url.capacity = static_cast<std::size_t>(number);
              }},
    parameter{"ttl", "msru", [](dedupe_url& url, const std::string& value) { url.ttl = seconds(number_of(value)); }},
    parameter{"lease", "msru",
              [](dedupe_url& url, const std::string& value) { url.lease = seconds(number_of(value)); }},
    parameter{"timeout", "sru",
              [](dedupe_url& url, const std::string& value) { url.timeout = milliseconds_of(value); }},
    parameter{"namespace", "sru", [](dedupe_url& url, const std::string& value) { url.name_space = value; }},
    parameter{"db", "u", [](dedupe_url& url, const std::string& value) { url.db = database_of(value); }},
    parameter{"username", "u", [](dedupe_url& url, const std::string& value) { set_username(url, value); }},
    parameter{"password_env", "ru",
              [](dedupe_url& url, const std::string& value) { set_password_source(url, url.password_env, value); }},
    parameter{"password_file", "ru",
              [](dedupe_url& url, const std::string& value) { set_password_source(url, url.password_file, value); }}};

void read_parameters(dedupe_url& url, std::string_view query, char store) {
    std::array<bool, parameters.size()> given{};
    while (!query.empty()) {
        std::string_view value = cut(query, '&');
        const std::string_view name = cut(value, '=');
        const auto* const known = std::find_if(parameters.begin(), parameters.end(), [&](const parameter& each) {
            return each.name == name && each.stores.find(store) != std::string_view::npos;
        });
        if (known == parameters.end())
            throw refused(wrong("The dedupe store's text has a parameter that this store does not have."));
        bool& is_given = given[static_cast<std::size_t>(known - parameters.begin())];
        if (std::exchange(is_given, true)) throw refused(wrong("The dedupe store's text has a parameter twice."));
        known->set(url, decode(value));
    }
    const bool has_namespace = given[static_cast<std::size_t>(
        std::find_if(parameters.begin(), parameters.end(), [](const auto& each) { return each.name == "namespace"; }) -
        parameters.begin())];
    if (store != 'm' && !has_namespace)
        throw refused(
            wrong("The dedupe store's text has no namespace: add namespace=N, with the name of this endpoint."));
    const auto mistake = stores::wrong_setting(store == 'm' ? "memory" : std::string_view(url.name_space),
                                               url.ttl.value_or(seconds(86'400)), url.lease.value_or(seconds(60)),
                                               url.timeout.value_or(milliseconds(1'000)));
    if (mistake) throw refused(*mistake);
}

// --- What stands before the parameters ------------------------------------------------------------------------------

constexpr error without_path = wrong("The dedupe store's text has no path.");

void read_sqlite(dedupe_url& url, std::string_view rest) {
    if (rest.starts_with("//")) throw refused(wrong("Write sqlite:PATH, without slashes before the path."));
    url.path = decode(rest);
    if (url.path.empty()) throw refused(without_path);
    if (url.path == ":memory:") throw refused(wrong("Write memory: for a store in memory."));
}

/// USER[:PASSWORD]@, up to the last @. Leaves what follows it.
void read_user(dedupe_url& url, std::string_view& authority) {
    const std::size_t at = authority.rfind('@');
    if (at == std::string_view::npos) return;
    std::string_view user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    url.username = decode(cut(user, ':'));
    url.password = decode(user);
}

void read_host(dedupe_url& url, std::string_view authority) {
    constexpr error bad_host =
        wrong("The host of the dedupe store is missing, or is not a name, an IPv4 address, or an IPv6 address in [].");
    const bool is_bracketed = authority.starts_with('[');
    if (is_bracketed) authority.remove_prefix(1);
    const std::size_t end = authority.find(is_bracketed ? ']' : ':');
    if (is_bracketed && end == std::string_view::npos) throw refused(bad_host);
    url.host = authority.substr(0, end);
    authority = end == std::string_view::npos ? std::string_view() : authority.substr(end + (is_bracketed ? 1 : 0));
    const auto is_of_address = [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; };
    const auto is_of_name = [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
    };
    if (url.host.empty() || !(is_bracketed ? std::all_of(url.host.begin(), url.host.end(), is_of_address)
                                           : std::all_of(url.host.begin(), url.host.end(), is_of_name)))
        throw refused(bad_host);
    if (authority.empty()) return;
    if (authority.front() != ':') throw refused(bad_host);
    const auto port = whole_number(authority.substr(1));
    if (!port || *port < 1 || *port > 65'535)
        throw refused(wrong("The port of the dedupe store is not a whole number from 1 to 65535."));
    url.port = static_cast<std::uint16_t>(*port);
}

void read_redis(dedupe_url& url, std::string_view rest) {
    if (!rest.starts_with("//")) throw refused(wrong("Write two slashes before the host: redis://HOST"));
    rest.remove_prefix(2);
    std::string_view authority = cut(rest, '/');
    read_user(url, authority);
    read_host(url, authority);
    if (!rest.empty()) url.db = database_of(rest);
}

void read_unix(dedupe_url& url, std::string_view rest) {
    if (rest.starts_with("//")) {
        rest.remove_prefix(2);
        const std::size_t path = std::min(rest.find('/'), rest.size());
        std::string_view authority = rest.substr(0, path);
        rest.remove_prefix(path);
        read_user(url, authority);
        if (!authority.empty()) throw refused(wrong("A unix socket has no host: write unix:PATH"));
    }
    url.path = decode(rest);
    if (url.path.empty()) throw refused(without_path);
    if (url.path.size() > 103) throw refused(wrong("The path of the unix socket is longer than 103 bytes."));
}

dedupe_url parsed(std::string_view text) {
    if (text.empty()) throw refused(wrong("The dedupe store's text is empty."));
    if (std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) || c == ' '; }))
        throw refused(
            wrong("The dedupe store's text holds a space, a line end or a control character; write a space as %20."));
    if (text.find('#') != std::string_view::npos)
        throw refused(wrong("The dedupe store's text holds a #; write it as %23."));

    std::string_view query = text;
    std::string_view rest = cut(query, '?');
    const bool has_scheme = rest.find(':') != std::string_view::npos;
    const std::string_view scheme = cut(rest, ':');
    dedupe_url url;
    if (has_scheme && scheme == "memory") {
        if (!rest.empty()) throw refused(wrong("Write memory: alone, or with parameters after a question mark."));
        read_parameters(url, query, 'm');
    } else if (has_scheme && scheme == "sqlite") {
        url.engine = engines::sqlite;
        read_sqlite(url, rest);
        read_parameters(url, query, 's');
    } else if (has_scheme && (scheme == "redis" || scheme == "rediss" || scheme == "valkey" || scheme == "valkeys")) {
        url.engine = engines::redis;
        url.tls = scheme.ends_with("ss") || scheme == "valkeys";
        read_redis(url, rest);
        read_parameters(url, query, 'r');
    } else if (has_scheme && scheme == "unix") {
        url.engine = engines::redis;
        read_unix(url, rest);
        read_parameters(url, query, 'u');
    } else {
        throw refused(
            wrong("The dedupe store is not one of memory: sqlite: redis:// rediss:// valkey:// valkeys:// "
                  "unix:"));
    }
    if (!url.username.empty() && url.password.empty() && url.password_env.empty() && url.password_file.empty())
        throw refused(
            wrong("The dedupe store's text has a user and no password: add password_env=NAME or "
                  "password_file=PATH."));
    return url;
}

}  // namespace

result<dedupe_url> dedupe_url::parse(std::string_view text) noexcept try {
    return parsed(text);
} catch (const refused& mistake) {
    return unexpected{mistake.why};
} catch (const std::exception&) {
    return unexpected{error(reason::out_of_memory)};
}

}  // namespace puck
