// Uses the library at the exit of the process, after OpenSSL has cleaned up and simdjson's static objects are
// destroyed. Every call must still return an answer. The first argument selects the case. The exit code is 0 if the
// answers were right.
#include "hmac.hpp"
#include "support/deliveries.hpp"

#include <unistd.h>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace {

std::atomic<bool> parses_last{false}, has_scanner{false};
std::atomic<int> documents{0};
std::optional<puck::verifier> verifier;

void expect(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "Wrong at the end of the process: %s\n", what);
    _exit(1);
}

/// Constructed before the library's static objects and simdjson's, and so destroyed after them.
struct last_user {
    ~last_user() {
        if (!parses_last) return;
        const auto parsed = puck::parse_envelope(support::envelope());
        if (has_scanner)
            expect(parsed.has_value(), "a document for which there was a scanner");
        else
            expect(!parsed && parsed.error().reason() == puck::reason::internal, "a document without a scanner");
    }
} last;

void sign_after_openssl() {
    expect(puck::detail::hmac_key::make(support::secret) == nullptr, "a key");
    const auto made = puck::secret_ring::make({support::secret});
    expect(!made && made.error().reason() == puck::reason::crypto_failure, "a ring");
    const auto judged = verifier->verify_signature("body", "t=1777818121,v1=" + std::string(64, '0'), support::now);
    expect(!judged && judged.error().reason() == puck::reason::crypto_failure, "a signature");
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view mode = count > 1 ? arguments[1] : "";
    if (mode == "static_object" || mode == "static_object_with_scanner") {
        has_scanner = mode == "static_object_with_scanner";
        if (has_scanner) expect(puck::parse_envelope(support::envelope()).has_value(), "a document before the exit");
        parses_last = true;
        return 0;
    }
    if (mode == "thread") {
        // Longer than the documents whose scanners are kept, so that each one needs a new scanner.
        static const std::string& large = *new std::string(
            support::envelope(support::event_id, "{\"v\":\"" + std::string(1'100'000, 'x') + "\"}"));  // never freed
        for (int i = 0; i < 4; ++i)
            std::thread([] {
                for (;;) {
                    static_cast<void>(puck::parse_envelope(large));
                    ++documents;
                }
            }).detach();
        while (documents < 8) std::this_thread::yield();
        std::exit(0);  // the threads run until the process has ended
    }
    if (mode == "after_openssl") {
        std::atexit(sign_after_openssl);  // registered before OpenSSL's own handler, so it runs after it
        verifier.emplace(support::verifier());
        expect(verifier->verify_signature("body", support::sign("body"), support::now).has_value(),
               "a signature before the exit");
        return 0;
    }
    std::fprintf(stderr, "Usage: exit static_object|static_object_with_scanner|thread|after_openssl\n");
    return 2;
}
