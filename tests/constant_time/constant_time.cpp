// Runs verification under valgrind. The secret bytes are marked as undefined, so valgrind reports each branch and each
// address that depends on them. constant_time_test.py checks the reports.
//
//     constant_time secret|mac own|naive|memcmp
//
// The first argument selects what is marked: the bytes of the signing secrets, and so everything computed from them, or
// the MACs that OpenSSL computed. The second selects the comparison of MACs: the library's own, or one of two faulty
// ones, which valgrind must report.
#include "support/deliveries.hpp"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <valgrind/memcheck.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

bool mac_is_secret = false;
int (*compare)(const void*, const void*, std::size_t) = nullptr;

template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int naive(const void* a, const void* b, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
        if (static_cast<const unsigned char*>(a)[i] != static_cast<const unsigned char*>(b)[i]) return 1;
    return 0;
}

int with_memcmp(const void* a, const void* b, std::size_t size) { return std::memcmp(a, b, size); }

}  // namespace

// These functions replace OpenSSL's functions of the same names, and call them.

extern "C" int EVP_MAC_final(EVP_MAC_CTX* context, unsigned char* out, std::size_t* written, std::size_t room) {
    static auto* const next = real<decltype(EVP_MAC_final)>("EVP_MAC_final");
    const int done = next(context, out, written, room);
    if (mac_is_secret && out != nullptr) VALGRIND_MAKE_MEM_UNDEFINED(out, room);
    return done;
}

/// The result of the comparison is not secret, because it is the verdict.
extern "C" int CRYPTO_memcmp(const void* a, const void* b, std::size_t size) {
    static auto* const next = real<decltype(CRYPTO_memcmp)>("CRYPTO_memcmp");
    int differs = compare != nullptr ? compare(a, b, size) : next(a, b, size);
    VALGRIND_MAKE_MEM_DEFINED(&differs, sizeof differs);
    return differs;
}

int main(int count, char** arguments) {
    const std::string_view marked = count == 3 ? arguments[1] : "", comparison = count == 3 ? arguments[2] : "";
    if ((marked != "secret" && marked != "mac") || RUNNING_ON_VALGRIND == 0) {
        std::fprintf(stderr, "Usage: valgrind constant_time secret|mac own|naive|memcmp\n");
        return 2;
    }
    if (comparison == "naive") compare = naive;
    if (comparison == "memcmp") compare = with_memcmp;

    const std::string body = support::envelope();
    const std::string signature = support::sign(body, support::now, {support::old_secret});
    std::string forged = signature;
    forged.back() = forged.back() == '0' ? '1' : '0';

    std::array<std::string, 2> secrets{std::string(support::secret), std::string(support::old_secret)};
    if (marked == "secret")
        for (std::string& each : secrets) VALGRIND_MAKE_MEM_UNDEFINED(each.data(), each.size());

    // The check of a secret may depend on its bytes, so it is not reported. The use of the secret may not.
    VALGRIND_DISABLE_ERROR_REPORTING;
    const auto verifier = puck::verifier::make(puck::secret_ring::make({secrets[0], secrets[1]}).value()).value();
    VALGRIND_ENABLE_ERROR_REPORTING;

    mac_is_secret = marked == "mac";
    const bool is_right = verifier.verify_signature(body, signature, support::now).has_value() &&
                          !verifier.verify_signature(body, forged, support::now).has_value() &&
                          !verifier.verify_signature(body + " ", signature, support::now).has_value();
    mac_is_secret = false;
    if (!is_right) std::fprintf(stderr, "A delivery was judged wrongly.\n");
    return is_right ? 0 : 3;
}
