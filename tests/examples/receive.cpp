#include <puck/webhooks.hpp>

#include <iostream>

/// Judges a request, handles its event, and returns the HTTP status to answer Puck with. The request's received_at is
/// puck::unix_now(), its body the raw bytes, its headers all of them.
int answer(const puck::receiver& receiver, const puck::request& request) {
    auto delivery = receiver.receive(request);
    if (!delivery) return delivery.error().http_status();  // .detail() says why, for your log
    const puck::event& event = delivery->event();          // genuine, fresh, well formed, not handled before
    std::cout << event.data_json() << '\n';                // your handler; if it throws, Puck comes again
    return puck::http_status(delivery->commit());
}
