// The same job, written by hand: one-shot HMAC(), nlohmann's JSON, and a list and a map with a mutex.
#pragma once

#include <puck/receiver.hpp>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bench {

/// Remembers events in the order of their use. `Map<Key, Value>` is any map with the interface of std::unordered_map.
template <class Key, template <class, class> class Map>
class store_by_hand {
public:
    explicit store_by_hand(std::size_t capacity) : capacity_(capacity) { entries_.reserve(capacity + 1); }

    bool claim(const Key& id) {
        const std::scoped_lock lock(mutex_);
        const auto now = clock::now();
        if (const auto known = entries_.find(id); known != entries_.end()) {
            if (now < known->second->until) return false;
            order_.erase(known->second);
            entries_.erase(known);
        }
        if (entries_.size() == capacity_) {
            entries_.erase(order_.front().id);
            order_.pop_front();
        }
        order_.push_back({id, now + std::chrono::seconds(60)});
        entries_.emplace(id, std::prev(order_.end()));
        return true;
    }

    void commit(const Key& id) {
        const std::scoped_lock lock(mutex_);
        const auto known = entries_.find(id);
        if (known == entries_.end()) return;
        known->second->until = clock::now() + std::chrono::hours(24);
        order_.splice(order_.end(), order_, known->second);
    }

private:
    using clock = std::chrono::steady_clock;
    struct entry {
        Key id;
        clock::time_point until;
    };

    const std::size_t capacity_;
    std::mutex mutex_;
    std::list<entry> order_;
    Map<Key, typename std::list<entry>::iterator> entries_;
};

template <class Key, class Value>
using standard_map = std::unordered_map<Key, Value>;

class receiver_by_hand {
public:
    receiver_by_hand(std::string secret, std::size_t capacity) : secret_(std::move(secret)), seen_(capacity) {}

    /// Whether the delivery is genuine, fresh and new. If so, its event counts as handled.
    bool receive(const puck::request& request) {
        const std::string signature = header(request, "X-Puck-Signature");
        const auto comma = signature.find(',');
        if (!signature.starts_with("t=") || signature.substr(comma + 1, 3) != "v1=") return false;
        const std::string timestamp = signature.substr(2, comma - 2);
        if (std::abs(std::stoll(timestamp) - request.received_at.time_since_epoch().count()) > 300) return false;

        const std::string text = timestamp + "." + std::string(request.body);
        unsigned char mac[32];
        HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, nullptr);
        std::string digits;
        for (const unsigned char byte : mac) {
            digits += "0123456789abcdef"[byte >> 4];
            digits += "0123456789abcdef"[byte & 15];
        }
        const std::string given = signature.substr(comma + 4);
        if (given.size() != digits.size() || CRYPTO_memcmp(given.data(), digits.data(), digits.size()) != 0)
            return false;

        const auto envelope = nlohmann::json::parse(request.body);
        const std::string id = envelope.at("event_id"), type = envelope.at("event_type");
        const std::string emitted_at = envelope.at("emitted_at"), version = envelope.at("api_version");
        if (version != "v1" || !envelope.at("data").is_object() || type.empty() || emitted_at.empty()) return false;
        if (!seen_.claim(id)) return false;
        seen_.commit(id);
        return true;
    }

private:
    static std::string header(const puck::request& request, std::string_view name) {
        for (const puck::header& line : request.headers)
            if (line.name == name) return std::string(line.value);
        return {};
    }

    std::string secret_;
    store_by_hand<std::string, standard_map> seen_;
};

}  // namespace bench
