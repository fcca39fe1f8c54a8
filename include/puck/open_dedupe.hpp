// Opens the dedupe store that a text names.
#pragma once

#include "puck/dedupe.hpp"
#include "puck/dedupe_url.hpp"
#include "puck/result.hpp"

#include <memory>
#include <string_view>

namespace puck {

/// Opens the store that the text names: see dedupe_url.hpp.
///
///     auto store = puck::open_dedupe("sqlite:/var/lib/billing/events.db?namespace=billing").value();
///
/// Reads the environment variable of password_env, or the file of password_file without a line end at its end. Fails as
/// `dedupe_url::parse` and the `make` of the store; with `invalid_argument` if there is no such password, or if this
/// build of the library does not have the store.
[[nodiscard]] result<std::unique_ptr<dedupe_store>> open_dedupe(std::string_view text) noexcept;
[[nodiscard]] result<std::unique_ptr<dedupe_store>> open_dedupe(const dedupe_url& url) noexcept;

}  // namespace puck
