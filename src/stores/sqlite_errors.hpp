// What SQLite's errors are called. Python's SqliteDedupe has the same sentences.
#pragma once

#include "puck/error.hpp"

#include <array>
#include <string_view>

namespace puck::stores {

struct sqlite_error {
    std::string_view name;  // the name of SQLite's result code without SQLITE_, or of a finding of ours
    error what;
};

inline constexpr std::array sqlite_errors{
    sqlite_error{"BUSY", {reason::store_unavailable, "The SQLite file stayed locked by others until the timeout."}},
    sqlite_error{"LOCKED", {reason::store_unavailable, "The SQLite file stayed locked by others until the timeout."}},
    sqlite_error{"FULL", {reason::store_unavailable, "The disk of the SQLite file is full."}},
    sqlite_error{"READONLY", {reason::store_unavailable, "The SQLite file is read-only for this process."}},
    sqlite_error{"NOTADB", {reason::store_unavailable, "The file is not a SQLite database."}},
    sqlite_error{"CORRUPT", {reason::store_unavailable, "The SQLite file is damaged."}},
    sqlite_error{"CANTOPEN",
                 {reason::store_unavailable,
                  "The SQLite file cannot be opened: does its folder exist, and may this process write there?"}},
    sqlite_error{"IOERR", {reason::store_unavailable, "The SQLite file could not be read or written."}},
    sqlite_error{"PERM", {reason::store_unavailable, "This process may not use the SQLite file."}},
    sqlite_error{"NOMEM", {reason::store_unavailable, "SQLite has no memory left."}},
    sqlite_error{"ERROR",
                 {reason::store_unavailable, "The table puck_events of the SQLite file is not one of puck-webhooks."}},
    sqlite_error{"link", {reason::store_unavailable, "The SQLite file is a symbolic link, or not a regular file."}},
    sqlite_error{"writable",
                 {reason::store_unavailable,
                  "Other users may write the SQLite file, and so mark events as done: take that right away (chmod "
                  "go-w)."}},
    sqlite_error{"owner",
                 {reason::store_unavailable, "The SQLite file belongs to another user, who may mark events as done."}},
    sqlite_error{"replaced",
                 {reason::store_unavailable,
                  "The SQLite file was removed or replaced while it was open: restart the processes that use it."}},
    sqlite_error{"contended", {reason::store_unavailable, "The event changed hands again and again."}},
    sqlite_error{"forked",
                 {reason::store_unavailable,
                  "The SQLite file was open when the process was forked: do not use the store before the server "
                  "forks."}},
    sqlite_error{"other", {reason::store_unavailable, "SQLite failed."}},
};

}  // namespace puck::stores
