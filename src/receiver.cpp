#include "puck/receiver.hpp"

#include "text.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace puck {
namespace {

constexpr std::string_view signature_name = "X-Puck-Signature";
constexpr std::string_view event_id_name = "X-Puck-Event-Id";
constexpr std::string_view event_type_name = "X-Puck-Event-Type";

auto named(std::string_view name) noexcept {
    return [name](const header& line) { return detail::equal_ignoring_case(line.name, name); };
}

result<std::string_view> find_signature(std::span<const header> headers) noexcept {
    const auto is_signature = named(signature_name);
    const auto first = std::ranges::find_if(headers, is_signature);
    if (first == headers.end()) return unexpected{error(reason::missing_signature)};
    if (std::any_of(first + 1, headers.end(), is_signature))
        return unexpected{error(reason::malformed_signature, "There is more than one X-Puck-Signature header.")};
    return first->value;
}

/// Nothing but the body is signed, so what the other headers say counts only where the body says the same.
bool agrees(const header& line, const event& event) noexcept {
    const std::string_view value = detail::trim(line.value);
    if (named(event_id_name)(line))
        return value == event.event_id() || uuid::parse(value) == event.id();  // mostly it is spelt the same
    if (named(event_type_name)(line)) return value == event.event_type();
    return true;
}

result<claimed> claim(dedupe_store& store, const uuid& event_id) noexcept try {
    return store.claim(event_id);
} catch (...) {
    return unexpected{error(reason::store_unavailable)};
}

}  // namespace

receiver::receiver(puck::verifier verifier, std::shared_ptr<dedupe_store> store) noexcept
    : verifier_(std::move(verifier)), store_(std::move(store)) {}

result<delivery, rejection> receiver::receive(const request& request) const noexcept {
    if (!store_) return unexpected{rejection(error(reason::invalid_argument, "The receiver has no dedupe store."))};

    // The size comes first, so that nothing is said of the headers of a body that is not even looked at.
    if (const reason why = verifier_.check_size(request.body); why != reason::ok) return unexpected{rejection(why)};

    const auto signature = find_signature(request.headers);
    if (!signature) return unexpected{rejection(signature.error())};

    // The window is applied one step later, so that the answer can tell what is known of a stale delivery.
    const auto authentic = verifier_.dangerously_verify_without_window(request.body, *signature);
    if (!authentic) return unexpected{rejection(authentic.error())};

    if (const reason why = verifier_.check_window(authentic->timestamp, request.received_at); why != reason::ok)
        return unexpected{rejection(why, *authentic)};

    auto event = parse_envelope(*authentic);
    if (!event) return unexpected{rejection(event.error(), *authentic)};

    const bool all_agree =
        std::ranges::all_of(request.headers, [&](const header& line) { return agrees(line, *event); });
    if (!all_agree) return unexpected{rejection(reason::header_mismatch, *authentic, std::move(*event))};

    const auto claimed = claim(*store_, event->id());
    if (!claimed) return unexpected{rejection(claimed.error(), *authentic, std::move(*event))};
    return delivery(*authentic, std::move(*event), store_, *claimed);
}

delivery::delivery(const puck::authenticity& proof, puck::event&& event, std::shared_ptr<dedupe_store> store,
                   const claimed& claim) noexcept
    : authenticity_(proof), event_(std::move(event)), store_(std::move(store)), claim_(claim) {}

delivery::delivery(delivery&&) noexcept = default;

delivery& delivery::operator=(delivery&& other) noexcept {
    if (this != &other) {
        release();
        authenticity_ = other.authenticity_;
        event_ = std::move(other.event_);
        store_ = std::move(other.store_);
        claim_ = other.claim_;
    }
    return *this;
}

delivery::~delivery() { release(); }

reason delivery::commit() noexcept { return settle(&dedupe_store::commit); }
reason delivery::release() noexcept { return settle(&dedupe_store::release); }

reason delivery::settle(reason (dedupe_store::*how)(const claimed&)) noexcept try {
    if (!store_) return reason::claim_lost;
    const reason why = ((*store_).*how)(claim_);
    if (why == reason::ok || why == reason::claim_lost) store_.reset();
    return why;
} catch (...) {
    return reason::store_unavailable;
}

}  // namespace puck
