#include "hmac.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace puck::detail {
namespace {

/// On destruction, OpenSSL's error queue is as it was on construction.
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

    /// An empty queue stayed empty: the destructor need not clear it, which saves time.
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

/// Whether OpenSSL can be used. After its own clean-up at the process's exit, most of its functions would crash.
bool is_alive() noexcept { return OPENSSL_init_crypto(0, nullptr) == 1; }

}  // namespace

secret_digest::~secret_digest() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

bool secret_digest::equals(const digest_bytes& candidate) const noexcept {
    return CRYPTO_memcmp(bytes_.data(), candidate.data(), candidate.size()) == 0;
}

std::unique_ptr<hmac_key> hmac_key::make(std::string_view key) {
    if (!is_alive()) return nullptr;
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
    // Two equal computations must agree: OpenSSL 3.0.0 to 3.0.2 do not return to the keyed state, although they report
    // success.
    secret_digest first, second;
    if (!made->sign({"x"}, first) || !made->sign({"x"}, second) || !first.equals(second.reveal())) return nullptr;
    return made;
}

hmac_key::~hmac_key() {
    while (evp_mac_ctx_st* const context = contexts_.take()) EVP_MAC_CTX_free(context);
    EVP_MAC_CTX_free(keyed_);
}

bool hmac_key::sign(std::initializer_list<std::string_view> parts, secret_digest& mac) const noexcept {
    if (!is_alive()) return false;
    clean_error_queue clean;
    evp_mac_ctx_st* context = contexts_.take();
    if (context == nullptr) context = EVP_MAC_CTX_dup(keyed_);
    if (context == nullptr) return false;

    bool done = true;
    for (const std::string_view part : parts) done = done && EVP_MAC_update(context, bytes_of(part), part.size()) == 1;
    std::size_t written = 0;
    done = done && EVP_MAC_final(context, mac.bytes_.data(), &written, mac.bytes_.size()) == 1;
    // Return to the state after keying. This also wipes the data of this MAC from the context.
    done = done && written == mac.bytes_.size() && EVP_MAC_init(context, nullptr, 0, nullptr) == 1;
    if (!done || !contexts_.keep(context)) EVP_MAC_CTX_free(context);
    if (done) clean.all_went_well();
    return done;
}

bool sha256(std::initializer_list<std::string_view> parts, secret_digest& digest) noexcept {
    if (!is_alive()) return false;
    const clean_error_queue clean;
    const std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    bool done = context && EVP_DigestInit_ex2(context.get(), EVP_sha256(), nullptr) == 1;
    for (const std::string_view part : parts)
        done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    return done && EVP_DigestFinal_ex(context.get(), digest.bytes_.data(), nullptr) == 1;
}

}  // namespace puck::detail
