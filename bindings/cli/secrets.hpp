// Where the command's secrets come from: files and the environment, never the argument list.
#pragma once

#include <puck/secret.hpp>

#include <string>
#include <vector>

namespace cli {

/// Keeps other processes, and core dumps, from reading the secrets in the memory of this one.
void keep_memory_private() noexcept;

/// Reads one secret from each line of the files (empty lines and lines that begin with # aside), and those that stand
/// in the environment variables, separated by white space. When neither is named, PUCK_WEBHOOK_SECRETS is read.
/// Warns of a file that others than its owner may read or write. Throws usage_error, naming the place but never the
/// secret.
[[nodiscard]] puck::secret_ring read_secrets(const std::vector<std::string>& files,
                                             const std::vector<std::string>& variables);

}  // namespace cli
