// Random sequences of calls through the C ABI.
//
// An input: two bytes for each call, which one and about what, and for some calls lines that they read.
#include "support.hpp"

#include <puck/webhooks.h>

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

namespace {

constexpr std::int64_t now = fuzz::now.time_since_epoch().count();

template <auto Free>
struct freed_by {
    void operator()(auto* object) const { Free(object); }
};
template <class T, auto Free>
using owned = std::unique_ptr<T, freed_by<Free>>;

bool is_known(std::int32_t reason) {
    return reason == PUCK_INTERNAL || std::strcmp(puck_reason_name(reason), "internal") != 0;
}

std::int32_t checked(std::int32_t reason) {
    fuzz::require(is_known(reason), "each call answers with one of the reasons");
    fuzz::require(reason != PUCK_INTERNAL, "and never with a defect");
    return reason;
}

std::string envelope(std::uint8_t n) {
    std::string text = R"({"event_id":"018f2e3a-1c47-7a12-b321-aabbccddee00","event_type":"finding.discovered",)"
                       R"("emitted_at":"2026-05-03T14:22:01Z","api_version":"v1","data":{"severity":"low"}})";
    text[text.find("ee00") + 3] = static_cast<char>('0' + n % 8);
    return text;
}

/// A store of callbacks that gives whatever answer was set.
struct scripted_store {
    std::int32_t answer = PUCK_OK;

    static std::int32_t claim(void* user, const std::uint8_t*, std::uint64_t* token) {
        *token = 1;
        return static_cast<scripted_store*>(user)->answer;
    }
    static std::int32_t settle(void* user, const std::uint8_t*, std::uint64_t) {
        return static_cast<scripted_store*>(user)->answer;
    }
};

/// Everything that a caller can hold, and the calls on it. Objects are freed in the header's order: deliveries first.
class caller {
public:
    explicit caller(fuzz::input& in) : in_(in) {
        for (std::size_t i = 0; i < keys_.size(); ++i) keys_[i] = {fuzz::secrets[i].data(), fuzz::secrets[i].size()};
        puck_dedupe_callbacks callbacks = PUCK_DEDUPE_CALLBACKS_INIT;
        callbacks.ttl = 86'400;
        callbacks.user = &script_;
        callbacks.claim = scripted_store::claim;
        callbacks.commit = callbacks.release = scripted_store::settle;
        scripted_ = store([&](puck_dedupe** made) { return puck_dedupe_new_callbacks(&callbacks, made, nullptr); });
        fuzz::require(scripted_ != nullptr, "a store of callbacks is made");
    }

    void step() {
        const std::uint8_t call = in_.byte(), about = in_.byte();
        switch (call % 13) {
            case 0: return make_store(about);
            case 1: return make_receiver(about);
            case 2: return receive(about);
            case 3: return settle(about);
            case 4: return drop(about);
            case 5: return sign(about);
            case 6: return verify_signature(about);
            case 7: return parse();
            case 8: return store_by_hand(about);
            case 9: return look(about);
            case 10: script_.answer = static_cast<std::int32_t>(static_cast<std::int8_t>(about)); return;
            case 11: return reasons(about);
            default: return verify(about);
        }
    }

private:
    using dedupe_handle = owned<puck_dedupe, puck_dedupe_free>;
    using receiver_handle = owned<puck_receiver, puck_receiver_free>;
    using delivery_handle = owned<puck_delivery, puck_delivery_free>;

    template <class Make>
    static dedupe_handle store(Make make) {
        puck_dedupe* made = nullptr;
        const std::int32_t why = checked(make(&made));
        fuzz::require((why == PUCK_OK) == (made != nullptr), "what is made is there, and nothing else");
        return dedupe_handle(made);
    }

    puck_dedupe* any_store(std::uint8_t about) { return about & 0x80 ? scripted_.get() : lru_.get(); }

    void make_store(std::uint8_t about) {
        puck_dedupe_lru_settings settings = PUCK_DEDUPE_LRU_SETTINGS_INIT;
        settings.capacity = about % 5;
        if (about & 0x40) settings.ttl = 5 * about;
        if (about & 0x20) settings.struct_size = about % (sizeof settings + 1);
        if (auto made = store([&](puck_dedupe** out) { return puck_dedupe_new_lru(&settings, out, nullptr); }))
            lru_ = std::move(made);  // receivers keep the old one alive
    }

    void make_receiver(std::uint8_t about) {
        puck_verifier_settings settings = PUCK_VERIFIER_SETTINGS_INIT;
        settings.max_body = 1024;
        if (about & 0x40) settings.tolerance = 8 * about;
        if (about & 0x20) settings.struct_size = about % (sizeof settings + 1);
        puck_receiver* made = nullptr;
        const char* detail = nullptr;
        const std::int32_t why =
            checked(puck_receiver_new(keys_.data(), about % 3, &settings, any_store(about), &made, &detail));
        fuzz::require((why == PUCK_OK) == (made != nullptr), "a receiver is there if it could be made");
        fuzz::require(detail != nullptr && (why == PUCK_OK || *detail != '\0'), "and a sentence if not");
        if (made != nullptr) receivers_.emplace_back(made);
        if (receivers_.size() > 4) receivers_.pop_front();
    }

    /// A request that is signed, unless it has no header.
    struct request {
        std::string body, signature;
        puck_header header;

        explicit request(std::string bytes) : body(std::move(bytes)), signature(fuzz::signature(body, fuzz::now_text)) {
            header = {{name.data(), name.size()}, {signature.data(), signature.size()}};
        }
        request(const request&) = delete;
        static constexpr std::string_view name = "x-puck-signature";
    };

    std::string body(std::uint8_t about) {
        return about & 0x40 ? std::string(in_.line()) : envelope(static_cast<std::uint8_t>(about >> 3));
    }

    static void check(const puck_verdict& verdict, std::int32_t result) {
        fuzz::require(std::strcmp(verdict.reason, puck_reason_name(result)) == 0, "a verdict has the call's result");
        fuzz::require(verdict.http_status == puck_reason_http_status(result), "and its status");
        fuzz::require((*verdict.detail == '\0') == (result == PUCK_OK), "and a sentence if it is a no");
        fuzz::require(std::strlen(verdict.event_type) < sizeof verdict.event_type, "its texts have an end");
        fuzz::require(result != PUCK_OK || verdict.is_authentic == 1, "what is accepted is authentic");
    }

    void receive(std::uint8_t about) {
        const puck_receiver* const receiver =
            receivers_.empty() ? nullptr : receivers_[about % receivers_.size()].get();
        const request given(body(about));
        puck_delivery* made = nullptr;
        puck_verdict verdict = PUCK_VERDICT_INIT;
        const std::int32_t why =
            checked(puck_receiver_receive(receiver, &given.header, about & 0x20 ? 0 : 1, given.body.data(),
                                          given.body.size(), now, &made, about & 1 ? &verdict : nullptr));
        fuzz::require((why == PUCK_OK) == (made != nullptr), "a delivery is there if it was accepted");
        if (about & 1) check(verdict, why);
        if (made != nullptr) deliveries_.emplace_back(made);
    }

    void verify(std::uint8_t about) {
        puck_verifier* made = nullptr;
        if (checked(puck_verifier_new(keys_.data(), about % 3, nullptr, &made, nullptr)) != PUCK_OK) return;
        const owned<puck_verifier, puck_verifier_free> verifier(made);
        const request given(body(about));
        puck_event* event = nullptr;
        puck_verdict verdict = PUCK_VERDICT_INIT;
        const std::int32_t why = checked(
            puck_verifier_verify(verifier.get(), &given.header, about & 0x20 ? 0 : 1, given.body.data(),
                                 given.body.size(), now + static_cast<std::int8_t>(about) * 4, &event, &verdict));
        const owned<puck_event, puck_event_free> owner(event);
        fuzz::require((why == PUCK_OK) == (event != nullptr), "an event is there if it was accepted");
        check(verdict, why);
    }

    void settle(std::uint8_t about) {
        puck_delivery* const one = deliveries_.empty() ? nullptr : deliveries_[about % deliveries_.size()].get();
        checked(about & 0x80 ? puck_delivery_commit(one) : puck_delivery_release(one));
    }

    void drop(std::uint8_t about) {
        if (about & 0x80) receivers_.clear();
        if (!deliveries_.empty()) deliveries_.erase(deliveries_.begin() + about % static_cast<int>(deliveries_.size()));
    }

    void sign(std::uint8_t about) {
        std::array<char, PUCK_SIGNATURE_SIZE> signature{};
        const std::string_view body = in_.line();
        const std::size_t room = about & 0x40 ? about : signature.size();
        const std::int32_t why = checked(puck_sign(keys_.data(), about % 3, body.data(), body.size(),
                                                   static_cast<std::int8_t>(about), signature.data(), room, nullptr));
        if (why == PUCK_OK) fuzz::require(std::strlen(signature.data()) > 68, "a signature was written");
    }

    void verify_signature(std::uint8_t about) {
        puck_verifier* made = nullptr;
        if (checked(puck_verifier_new(keys_.data(), about % 3, nullptr, &made, nullptr)) != PUCK_OK) return;
        const owned<puck_verifier, puck_verifier_free> verifier(made);
        const std::string_view hostile = in_.line(), body = in_.line();
        const std::int32_t why = checked(puck_verifier_verify_signature(verifier.get(), body.data(), body.size(),
                                                                        hostile.data(), hostile.size(), now, nullptr));
        fuzz::require(
            why != PUCK_OK || hostile.find(fuzz::mac(fuzz::secrets[0], fuzz::now_text, body)) != std::string_view::npos,
            "what is not signed is refused");
    }

    void parse() {
        const std::string_view body = in_.line();
        puck_event* made = nullptr;
        const std::int32_t why = checked(puck_parse_envelope(body.data(), body.size(), &made, nullptr));
        const owned<puck_event, puck_event_free> event(made);
        puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
        fuzz::require(
            checked(puck_event_get_fields(event.get(), &fields)) == (why == PUCK_OK ? PUCK_OK : PUCK_INVALID_ARGUMENT),
            "there is an event if it was accepted");
        fuzz::require(fields.event_id.size == (why == PUCK_OK ? 36U : 0U), "with an id of 36 characters");
    }

    void store_by_hand(std::uint8_t about) {
        std::array<std::uint8_t, 16> id{1};
        id.back() = about % 8;
        puck_dedupe* const dedupe = any_store(about);
        if (about & 0x40) {
            std::uint64_t token = 0;
            if (checked(puck_dedupe_claim(dedupe, id.data(), &token)) == PUCK_OK) tokens_.push_back(token);
            return;
        }
        const std::uint64_t token = tokens_.empty() ? about : tokens_[about % tokens_.size()];
        checked(about & 0x20 ? puck_dedupe_commit(dedupe, id.data(), token)
                             : puck_dedupe_release(dedupe, id.data(), token));
    }

    void look(std::uint8_t about) {
        puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
        if (about & 0x20) stats.struct_size = about % (sizeof stats + 1);
        checked(puck_dedupe_get_stats(any_store(about), &stats));
        puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
        for (const delivery_handle& each : deliveries_)
            fuzz::require(puck_event_get_fields(puck_delivery_event(each.get()), &fields) == PUCK_OK &&
                              fields.data_json.size >= 2,
                          "a delivery keeps its event");
    }

    static void reasons(std::uint8_t about) {
        const auto number = static_cast<std::int32_t>(static_cast<std::int8_t>(about));
        fuzz::require(puck_reason_name(number) != nullptr && puck_reason_message(number) != nullptr,
                      "any number has words");
        fuzz::require(puck_reason_http_status(number) >= 200, "and a status");
    }

    fuzz::input& in_;
    std::array<puck_bytes, fuzz::secrets.size()> keys_{};
    scripted_store script_;
    dedupe_handle scripted_, lru_;
    std::deque<receiver_handle> receivers_;
    std::vector<delivery_handle> deliveries_;
    std::vector<std::uint64_t> tokens_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    caller one(in);
    for (int steps = 0; !in.is_empty() && steps < 200; ++steps) one.step();
    return 0;
}
