#include "puck/secret.hpp"

#include "hmac.hpp"

#include <algorithm>
#include <new>

namespace puck {
namespace {

bool is_space_or_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
}

}  // namespace

secret::secret(std::unique_ptr<detail::hmac_key> key, puck::fingerprint shown) noexcept
    : key_(std::move(key)), fingerprint_(shown) {}
secret::secret(secret&&) noexcept = default;
secret& secret::operator=(secret&&) noexcept = default;
secret::~secret() = default;

result<secret> secret::make(std::string_view bytes) noexcept try {
    if (bytes.empty()) return unexpected{error(reason::invalid_argument, "A signing secret is empty.")};
    if (std::ranges::any_of(bytes, is_space_or_control))
        return unexpected{error(reason::invalid_argument,
                                "A signing secret contains a space, a newline or another control character. Was one "
                                "pasted along with it?")};
    if (bytes.size() < min_bytes)
        return unexpected{error(reason::invalid_argument,
                                "A signing secret is shorter than 16 bytes. Was it cut off, or its prefix removed?")};
    if (bytes.size() > max_bytes)
        return unexpected{error(reason::invalid_argument, "A signing secret is longer than 4096 bytes.")};

    puck::fingerprint shown;
    if (!detail::fingerprint_of("puck-webhooks/secret-fingerprint/v1", bytes, shown))
        return unexpected{error(reason::crypto_failure)};
    auto key = detail::hmac_key::make(bytes);
    if (!key) return unexpected{error(reason::crypto_failure)};
    return secret(std::move(key), shown);
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
}

result<secret_ring> secret_ring::make(std::vector<secret> secrets) noexcept {
    if (secrets.empty()) return unexpected{error(reason::invalid_argument, "There is no signing secret.")};
    if (secrets.size() > max_secrets)
        return unexpected{error(reason::invalid_argument,
                                "There are more than 16 signing secrets. Remove those that are no longer in use.")};
    if (std::ranges::any_of(secrets, [](const secret& one) { return one.key_ == nullptr; }))
        return unexpected{error(reason::invalid_argument, "A signing secret was moved away before its use.")};
    return secret_ring(std::move(secrets));
}

result<secret_ring> secret_ring::make(std::initializer_list<std::string_view> secrets) noexcept try {
    std::vector<secret> made;
    made.reserve(secrets.size());
    for (const std::string_view bytes : secrets) {
        auto one = secret::make(bytes);
        if (!one) return unexpected{one.error()};
        made.push_back(std::move(*one));
    }
    return make(std::move(made));
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
}

}  // namespace puck
