// What the errors of a Redis or Valkey server are called. Python's RedisDedupe has the same sentences.
#pragma once

#include "puck/error.hpp"

#include <array>
#include <string_view>

namespace puck::stores {

struct redis_error {
    std::string_view name;  // the first word of the server's error, or, in lower case, a finding of ours
    error what;
};

inline constexpr std::array redis_errors{
    redis_error{"OOM", {reason::store_unavailable, "Redis has no memory left for new events (maxmemory)."}},
    redis_error{"READONLY", {reason::store_unavailable, "This Redis is a read-only replica: use its primary."}},
    redis_error{"NOAUTH", {reason::store_unavailable, "Redis asks for a password."}},
    redis_error{"WRONGPASS", {reason::store_unavailable, "Redis refused the user name or the password."}},
    redis_error{"NOPERM",
                {reason::store_unavailable,
                 "The Redis user lacks a right: ~NAMESPACE:* +evalsha +eval +get +set +del are needed."}},
    redis_error{"MOVED", {reason::store_unavailable, "This Redis is a node of a cluster: it needs a cluster client."}},
    redis_error{"ASK", {reason::store_unavailable, "This Redis is a node of a cluster: it needs a cluster client."}},
    redis_error{"CLUSTERDOWN", {reason::store_unavailable, "The Redis cluster is down."}},
    redis_error{"LOADING", {reason::store_unavailable, "Redis has just started, and is loading its data."}},
    redis_error{"BUSY", {reason::store_unavailable, "Redis is busy with a slow script."}},
    redis_error{"MASTERDOWN", {reason::store_unavailable, "This Redis is a replica that has lost its primary."}},
    redis_error{"NOREPLICAS", {reason::store_unavailable, "Redis has lost too many of its replicas to write."}},
    redis_error{"MISCONF", {reason::store_unavailable, "Redis cannot save its data to disk, and so does not write."}},
    redis_error{"WRONGTYPE",
                {reason::store_unavailable, "A key of this namespace holds something else than an event."}},
    redis_error{"DENIED", {reason::store_unavailable, "Redis is in protected mode, and refuses other machines."}},
    // Errors that begin with ERR. foreign: our script found a value that is not ours.
    redis_error{"foreign", {reason::store_unavailable, "A key of this namespace holds something else than an event."}},
    redis_error{"max_clients", {reason::store_unavailable, "Redis takes no more connections (maxclients)."}},
    redis_error{"database", {reason::store_unavailable, "Redis does not have a database of this number."}},
    redis_error{"other", {reason::store_unavailable, "Redis answered with an error that is not known here."}},
    // No answer, or none that can be read.
    redis_error{"unreachable", {reason::store_unavailable, "Redis cannot be reached."}},
    redis_error{"timeout", {reason::store_unavailable, "Redis did not answer in time."}},
    redis_error{"closed", {reason::store_unavailable, "Redis closed the connection."}},
    redis_error{"protocol", {reason::store_unavailable, "What answered is not a Redis server."}},
    // What is found when the store is made.
    redis_error{"eviction",
                {reason::store_unavailable,
                 "Redis may evict events before their time: set its maxmemory-policy to noeviction."}},
    redis_error{"too_old", {reason::store_unavailable, "Redis is older than 7.0, which the scripts need."}},
};

}  // namespace puck::stores
