// The C API's arguments: every pointer NULL in turn, and structs of every size.
#include "bindings/c/guard.hpp"
#include "c/support.hpp"
#include "support/guard_page.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

const std::string body = support::envelope();
const std::string& signature() {
    static const std::string made = support::sign(body);  // not before main, which watches OpenSSL's memory
    return made;
}
constexpr std::uint8_t id[16] = {1};

/// A struct with bytes after it, as a later version would have.
template <class Struct>
struct grown {
    Struct known;
    unsigned char more[64] = {};

    explicit grown(Struct init) : known(init) { known.struct_size = sizeof(grown); }
};

}  // namespace

TEST_CASE("C: every pointer is NULL in turn") {
    const auto store = c::lru();
    const auto verifier = c::make_verifier();
    const auto receiver = c::make_receiver(store.get());
    const puck_header headers[]{c::header("X-Puck-Signature", signature())};
    const char* const text = body.data();
    const std::size_t size = body.size();
    char room[PUCK_SIGNATURE_SIZE];
    std::uint64_t token = 0;
    std::int32_t seen = 0;
    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
    puck_verifier* new_verifier = nullptr;
    puck_receiver* new_receiver = nullptr;
    puck_dedupe* new_store = nullptr;
    puck_event* event = nullptr;
    puck_delivery* delivery = nullptr;
    REQUIRE(puck_parse_envelope(text, size, &event, nullptr) == PUCK_OK);
    const c::event owner(event);
    puck_event* other = nullptr;

    CHECK(puck_sign(nullptr, 1, text, size, 0, room, sizeof room, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_sign(&c::secret, 1, nullptr, 1, 0, room, sizeof room, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_sign(&c::secret, 1, text, size, 0, nullptr, sizeof room, nullptr) == PUCK_INVALID_ARGUMENT);

    CHECK(puck_verifier_new(nullptr, 1, nullptr, &new_verifier, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_new(&c::secret, 1, nullptr, nullptr, nullptr) == PUCK_INVALID_ARGUMENT);
    const puck_bytes hollow{nullptr, 20};
    CHECK(puck_verifier_new(&hollow, 1, nullptr, &new_verifier, nullptr) == PUCK_INVALID_ARGUMENT);

    CHECK(puck_verifier_verify_signature(nullptr, text, size, signature().data(), signature().size(), c::now,
                                         nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_verify_signature(verifier.get(), nullptr, 1, signature().data(), signature().size(), c::now,
                                         nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_verify_signature(verifier.get(), text, size, nullptr, 1, c::now, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_dangerously_verify_without_window(nullptr, text, size, signature().data(), signature().size(),
                                                          c::now, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_verify(nullptr, headers, 1, text, size, c::now, &other, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_verify(verifier.get(), nullptr, 1, text, size, c::now, &other, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_verify(verifier.get(), headers, 1, nullptr, 1, c::now, &other, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(puck_verifier_verify(verifier.get(), headers, 1, text, size, c::now, nullptr, nullptr) ==
          PUCK_INVALID_ARGUMENT);

    CHECK(puck_parse_envelope(nullptr, 1, &other, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_parse_envelope(text, size, nullptr, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_event_get_fields(nullptr, &fields) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_event_get_fields(event, nullptr) == PUCK_INVALID_ARGUMENT);

    CHECK(puck_dedupe_new_lru(nullptr, nullptr, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_new_callbacks(nullptr, &new_store, nullptr) == PUCK_INVALID_ARGUMENT);
    for (int i = 0; i < 4; ++i) {
        const auto claim = [](void*, const std::uint8_t*, std::uint64_t*) -> std::int32_t { return PUCK_OK; };
        const auto settle = [](void*, const std::uint8_t*, std::uint64_t) -> std::int32_t { return PUCK_OK; };
        puck_dedupe_callbacks callbacks{sizeof callbacks, 86'400, nullptr, claim, settle, settle};
        if (i == 0) callbacks.claim = nullptr;
        if (i == 1) callbacks.commit = nullptr;
        if (i == 2) callbacks.release = nullptr;
        new_store = c::spoilt<puck_dedupe>();
        CHECK(puck_dedupe_new_callbacks(&callbacks, i == 3 ? nullptr : &new_store, nullptr) == PUCK_INVALID_ARGUMENT);
        if (i == 3) new_store = nullptr;
        CHECK(new_store == nullptr);
    }
    CHECK(puck_dedupe_claim(nullptr, id, &token) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_claim(store.get(), nullptr, &token) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_claim(store.get(), id, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_commit(nullptr, id, 0) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_commit(store.get(), nullptr, 0) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_release(nullptr, id, 0) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_release(store.get(), nullptr, 0) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_get_stats(nullptr, &stats) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_get_stats(store.get(), nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_seen(nullptr, id, &seen) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_seen(store.get(), nullptr, &seen) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_dedupe_seen(store.get(), id, nullptr) == PUCK_INVALID_ARGUMENT);

    new_receiver = c::spoilt<puck_receiver>();
    CHECK(puck_receiver_new(nullptr, 1, nullptr, store.get(), &new_receiver, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(new_receiver == nullptr);
    CHECK(puck_receiver_new(&c::secret, 1, nullptr, nullptr, &new_receiver, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_receiver_new(&c::secret, 1, nullptr, store.get(), nullptr, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_receiver_receive(nullptr, headers, 1, text, size, c::now, &delivery, nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_receiver_receive(receiver.get(), nullptr, 1, text, size, c::now, &delivery, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(puck_receiver_receive(receiver.get(), headers, 1, nullptr, 1, c::now, &delivery, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    CHECK(puck_receiver_receive(receiver.get(), headers, 1, text, size, c::now, nullptr, nullptr) ==
          PUCK_INVALID_ARGUMENT);
    for (const puck_header& header : {puck_header{hollow, c::bytes("")}, puck_header{c::bytes(""), hollow}})
        CHECK(puck_receiver_receive(receiver.get(), &header, 1, text, size, c::now, &delivery, nullptr) ==
              PUCK_INVALID_ARGUMENT);
    CHECK(puck_delivery_commit(nullptr) == PUCK_INVALID_ARGUMENT);
    CHECK(puck_delivery_release(nullptr) == PUCK_INVALID_ARGUMENT);

    CHECK(new_verifier == nullptr);
    CHECK(new_receiver == nullptr);
    CHECK(new_store == nullptr);
    CHECK(other == nullptr);
    CHECK(delivery == nullptr);
    REQUIRE(puck_dedupe_get_stats(store.get(), &stats) == PUCK_OK);
    CHECK(stats.claims == 0);
}

TEST_CASE("C: outputs are zeroed when an argument is wrong") {
    const auto store = c::lru();
    std::uint64_t token = 7;
    CHECK(puck_dedupe_claim(store.get(), nullptr, &token) == PUCK_INVALID_ARGUMENT);
    CHECK(token == 0);
    std::int32_t seen = 7;
    CHECK(puck_dedupe_seen(store.get(), nullptr, &seen) == PUCK_INVALID_ARGUMENT);
    CHECK(seen == 0);
    puck_dedupe_stats stats{sizeof stats, 1, 1, 1, 1, 1, 1, 1};
    CHECK(puck_dedupe_get_stats(nullptr, &stats) == PUCK_INVALID_ARGUMENT);
    CHECK(stats.claims == 0);
    CHECK(stats.in_progress == 0);
    CHECK(stats.struct_size == sizeof stats);
    puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
    fields.event_id = c::bytes("x");
    fields.id[15] = 1;
    CHECK(puck_event_get_fields(nullptr, &fields) == PUCK_INVALID_ARGUMENT);
    CHECK(fields.event_id.data == nullptr);
    CHECK(fields.id[15] == 0);
    auto* delivery = reinterpret_cast<puck_delivery*>(&stats);
    puck_verdict verdict = PUCK_VERDICT_INIT;
    verdict.is_authentic = 1;
    CHECK(puck_receiver_receive(nullptr, nullptr, 0, nullptr, 0, 0, &delivery, &verdict) == PUCK_INVALID_ARGUMENT);
    CHECK(delivery == nullptr);
    CHECK(std::string(verdict.detail).find("NULL") != std::string::npos);
}

TEST_CASE("C: a verdict is filled when an argument is wrong") {
    const auto expect = [](auto call) {
        puck_verdict verdict = c::spoilt_verdict();
        CHECK(call(&verdict) == PUCK_INVALID_ARGUMENT);
        c::check_agrees(verdict, PUCK_INVALID_ARGUMENT);
        CHECK(std::string(verdict.reason) == "invalid_argument");
        CHECK(c::knows_no_proof(verdict));
        CHECK(c::knows_no_event(verdict));
    };
    expect([](auto* to) { return puck_receiver_receive(nullptr, nullptr, 0, nullptr, 0, 0, nullptr, to); });
    expect([](auto* to) { return puck_verifier_verify(nullptr, nullptr, 0, nullptr, 0, 0, nullptr, to); });
    expect([](auto* to) { return puck_verifier_verify_signature(nullptr, nullptr, 0, nullptr, 0, 0, to); });
    expect([](auto* to) {
        return puck_verifier_dangerously_verify_without_window(nullptr, nullptr, 0, nullptr, 0, 0, to);
    });
    const auto verifier = c::make_verifier();
    const puck_header hollow{{nullptr, 1}, {nullptr, 0}};
    auto* event = c::spoilt<puck_event>();
    expect([&](auto* to) { return puck_verifier_verify(verifier.get(), &hollow, 1, nullptr, 0, 0, &event, to); });
    CHECK(event == nullptr);
}

TEST_CASE("C: the count of secrets is judged before any of them is read") {
    const support::guarded end("");  // to read its first byte is a crash
    const auto* const secrets = reinterpret_cast<const puck_bytes*>(end.view().data());
    const auto store = c::lru();
    for (const std::size_t count : {std::size_t{0}, std::size_t{17}, SIZE_MAX}) {
        auto* verifier = c::spoilt<puck_verifier>();
        const char* detail = nullptr;
        CHECK(puck_verifier_new(secrets, count, nullptr, &verifier, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(verifier == nullptr);
        CHECK(std::string(detail).find("signing secret") != std::string::npos);
        auto* receiver = c::spoilt<puck_receiver>();
        CHECK(puck_receiver_new(secrets, count, nullptr, store.get(), &receiver, nullptr) == PUCK_INVALID_ARGUMENT);
        CHECK(receiver == nullptr);
        char room[PUCK_SIGNATURE_SIZE];
        CHECK(puck_sign(secrets, count, nullptr, 0, 0, room, sizeof room, nullptr) == PUCK_INVALID_ARGUMENT);
    }
}

TEST_CASE("C: a store of callbacks says for how long it remembers, and a receiver minds it") {
    const auto claim = [](void*, const std::uint8_t*, std::uint64_t*) -> std::int32_t { return PUCK_OK; };
    const auto settle = [](void*, const std::uint8_t*, std::uint64_t) -> std::int32_t { return PUCK_OK; };
    for (const std::int64_t ttl : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN}) {
        const puck_dedupe_callbacks callbacks{sizeof callbacks, ttl, nullptr, claim, settle, settle};
        auto* made = c::spoilt<puck_dedupe>();
        const char* detail = nullptr;
        CHECK(puck_dedupe_new_callbacks(&callbacks, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        CHECK(std::string(detail).find("ttl") != std::string::npos);
    }
    const std::pair<std::int64_t, std::int32_t> results[]{
        {1, PUCK_INVALID_ARGUMENT}, {599, PUCK_INVALID_ARGUMENT}, {600, PUCK_OK}, {INT64_MAX, PUCK_OK}};
    for (const auto& [ttl, result] : results) {
        const puck_dedupe_callbacks callbacks{sizeof callbacks, ttl, nullptr, claim, settle, settle};
        puck_dedupe* made = nullptr;
        REQUIRE(puck_dedupe_new_callbacks(&callbacks, &made, nullptr) == PUCK_OK);
        const c::dedupe store(made);
        puck_receiver* receiver = nullptr;
        CHECK(puck_receiver_new(&c::secret, 1, nullptr, made, &receiver, nullptr) == result);
        const c::receiver owner(receiver);
    }
}

TEST_CASE("C: NULL with size 0 is an empty body, an empty header, and no headers") {
    const auto verifier = c::make_verifier();
    const std::string empty = support::sign("");
    CHECK(puck_verifier_verify_signature(verifier.get(), nullptr, 0, empty.data(), empty.size(), c::now, nullptr) ==
          PUCK_OK);
    CHECK(puck_verifier_verify_signature(verifier.get(), "", 0, nullptr, 0, c::now, nullptr) == PUCK_MISSING_SIGNATURE);
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    puck_delivery* delivery = nullptr;
    CHECK(puck_receiver_receive(receiver.get(), nullptr, 0, nullptr, 0, c::now, &delivery, nullptr) ==
          PUCK_MISSING_SIGNATURE);
}

TEST_CASE("C: a struct that does not say its size, or too small a one, is refused and not touched") {
    const auto store = c::lru();
    const auto verifier = c::make_verifier();
    const auto receiver = c::make_receiver(store.get());
    for (const std::uint64_t size :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, UINT64_MAX, std::uint64_t{4097}}) {
        puck_verdict verdict;
        std::memset(&verdict, 0x5a, sizeof verdict);
        verdict.struct_size = size;
        const puck_verdict before = verdict;
        puck_delivery* delivery = nullptr;
        const puck_header headers[]{c::header("X-Puck-Signature", signature())};
        CHECK(puck_verifier_verify_signature(verifier.get(), body.data(), body.size(), signature().data(),
                                             signature().size(), c::now, &verdict) == PUCK_INVALID_ARGUMENT);
        CHECK(puck_receiver_receive(receiver.get(), headers, 1, body.data(), body.size(), c::now, &delivery,
                                    &verdict) == PUCK_INVALID_ARGUMENT);
        CHECK(delivery == nullptr);
        auto* verified = c::spoilt<puck_event>();
        CHECK(puck_verifier_verify(verifier.get(), headers, 1, body.data(), body.size(), c::now, &verified, &verdict) ==
              PUCK_INVALID_ARGUMENT);
        CHECK(verified == nullptr);
        CHECK(std::memcmp(&verdict, &before, sizeof verdict) == 0);

        puck_verifier_settings settings = PUCK_VERIFIER_SETTINGS_INIT;
        settings.struct_size = size;
        puck_verifier* made = nullptr;
        const char* detail = nullptr;
        CHECK(puck_verifier_new(&c::secret, 1, &settings, &made, &detail) == PUCK_INVALID_ARGUMENT);
        CHECK(std::string(detail).find("struct_size") != std::string::npos);
        puck_dedupe_lru_settings lru_settings = PUCK_DEDUPE_LRU_SETTINGS_INIT;
        lru_settings.struct_size = size;
        puck_dedupe* other = nullptr;
        CHECK(puck_dedupe_new_lru(&lru_settings, &other, nullptr) == PUCK_INVALID_ARGUMENT);
        puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
        stats.struct_size = size;
        CHECK(puck_dedupe_get_stats(store.get(), &stats) == PUCK_INVALID_ARGUMENT);
        const auto claim = [](void*, const std::uint8_t*, std::uint64_t*) -> std::int32_t { return PUCK_OK; };
        const auto settle = [](void*, const std::uint8_t*, std::uint64_t) -> std::int32_t { return PUCK_OK; };
        puck_dedupe_callbacks callbacks{size, 86'400, nullptr, claim, settle, settle};
        CHECK(puck_dedupe_new_callbacks(&callbacks, &other, nullptr) == PUCK_INVALID_ARGUMENT);
        puck_event* event = nullptr;
        REQUIRE(puck_parse_envelope(body.data(), body.size(), &event, nullptr) == PUCK_OK);
        const c::event owner(event);
        puck_event_fields fields = PUCK_EVENT_FIELDS_INIT;
        fields.struct_size = size;
        CHECK(puck_event_get_fields(event, &fields) == PUCK_INVALID_ARGUMENT);
    }
    puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
    REQUIRE(puck_dedupe_get_stats(store.get(), &stats) == PUCK_OK);
    CHECK(stats.claims == 0);
}

TEST_CASE("C: a struct that is one byte or one word too small is refused, whichever it is") {
    const auto store = c::lru();
    const auto verifier = c::make_verifier();
    for (const std::uint64_t less : {std::uint64_t{1}, std::uint64_t{8}}) {
        puck_verdict verdict = PUCK_VERDICT_INIT;
        verdict.struct_size -= less;
        CHECK(puck_verifier_verify_signature(verifier.get(), "", 0, nullptr, 0, 0, &verdict) == PUCK_INVALID_ARGUMENT);
        puck_verifier_settings settings = PUCK_VERIFIER_SETTINGS_INIT;
        settings.struct_size -= less;
        puck_verifier* made = nullptr;
        CHECK(puck_verifier_new(&c::secret, 1, &settings, &made, nullptr) == PUCK_INVALID_ARGUMENT);
        puck_dedupe_lru_settings lru = PUCK_DEDUPE_LRU_SETTINGS_INIT;
        lru.struct_size -= less;
        puck_dedupe* other = nullptr;
        CHECK(puck_dedupe_new_lru(&lru, &other, nullptr) == PUCK_INVALID_ARGUMENT);
        puck_dedupe_stats stats = PUCK_DEDUPE_STATS_INIT;
        stats.struct_size -= less;
        CHECK(puck_dedupe_get_stats(store.get(), &stats) == PUCK_INVALID_ARGUMENT);
    }
}

TEST_CASE("C: a count of headers that no memory could hold is the caller's mistake") {
    const auto store = c::lru();
    const auto receiver = c::make_receiver(store.get());
    const puck_header header = c::header("X-Puck-Signature", signature());
    auto* delivery = c::spoilt<puck_delivery>();
    puck_verdict verdict = c::spoilt_verdict();
    CHECK(puck_receiver_receive(receiver.get(), &header, SIZE_MAX, body.data(), body.size(), c::now, &delivery,
                                &verdict) == PUCK_INVALID_ARGUMENT);
    CHECK(delivery == nullptr);
    CHECK(std::string(verdict.detail).find("headers") != std::string::npos);
}

TEST_CASE("C: no exception becomes a yes") {
    const char* detail = nullptr;
    CHECK(puck_c::guarded(&detail, []() -> puck_c::outcome { throw 7; }) == PUCK_INTERNAL);
    CHECK(std::string(detail) == puck_reason_message(PUCK_INTERNAL));
    CHECK(puck_c::guarded(&detail, []() -> puck_c::outcome { throw std::bad_alloc(); }) == PUCK_OUT_OF_MEMORY);
    CHECK(std::string(detail) == puck_reason_message(PUCK_OUT_OF_MEMORY));
    puck_verdict verdict = c::spoilt_verdict();
    CHECK(puck_c::judged(&verdict, [](puck_verdict&) -> puck_c::outcome { throw 7; }) == PUCK_INTERNAL);
    c::check_agrees(verdict, PUCK_INTERNAL);
}

TEST_CASE("C: a later version's struct is read if what is new in it is zero, and refused otherwise") {
    grown<puck_verifier_settings> settings(PUCK_VERIFIER_SETTINGS_INIT);
    puck_verifier* made = nullptr;
    CHECK(puck_verifier_new(&c::secret, 1, &settings.known, &made, nullptr) == PUCK_OK);
    puck_verifier_free(made);
    for (unsigned char& byte : settings.more) {
        byte = 1;
        CHECK(puck_verifier_new(&c::secret, 1, &settings.known, &made, nullptr) == PUCK_INVALID_ARGUMENT);
        CHECK(made == nullptr);
        byte = 0;
    }
}

TEST_CASE("C: a later version's struct is filled as far as it is known, and zeroed after it") {
    grown<puck_verdict> verdict(PUCK_VERDICT_INIT);
    std::memset(verdict.more, 0x5a, sizeof verdict.more);
    const auto verifier = c::make_verifier();
    CHECK(puck_verifier_verify_signature(verifier.get(), body.data(), body.size(), signature().data(),
                                         signature().size(), c::now, &verdict.known) == PUCK_OK);
    CHECK(verdict.known.is_authentic == 1);
    CHECK(verdict.known.struct_size == sizeof verdict);
    for (const unsigned char byte : verdict.more) CHECK(byte == 0);
}

TEST_CASE("C: nothing is read past the end of any argument") {
    const support::guarded secret(support::secret), guarded_body(body), guarded_signature(signature());
    const support::guarded name("X-Puck-Signature");
    const puck_bytes secrets[]{c::bytes(secret.view())};
    const puck_header headers[]{{c::bytes(name.view()), c::bytes(guarded_signature.view())}};
    const support::guarded array({reinterpret_cast<const char*>(headers), sizeof headers});
    const auto store = c::lru();
    puck_receiver* receiver = nullptr;
    REQUIRE(puck_receiver_new(secrets, 1, nullptr, store.get(), &receiver, nullptr) == PUCK_OK);
    const c::receiver owner(receiver);
    puck_delivery* delivery = nullptr;
    CHECK(puck_receiver_receive(receiver, reinterpret_cast<const puck_header*>(array.view().data()), 1,
                                guarded_body.view().data(), guarded_body.view().size(), c::now, &delivery,
                                nullptr) == PUCK_OK);
    puck_delivery_free(delivery);
    const auto verifier = c::make_verifier();
    puck_event* event = nullptr;
    CHECK(puck_verifier_verify(verifier.get(), reinterpret_cast<const puck_header*>(array.view().data()), 1,
                               guarded_body.view().data(), guarded_body.view().size(), c::now, &event,
                               nullptr) == PUCK_OK);
    puck_event_free(event);
    char room[PUCK_SIGNATURE_SIZE];
    CHECK(puck_sign(secrets, 1, guarded_body.view().data(), guarded_body.view().size(), c::now, room, sizeof room,
                    nullptr) == PUCK_OK);
    CHECK(std::string(room) == signature());
}
