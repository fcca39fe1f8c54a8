#include <puck/open_dedupe.hpp>
#include <puck/webhooks.hpp>

#include <memory>
#include <string_view>
#include <utility>

/// A receiver whose memory other processes share. `store` is a text such as sqlite:puck.db?namespace=billing. If
/// something is wrong with it, or with the file or server that it names, the exception says what.
puck::receiver make_receiver(puck::secret_ring secrets, std::string_view store) {
    std::shared_ptr<puck::dedupe_store> shared = puck::open_dedupe(store).value();
    return puck::receiver::make(std::move(secrets), {.dedupe = std::move(shared)}).value();
}
