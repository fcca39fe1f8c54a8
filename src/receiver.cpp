#include "puck/receiver.hpp"

#include <utility>

namespace puck {

receiver::receiver(puck::verifier verifier, std::shared_ptr<dedupe_store> store) noexcept
    : verifier_(std::move(verifier)), store_(std::move(store)) {}

result<receiver> receiver::make(secret_ring secrets, receiver_settings settings) noexcept {
    auto verifier = verifier::make(std::move(secrets), {settings.tolerance, settings.max_body});
    if (!verifier) return unexpected{verifier.error()};
    if (!settings.dedupe) return unexpected{error(reason::invalid_argument, "The receiver has no dedupe store.")};
    if (settings.dedupe->ttl() < 2 * settings.tolerance)
        return unexpected{error(reason::invalid_argument,
                                "The dedupe store remembers for less than twice the tolerance, so a captured delivery "
                                "could be handled again. Raise its ttl or lower the tolerance.")};
    return receiver(std::move(*verifier), std::move(settings.dedupe));
}

result<delivery, rejection> receiver::receive(const request& request) const noexcept {
    if (!store_)
        return unexpected{rejection(error(reason::invalid_argument, "The receiver was moved away before its use."))};
    auto verified = verifier_.verify(request);
    if (!verified) return unexpected{std::move(verified).error()};
    const auto claim = store_->claim(verified->event().id());
    if (!claim) return unexpected{rejection(claim.error(), verified->proof(), std::move(*verified).event())};
    return delivery(std::move(*verified), store_, *claim);
}

delivery::delivery(puck::verified&& verified, std::shared_ptr<dedupe_store> store, const claim& held) noexcept
    : verified_(std::move(verified)), store_(std::move(store)), claim_(held) {}

delivery::delivery(delivery&&) noexcept = default;

delivery& delivery::operator=(delivery&& other) noexcept {
    if (this != &other) {
        if (!is_settled_) release();
        verified_ = std::move(other.verified_);
        store_ = std::move(other.store_);
        claim_ = other.claim_;
        is_settled_ = other.is_settled_;
    }
    return *this;
}

delivery::~delivery() {
    if (!is_settled_) release();
}

reason delivery::commit() noexcept { return settle(&dedupe_store::commit); }
reason delivery::release() noexcept { return settle(&dedupe_store::release); }

reason delivery::settle(reason (dedupe_store::*how)(const claim&) noexcept) noexcept {
    if (!store_) return reason::invalid_argument;
    const reason answer = ((*store_).*how)(claim_);
    is_settled_ |= answer != reason::store_unavailable;  // and stays so: a release must not follow a commit
    return answer;
}

}  // namespace puck
