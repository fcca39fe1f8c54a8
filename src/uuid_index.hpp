// An index of entries by their UUID: a hash table in one flat array.
#pragma once

#include "puck/uuid.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>

namespace puck::detail {

/// Finds entries by their `id`. The caller owns the array of entries; the index holds their numbers.
///
/// Open addressing: a slot is at the place that the id's hash gives, or at the next free place after it. A slot also
/// holds the hash, so that entries with other ids are rarely read: in a large table each such read misses every cache.
template <class Entry>
class uuid_index {
public:
    using number = std::uint32_t;
    static constexpr number none = 0xffff'ffff;

    struct slot {
        std::uint32_t hash;
        number entry;  // or none
    };

    /// Allocates at least 1.5 slots for each entry; the capacity is at most 2^26. Throws std::bad_alloc, or another
    /// std::exception if the system has no random numbers.
    uuid_index(const Entry* entries, std::size_t capacity)
        : entries_(entries),
          slot_bits_(static_cast<int>(std::bit_width(capacity + capacity / 2))),
          last_slot_((std::size_t{1} << slot_bits_) - 1),
          slots_(std::make_unique_for_overwrite<slot[]>(last_slot_ + 1)) {
        std::fill_n(slots_.get(), last_slot_ + 1, slot{0, none});
        std::random_device random;
        seed_ = std::uint64_t{random()} << 32 | random();
    }

    /// Puck signs the ids, so a stranger cannot choose ids that collide. The seed and the mixing also spread ids that
    /// have a pattern, such as counters.
    [[nodiscard]] std::uint32_t hash(const uuid& id) const noexcept {
        constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;
        std::uint64_t high, low;
        std::memcpy(&high, id.bytes.data(), 8);
        std::memcpy(&low, id.bytes.data() + 8, 8);
        std::uint64_t mixed = high ^ seed_;
        mixed = (mixed ^ mixed >> 32) * odd;
        mixed = (std::rotl(mixed, 32) ^ low) * odd;
        mixed = (std::rotl(mixed, 32) ^ seed_) * odd;
        return static_cast<std::uint32_t>(mixed >> 32);
    }

    /// The number of the entry with this id, or `none`.
    [[nodiscard]] number find(const uuid& id, std::uint32_t hash) const noexcept {
        return slots_[slot_of(id, hash)].entry;
    }

    /// Adds an entry. Its id must not be in the index yet.
    void insert(number entry, std::uint32_t hash) noexcept {
        slots_[slot_of(entries_[entry].id, hash)] = {hash, entry};
    }

    /// Frees the entry's slot. Moves later slots into the gap where needed, because a search ends at a free slot.
    void erase(number entry) noexcept {
        std::size_t gap = home(hash(entries_[entry].id));
        while (slots_[gap].entry != entry) gap = next_slot(gap);
        for (std::size_t next = next_slot(gap); slots_[next].entry != none; next = next_slot(next)) {
            if (probe_length(home(slots_[next].hash), next) < probe_length(gap, next))
                continue;  // its own place is after the gap
            slots_[gap] = slots_[next];
            gap = next;
        }
        slots_[gap].entry = none;
    }

    /// Loads the entry's slot into the cache, because the table is large.
    void prefetch(number entry) const noexcept {
#ifdef __GNUC__
        __builtin_prefetch(&slots_[home(hash(entries_[entry].id))]);
#else
        static_cast<void>(entry);
#endif
    }

private:
    [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept { return hash >> (32 - slot_bits_); }
    [[nodiscard]] std::size_t next_slot(std::size_t place) const noexcept { return (place + 1) & last_slot_; }
    [[nodiscard]] std::size_t probe_length(std::size_t from, std::size_t to) const noexcept {
        return (to - from) & last_slot_;
    }

    /// The place of the id's slot, or else the free place for it. The loop ends, because some slots are always free.
    [[nodiscard]] std::size_t slot_of(const uuid& id, std::uint32_t hash) const noexcept {
        std::size_t place = home(hash);
        while (slots_[place].entry != none && (slots_[place].hash != hash || entries_[slots_[place].entry].id != id))
            place = next_slot(place);
        return place;
    }

    const Entry* const entries_;
    const int slot_bits_;
    const std::size_t last_slot_;
    const std::unique_ptr<slot[]> slots_;
    std::uint64_t seed_ = 0;
};

}  // namespace puck::detail
