#include "hmac.hpp"

#include "hex.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace puck::detail {
namespace {

/// Leaves OpenSSL's error queue as it was.
class clean_error_queue {
public:
    clean_error_queue() noexcept : had_errors_(ERR_set_mark() == 1) {}
    clean_error_queue(const clean_error_queue&) = delete;
    clean_error_queue& operator=(const clean_error_queue&) = delete;
    ~clean_error_queue() {
        if (had_errors_)
            ERR_pop_to_mark();
        else if (!all_went_well_)
            ERR_clear_error();
    }

    /// Saves a look at a queue that is still empty.
    void all_went_well() noexcept { all_went_well_ = true; }

private:
    bool had_errors_;
    bool all_went_well_ = false;
};

template <auto Free>
struct freed_by {
    void operator()(auto* object) const noexcept { Free(object); }
};

const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// A number that differs from thread to thread, so that each starts at another place of the pool.
std::size_t home_of_this_thread() noexcept {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t home = threads.fetch_add(1, std::memory_order_relaxed);
    return home;
}

}  // namespace

computed_mac::~computed_mac() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

bool computed_mac::equals(const mac_bytes& candidate) const noexcept {
    return CRYPTO_memcmp(bytes_.data(), candidate.data(), candidate.size()) == 0;
}

std::unique_ptr<hmac_key> hmac_key::make(std::string_view key) {
    const clean_error_queue clean;
    const std::unique_ptr<EVP_MAC, freed_by<EVP_MAC_free>> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    if (!hmac) return nullptr;
    std::unique_ptr<EVP_MAC_CTX, freed_by<EVP_MAC_CTX_free>> keyed(EVP_MAC_CTX_new(hmac.get()));
    if (!keyed) return nullptr;

    char digest[] = "SHA256";
    const OSSL_PARAM with_sha256[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                      OSSL_PARAM_construct_end()};
    if (EVP_MAC_init(keyed.get(), bytes_of(key), key.size(), with_sha256) != 1) return nullptr;

    std::unique_ptr<hmac_key> made(new hmac_key(keyed.release()));
    // OpenSSL 3.0.0 to 3.0.2 do not really go back to the keyed state, and say that they did.
    computed_mac first, second;
    if (!made->sign({"x"}, first) || !made->sign({"x"}, second) || !first.equals(second.reveal())) return nullptr;
    return made;
}

hmac_key::~hmac_key() {
    for (const place& kept : pool_) EVP_MAC_CTX_free(kept.context.load(std::memory_order_acquire));
    EVP_MAC_CTX_free(keyed_);
}

bool hmac_key::sign(std::initializer_list<std::string_view> parts, computed_mac& mac) const noexcept {
    clean_error_queue clean;
    evp_mac_ctx_st* const context = borrow();
    if (context == nullptr) return false;

    bool done = true;
    for (const std::string_view part : parts) done = done && EVP_MAC_update(context, bytes_of(part), part.size()) == 1;
    std::size_t written = 0;
    done = done && EVP_MAC_final(context, mac.bytes_.data(), &written, mac.bytes_.size()) == 1;
    // Back to the state right after keying, which also wipes what the context knows of this MAC.
    done = done && written == mac.bytes_.size() && EVP_MAC_init(context, nullptr, 0, nullptr) == 1;
    if (!done) {
        EVP_MAC_CTX_free(context);
        return false;
    }
    give_back(context);
    clean.all_went_well();
    return true;
}

evp_mac_ctx_st* hmac_key::borrow() const noexcept {
    const std::size_t home = home_of_this_thread();
    for (std::size_t i = 0; i < pool_.size(); ++i) {
        std::atomic<evp_mac_ctx_st*>& kept = pool_[(home + i) % pool_.size()].context;
        if (kept.load(std::memory_order_relaxed) == nullptr) continue;
        if (auto* const context = kept.exchange(nullptr, std::memory_order_acquire)) return context;
    }
    return EVP_MAC_CTX_dup(keyed_);
}

void hmac_key::give_back(evp_mac_ctx_st* context) const noexcept {
    const std::size_t home = home_of_this_thread();
    for (std::size_t i = 0; i < pool_.size(); ++i) {
        evp_mac_ctx_st* empty = nullptr;
        if (pool_[(home + i) % pool_.size()].context.compare_exchange_strong(empty, context, std::memory_order_release,
                                                                             std::memory_order_relaxed))
            return;
    }
    EVP_MAC_CTX_free(context);
}

bool fingerprint_of(std::string_view domain, std::string_view secret, fingerprint& shown) noexcept {
    const clean_error_queue clean;
    const std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    std::array<std::uint8_t, 32> digest;
    unsigned int written = 0;
    if (!context || EVP_DigestInit_ex2(context.get(), EVP_sha256(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), domain.data(), domain.size()) != 1 ||
        EVP_DigestUpdate(context.get(), "", 1) != 1 ||
        EVP_DigestUpdate(context.get(), secret.data(), secret.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), digest.data(), &written) != 1)
        return false;
    write_hex(std::span(digest).first(shown.digits.size() / 2), shown.digits.data());
    OPENSSL_cleanse(digest.data(), digest.size());
    return true;
}

}  // namespace puck::detail
