// What a user's program in C++ would do: a delivery is accepted once, and a forged one is not.
#include <puck/webhooks.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using puck::reason;

constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'777'818'121)};

reason receive(const puck::receiver& receiver, const std::vector<puck::header>& headers, const std::string& body) {
    auto delivery = receiver.receive({headers, body, now});
    return delivery ? delivery->commit() : delivery.error().reason();
}

int main() {
    const std::string body = R"({"event_id":"018f2e3a-1c47-7a12-b321-aabbccddeeff","event_type":"agent.registered",)"
                             R"("emitted_at":"2026-05-03T14:22:01Z","api_version":"v1","data":{}})";
    auto secrets = puck::secret_ring::make({"whsec_the-secret-of-this-consumer"}).value();
    const std::string signature = puck::sign(secrets, body, now).value();
    const auto receiver =
        puck::receiver::make(std::move(secrets), {.dedupe = puck::lru_dedupe::make().value()}).value();

    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};
    const reason first = receive(receiver, headers, body);
    const reason again = receive(receiver, headers, body);
    const reason forged = receive(receiver, headers, body + " ");
    std::cout << puck::name(first) << ", " << puck::name(again) << ", " << puck::name(forged) << '\n';
    return first == reason::ok && again == reason::duplicate && forged == reason::signature_mismatch ? 0 : 1;
}
