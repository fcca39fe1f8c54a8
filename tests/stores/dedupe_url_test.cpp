#include <puck/dedupe_url.hpp>

#include "stores/support.hpp"

using puck::dedupe_url;
using support::json;

namespace {

/// What the text says, as the vectors write it.
json said(const std::string& text) {
    const auto parsed = dedupe_url::parse(text);
    if (!parsed) {
        CHECK(parsed.error().reason() == puck::reason::invalid_argument);
        return {{"error", parsed.error().detail()}};
    }
    const dedupe_url& url = *parsed;
    using engines = dedupe_url::engines;
    json fields{{"engine", url.engine == engines::redis    ? "redis"
                           : url.engine == engines::sqlite ? "sqlite"
                                                           : "memory"}};
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) fields[name] = value;
    };
    add("path", url.path);
    add("host", url.host);
    add("username", url.username);
    add("password", url.password);
    add("password_env", url.password_env);
    add("password_file", url.password_file);
    add("namespace", url.name_space);
    if (!url.host.empty()) fields["port"] = url.port;
    if (url.engine == engines::redis) fields.update({{"db", url.db}, {"tls", url.tls}});
    if (url.ttl) fields["ttl"] = url.ttl->count();
    if (url.lease) fields["lease"] = url.lease->count();
    if (url.capacity) fields["capacity"] = *url.capacity;
    if (url.timeout) fields["timeout"] = static_cast<double>(url.timeout->count()) / 1'000;
    return fields;
}

}  // namespace

TEST_CASE("vectors: the texts of dedupe stores") {
    const auto cases = support::cases("dedupe_urls.json");
    CHECK(cases.size() >= 60);
    for (const json& each : cases) {
        CAPTURE(each.at("id").get<std::string>());
        CHECK(said(each.at("text").get<std::string>()) == each.at("expect"));
    }
}
