// Runs receive_shared.cpp as a test: what one receiver has handled, another one of the same file knows.
#include <puck/webhooks.hpp>

#include <unistd.h>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

puck::receiver make_receiver(puck::secret_ring secrets, std::string_view store);

int main() {
    constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'777'818'121)};
    const std::string body =
        R"({"event_id":"018f2e3a-1c47-7a12-b321-aabbccddeeff","event_type":"agent.registered",)"
        R"("emitted_at":"2026-05-03T14:22:01Z","api_version":"v1","data":{"agent_id":"agt_018f2e3a"}})";
    const auto secrets = [] { return puck::secret_ring::make({"whsec_demo_current_3f9a1c2b7d"}).value(); };
    const std::string signature = puck::sign(secrets(), body, now).value();
    const std::vector<puck::header> headers{{"X-Puck-Signature", signature}};

    std::string folder = (std::filesystem::temp_directory_path() / "puck-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) return 1;
    const std::string store = "sqlite:" + folder + "/puck.db?namespace=billing";
    const puck::receiver one = make_receiver(secrets(), store), other = make_receiver(secrets(), store);
    auto first = one.receive({headers, body, now});
    const bool is_handled = first && first->commit() == puck::reason::ok;
    const auto again = other.receive({headers, body, now});
    const bool is_known = !again && again.error().reason() == puck::reason::duplicate;
    std::filesystem::remove_all(folder);
    std::printf("handled %d, known %d\n", is_handled, is_known);
    return is_handled && is_known ? 0 : 1;
}
