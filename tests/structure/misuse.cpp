// Misuses the library on purpose, so that a sanitizer must report an error inside it. Run only under ASan and TSan, by
// tests that expect the report. This shows that the library itself is instrumented, and not only its tests.
#include <puck/receiver.hpp>
#include <puck/uuid.hpp>

#include "../support/deliveries.hpp"

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace {

/// Reads past the end of a heap block, in src/uuid.cpp.
int overrun() {
    const std::unique_ptr<char[]> block(new char[35]);
    std::memcpy(block.get(), support::event_id.data(), 35);
    return puck::uuid::parse({block.get(), 36}) ? 0 : 1;
}

/// Settles one delivery from two threads without a lock, in src/receiver.cpp.
int race() {
    const std::string body = support::envelope();
    const std::string signature = support::sign(body);
    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};
    const auto receiver = support::receiver(puck::lru_dedupe::make().value());
    auto delivery = receiver.receive({headers, body, support::now});
    std::thread other([&] { (void)delivery->commit(); });
    (void)delivery->commit();
    other.join();
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 && std::strcmp(argv[1], "race") == 0 ? race() : overrun(); }
