// Runs receive.cpp as a test: a genuine delivery is handled once, and a forged one is not.
#include <puck/webhooks.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

int answer(const puck::receiver& receiver, const puck::request& request);

int main() {
    constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'777'818'121)};
    const std::string body =
        R"({"event_id":"018f2e3a-1c47-7a12-b321-aabbccddeeff","event_type":"agent.registered",)"
        R"("emitted_at":"2026-05-03T14:22:01Z","api_version":"v1","data":{"agent_id":"agt_018f2e3a"}})";
    auto secrets = puck::secret_ring::make({"whsec_demo_current_3f9a1c2b7d"}).value();
    const std::string signature = puck::sign(secrets, body, now).value();
    const auto receiver =
        puck::receiver::make(std::move(secrets), {.dedupe = puck::lru_dedupe::make().value()}).value();

    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};
    const int first = answer(receiver, {headers, body, now});
    const int again = answer(receiver, {headers, body, now});
    const int forged = answer(receiver, {headers, body + " ", now});
    std::printf("first %d, again %d, forged %d\n", first, again, forged);
    return first == 200 && again == 200 && forged == 401 ? 0 : 1;
}
