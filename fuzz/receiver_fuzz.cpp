// The receiver: whole requests (requests.hpp), and the state of the store after them.
#include "requests.hpp"

#include <memory>

namespace {

using puck::reason;

reason reason_of(const puck::result<puck::delivery, puck::rejection>& judged) {
    return judged ? reason::ok : judged.error().reason();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::request request(fuzz::input(data, size));
    const std::shared_ptr<puck::lru_dedupe> store = puck::lru_dedupe::make({.capacity = 4}).value();
    const auto receiver = puck::receiver::make(fuzz::ring(), {.dedupe = store}).value();
    auto judged = receiver.receive(request);
    const auto verified = fuzz::verifier().verify(request);
    fuzz::require(reason_of(judged) == (verified ? reason::ok : verified.error().reason()),
                  "receive judges the first delivery of an event like verify");
    if (!judged) {
        fuzz::require(fuzz::is_refusal(reason_of(judged)), "a refusal has a reason of the contract");
        fuzz::require(store->stats().claims == 0, "a refused request never reaches the store");
        fuzz::require(reason_of(receiver.receive(request)) == reason_of(judged), "a refused request is refused again");
        return 0;
    }

    const puck::uuid id = judged->event().id();
    const auto meanwhile = receiver.receive(request);
    fuzz::require(reason_of(meanwhile) == reason::in_progress, "only one worker at a time handles an event");
    fuzz::require(meanwhile.error().proof && meanwhile.error().event, "the rejection has the proof and the event");
    fuzz::require(!store->seen(id), "an event is not seen before its commit");
    if (request.flags & fuzz::is_released) {
        fuzz::require(judged->release() == reason::ok, "an event can be released");
        fuzz::require(receiver.receive(request).has_value(), "after a release the next attempt is accepted");
    } else {
        fuzz::require(judged->commit() == reason::ok && store->seen(id), "after a commit the event is seen");
        fuzz::require(reason_of(receiver.receive(request)) == reason::duplicate,
                      "after a commit the next attempt is a duplicate");
        fuzz::require(judged->release() == reason::claim_lost && store->seen(id), "a release does not undo a commit");
    }
    fuzz::require(judged->commit() == reason::ok, "a commit may be repeated, and may come after a release");
    fuzz::require(store->seen(id), "after such a commit the event is seen");
    return 0;
}
