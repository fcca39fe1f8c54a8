// Views of destroyed objects. With DANGLING 1 to 5 a compiler that checks lifetimes must warn; with 0 it must not.
#include <puck/webhooks.hpp>

#include <string>
#include <string_view>

#if DANGLING == 0
std::string event_id(std::string_view body) { return std::string(puck::parse_envelope(body)->event_id()); }
std::string_view event_type(const puck::delivery& delivery) { return delivery.event().event_type(); }
#elif DANGLING == 1
std::string_view event_id(std::string_view body) {
    const auto id = puck::parse_envelope(body)->event_id();
    return id;
}
#elif DANGLING == 2
void handle(const puck::receiver& receiver, const puck::request& request) {
    const auto& event = receiver.receive(request)->event();
    static_cast<void>(event);
}
#elif DANGLING == 3
std::string_view data(const puck::verifier& verifier, const puck::request& request) {
    const auto data_json = verifier.verify(request)->event().data_json();
    return data_json;
}
#elif DANGLING == 4
const puck::event& event(const puck::verifier& verifier, const puck::request& request) {
    const auto verified = verifier.verify(request);
    return verified->event();
}
#elif DANGLING == 5
const puck::verified& verified(const puck::verifier& verifier, const puck::request& request) {
    const auto judged = verifier.verify(request);
    return *judged;
}
#endif
