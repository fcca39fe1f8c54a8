#include "puck/lru_dedupe.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <random>
#include <utility>

namespace puck {
namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

}  // namespace

/// A hash table and two lists over the same entries, in flat arrays with 32-bit links:
///
///     slots      hash of the id -> entry: at the place that the hash says, or else at the next free one behind it
///     done       events that were committed, from the least to the most recently used
///     working    events in progress, from the oldest claim to the youngest
///     spare      entries that were given back, linked by `after`; those from `fresh_` on were never used
///
/// A slot shows the hash too, so that among strangers no entry has to be looked at: in a big table each of them is a
/// miss of every cache.
class lru_dedupe::table {
public:
    [[nodiscard]] static std::unique_ptr<table> make(const lru_dedupe_settings& settings) {
        return std::unique_ptr<table>(new table(settings));
    }

    result<claimed> claim(const uuid& event_id) noexcept {
        const std::int64_t now = clock_();
        const std::uint32_t hashed = hash(event_id);
        const std::scoped_lock lock(mutex_);
        link at = slots_[place_of(event_id, hashed)].at;
        if (at != none) {
            const entry& known = entries_[at];
            const bool over = now >= known.deadline;
            if (known.is_done() && !over) {
                move_to_end(done_, at);
                ++stats_.duplicates;
                return unexpected{error(reason::duplicate)};
            }
            if (!known.is_done() && !over) {
                ++stats_.contended;
                return unexpected{error(reason::in_progress)};
            }
            if (!known.is_done()) ++stats_.expired_leases;
            unlink(list_of(known), at);
        } else {
            at = take_entry(now);
            if (at == none) return unexpected{error(reason::store_full)};
            entries_[at].id = event_id;
            slots_[place_of(event_id, hashed)] = {hashed, at};
        }
        entry& mine = entries_[at];
        mine.token = ++last_token_;
        mine.deadline = now + lease_;
        append(working_, at);
        ++stats_.claims;
        return claimed{event_id, mine.token};
    }

    reason commit(const claimed& claim) noexcept {
        const std::int64_t now = clock_();
        const std::scoped_lock lock(mutex_);
        const link at = held_by(claim);
        if (at == none) return reason::claim_lost;
        unlink(working_, at);
        entries_[at].token = entry::done_token;
        entries_[at].deadline = now + ttl_;
        append(done_, at);
        return reason::ok;
    }

    reason release(const claimed& claim) noexcept {
        const std::scoped_lock lock(mutex_);
        const link at = held_by(claim);
        if (at == none) return reason::claim_lost;
        unlink(working_, at);
        remove_from_slots(at);
        entries_[at].after = std::exchange(spare_, at);
        return reason::ok;
    }

    bool seen(const uuid& event_id) const noexcept {
        const std::int64_t now = clock_();
        const std::scoped_lock lock(mutex_);
        const link at = entry_of(event_id);
        return at != none && entries_[at].is_done() && now < entries_[at].deadline;
    }

    dedupe_stats stats() const noexcept {
        const std::scoped_lock lock(mutex_);
        dedupe_stats now = stats_;
        now.done = done_.size;
        now.in_progress = working_.size;
        return now;
    }

private:
    using link = std::uint32_t;
    static constexpr link none = 0xffff'ffff;

    struct entry {
        static constexpr std::uint64_t done_token = 0;

        uuid id;
        std::int64_t deadline;  // of the ttl or the lease, in the clock's nanoseconds
        std::uint64_t token;    // of the claim in progress, or done_token
        link before, after;     // in one of the two lists; `after` among the spare ones too

        [[nodiscard]] bool is_done() const noexcept { return token == done_token; }
    };

    struct slot {
        std::uint32_t hash;
        link at;  // or none
    };
    static_assert(sizeof(entry) + 3 * sizeof(slot) <= 64, "what the settings say of an event's memory");

    struct list {
        link first = none, last = none;
        std::size_t size = 0;
    };

    explicit table(const lru_dedupe_settings& settings)
        : capacity_(static_cast<link>(settings.capacity)),
          slot_bits_(static_cast<int>(std::bit_width(settings.capacity + settings.capacity / 2))),
          last_slot_((std::size_t{1} << slot_bits_) - 1),
          entries_(std::make_unique_for_overwrite<entry[]>(settings.capacity)),
          slots_(std::make_unique_for_overwrite<slot[]>(last_slot_ + 1)),
          ttl_(settings.ttl * nanoseconds_per_second),
          lease_(settings.lease * nanoseconds_per_second),
          clock_(settings.clock) {
        std::fill_n(slots_.get(), last_slot_ + 1, slot{0, none});
        std::random_device random;
        seed_ = std::uint64_t{random()} << 32 | random();
    }

    /// The ids come from Puck and are signed, so nobody can choose them to collide. The seed and the mixing are there so
    /// that counters and other patterns in them do not either.
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

    [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept { return hash >> (32 - slot_bits_); }
    [[nodiscard]] std::size_t steps(std::size_t from, std::size_t to) const noexcept {
        return (to - from) & last_slot_;
    }
    [[nodiscard]] std::size_t behind(std::size_t place) const noexcept { return (place + 1) & last_slot_; }

    /// The place of the slot that holds the id, or else of the free one where it belongs. Some are always free.
    [[nodiscard]] std::size_t place_of(const uuid& id, std::uint32_t hashed) const noexcept {
        std::size_t place = home(hashed);
        while (slots_[place].at != none && (slots_[place].hash != hashed || entries_[slots_[place].at].id != id))
            place = behind(place);
        return place;
    }

    [[nodiscard]] link entry_of(const uuid& id) const noexcept { return slots_[place_of(id, hash(id))].at; }

    /// The entry that this very claim holds.
    [[nodiscard]] link held_by(const claimed& claim) const noexcept {
        const link at = entry_of(claim.event_id);
        const bool held = at != none && !entries_[at].is_done() && entries_[at].token == claim.token;
        return held ? at : none;
    }

    /// An entry that is in no list and no slot; `none` if every one is in progress.
    link take_entry(std::int64_t now) noexcept {
        if (spare_ != none) return std::exchange(spare_, entries_[spare_].after);
        if (fresh_ < capacity_) return fresh_++;
        if (done_.first != none) {
            const link oldest = done_.first;
            if (now < entries_[oldest].deadline) ++stats_.early_evictions;
            unlink(done_, oldest);
            remove_from_slots(oldest);
            // The next one to go: its slot is far away in memory, and can come near until it is needed.
            if (done_.first != none) __builtin_prefetch(&slots_[home(hash(entries_[done_.first].id))]);
            return oldest;
        }
        const link oldest = working_.first;
        if (now < entries_[oldest].deadline) return none;
        ++stats_.expired_leases;
        unlink(working_, oldest);
        remove_from_slots(oldest);
        return oldest;
    }

    /// Frees the entry's slot, and moves up those behind it that could not be found past a free one.
    void remove_from_slots(link at) noexcept {
        std::size_t gap = home(hash(entries_[at].id));
        while (slots_[gap].at != at) gap = behind(gap);
        for (std::size_t next = behind(gap); slots_[next].at != none; next = behind(next)) {
            if (steps(home(slots_[next].hash), next) < steps(gap, next)) continue;  // it begins behind the gap
            slots_[gap] = slots_[next];
            gap = next;
        }
        slots_[gap].at = none;
    }

    [[nodiscard]] list& list_of(const entry& one) noexcept { return one.is_done() ? done_ : working_; }

    void append(list& to, link at) noexcept {
        entries_[at].before = to.last;
        entries_[at].after = none;
        (to.last == none ? to.first : entries_[to.last].after) = at;
        to.last = at;
        ++to.size;
    }

    void unlink(list& from, link at) noexcept {
        const entry& gone = entries_[at];
        (gone.before == none ? from.first : entries_[gone.before].after) = gone.after;
        (gone.after == none ? from.last : entries_[gone.after].before) = gone.before;
        --from.size;
    }

    void move_to_end(list& within, link at) noexcept {
        unlink(within, at);
        append(within, at);
    }

    const link capacity_;
    const int slot_bits_;
    const std::size_t last_slot_;
    const std::unique_ptr<entry[]> entries_;
    const std::unique_ptr<slot[]> slots_;
    const std::int64_t ttl_, lease_;
    const steady_clock_function clock_;
    std::uint64_t seed_ = 0;

    mutable std::mutex mutex_;  // guards all that follows, and the contents of the arrays
    list done_, working_;
    link spare_ = none;
    link fresh_ = 0;
    std::uint64_t last_token_ = 0;
    dedupe_stats stats_{};
};

lru_dedupe::lru_dedupe(std::unique_ptr<table> entries) noexcept : table_(std::move(entries)) {}
lru_dedupe::~lru_dedupe() = default;

result<std::unique_ptr<lru_dedupe>> lru_dedupe::make(lru_dedupe_settings settings) noexcept try {
    const auto within = [](auto value, auto low, auto high) { return low <= value && value <= high; };
    if (!within(settings.capacity, 1U, std::size_t{1} << 26))
        return unexpected{error(reason::invalid_argument, "The dedupe capacity is not within 1 to 67108864 events.")};
    if (!within(settings.ttl, 600, 2'592'000))
        return unexpected{error(reason::invalid_argument, "The dedupe ttl is not within 600 to 2592000 seconds.")};
    if (!within(settings.lease, 1, 3'600) || settings.lease >= settings.ttl)
        return unexpected{
            error(reason::invalid_argument, "The dedupe lease is not within 1 to 3600 seconds and below the ttl.")};
    if (settings.clock == nullptr) return unexpected{error(reason::invalid_argument, "The dedupe store has no clock.")};
    return std::unique_ptr<lru_dedupe>(new lru_dedupe(table::make(settings)));
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
} catch (const std::exception&) {  // std::random_device has no source
    return unexpected{error(reason::internal, "The operating system gave no random numbers.")};
}

result<claimed> lru_dedupe::claim(const uuid& event_id) noexcept { return table_->claim(event_id); }
reason lru_dedupe::commit(const claimed& claim) noexcept { return table_->commit(claim); }
reason lru_dedupe::release(const claimed& claim) noexcept { return table_->release(claim); }
bool lru_dedupe::seen(const uuid& event_id) const noexcept { return table_->seen(event_id); }
dedupe_stats lru_dedupe::stats() const noexcept { return table_->stats(); }

}  // namespace puck
