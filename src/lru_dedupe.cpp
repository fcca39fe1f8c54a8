#include "puck/lru_dedupe.hpp"

#include "uuid_index.hpp"

#include <exception>
#include <mutex>
#include <new>
#include <random>
#include <utility>

namespace puck {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

struct entry;
using index = detail::uuid_index<entry>;
using link = index::number;
constexpr link none = index::none;

struct links {
    link before, after;
};

struct entry {
    static constexpr std::uint64_t done = std::uint64_t{1} << 63;  // tokens have 63 bits

    uuid id;
    nanoseconds deadline;  // of the lease or the ttl
    std::uint64_t state;   // the token that claimed the event; with the bit `done` after its commit
    links by_age;          // in the list of events in progress or of done events; `after` also links spare entries
    links by_use;          // only when done

    [[nodiscard]] bool is_done() const noexcept { return (state & done) != 0; }
    [[nodiscard]] std::uint64_t token() const noexcept { return state & ~done; }
};
static_assert(sizeof(entry) + 3 * sizeof(index::slot) <= 72, "the memory of an event, as lru_dedupe.hpp states it");

/// A doubly linked list of entries, which uses one of their two pairs of links.
template <links entry::* Links>
class list {
public:
    [[nodiscard]] link first() const noexcept { return first_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void append(entry* entries, link at) noexcept {
        (entries[at].*Links) = {last_, none};
        (last_ == none ? first_ : (entries[last_].*Links).after) = at;
        last_ = at;
        ++size_;
    }

    void remove(entry* entries, link at) noexcept {
        const auto [before, after] = entries[at].*Links;
        (before == none ? first_ : (entries[before].*Links).after) = after;
        (after == none ? last_ : (entries[after].*Links).before) = before;
        --size_;
    }

private:
    link first_ = none, last_ = none;
    std::size_t size_ = 0;
};

}  // namespace

/// The entries are in one array. An index finds them by their ids, and three lists link them:
///
///     working        events in progress, from the oldest claim to the youngest
///     done by age    committed events, from the oldest commit to the youngest, so the first one expires first
///     done by use    the same events, from the least to the most recently used
///
/// Spare entries were released, and are linked by `by_age.after`. The entries from `fresh_` on were never used. An
/// entry whose deadline has passed counts as absent, except for its own token.
class lru_dedupe::table {
public:
    explicit table(const lru_dedupe_settings& settings)
        : capacity_(static_cast<link>(settings.capacity)),
          entries_(std::make_unique<entry[]>(settings.capacity)),
          index_(entries_.get(), settings.capacity),
          ttl_(settings.ttl),
          lease_(settings.lease),
          clock_(settings.clock) {
        std::random_device random;
        last_token_ = std::uint64_t{random()} << 32 | random();
    }

    result<puck::claim> claim(const uuid& id) noexcept {
        const nanoseconds now = clock_();
        const std::uint32_t hash = index_.hash(id);
        const std::scoped_lock lock(mutex_);
        link at = index_.find(id, hash);
        if (at != none && now < entries_[at].deadline) {
            if (!entries_[at].is_done()) {
                ++stats_.contended;
                return unexpected{error(reason::in_progress)};
            }
            done_by_use_.remove(entries_.get(), at);
            done_by_use_.append(entries_.get(), at);
            ++stats_.duplicates;
            return unexpected{error(reason::duplicate)};
        }
        at = at != none ? reuse(at) : add(id, hash, now);
        if (at == none) return unexpected{error(reason::store_full)};
        entry& mine = entries_[at];
        mine.state = next_token();
        mine.deadline = now + lease_;
        working_.append(entries_.get(), at);
        ++stats_.claims;
        return puck::claim{id, mine.state};
    }

    reason commit(const puck::claim& held) noexcept {
        const nanoseconds now = clock_();
        const std::uint32_t hash = index_.hash(held.id);
        const std::scoped_lock lock(mutex_);
        link at = index_.find(held.id, hash);
        if (at == none) {
            at = add(held.id, hash, now);
            if (at == none) return reason::store_unavailable;
        } else if (entries_[at].token() == held.token) {
            unlink(at);
        } else if (now < entries_[at].deadline) {
            return reason::claim_lost;
        } else {
            reuse(at);
        }
        entries_[at].state = held.token | entry::done;
        entries_[at].deadline = now + ttl_;
        done_by_age_.append(entries_.get(), at);
        done_by_use_.append(entries_.get(), at);
        return reason::ok;
    }

    reason release(const puck::claim& held) noexcept {
        const nanoseconds now = clock_();
        const std::uint32_t hash = index_.hash(held.id);
        const std::scoped_lock lock(mutex_);
        const link at = index_.find(held.id, hash);
        if (at == none) return reason::ok;
        if (entries_[at].is_done() || entries_[at].token() != held.token)
            return now < entries_[at].deadline ? reason::claim_lost : reason::ok;
        remove(at);
        entries_[at].by_age.after = std::exchange(spare_, at);
        return reason::ok;
    }

    bool seen(const uuid& id) const noexcept {
        const nanoseconds now = clock_();
        const std::uint32_t hash = index_.hash(id);
        const std::scoped_lock lock(mutex_);
        const link at = index_.find(id, hash);
        return at != none && entries_[at].is_done() && now < entries_[at].deadline;
    }

    dedupe_stats stats() const noexcept {
        const std::scoped_lock lock(mutex_);
        dedupe_stats now = stats_;
        now.done = done_by_age_.size();
        now.in_progress = working_.size();
        return now;
    }

    [[nodiscard]] seconds ttl() const noexcept { return ttl_; }

private:
    /// A new token, which is not 0 and is not repeated for 2^63 claims. The store belongs to one process, so no other
    /// process can repeat it either.
    std::uint64_t next_token() noexcept {
        constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15;
        do last_token_ = (last_token_ + odd) & ~entry::done;
        while (last_token_ == 0);
        return last_token_;
    }

    /// Returns an entry for an event that has no entry yet; `none` if every entry is in progress. The entry is in the
    /// index, but not in a list.
    link add(const uuid& id, std::uint32_t hash, nanoseconds now) noexcept {
        const link at = take_entry(now);
        if (at == none) return none;
        entries_[at].id = id;
        index_.insert(at, hash);
        return at;
    }

    /// Returns an entry that is neither in a list nor in the index; `none` if every entry is in progress.
    link take_entry(nanoseconds now) noexcept {
        if (spare_ != none) return std::exchange(spare_, entries_[spare_].by_age.after);
        if (fresh_ < capacity_) return fresh_++;
        const auto is_over = [&](link at) { return at != none && now >= entries_[at].deadline; };
        link at = done_by_age_.first();
        if (!is_over(at) && is_over(working_.first())) {
            at = working_.first();
            ++stats_.expired_leases;
        } else if (!is_over(at)) {
            at = done_by_use_.first();
            if (at == none) return none;
            ++stats_.early_evictions;
        }
        remove(at);
        if (const link next = done_by_use_.first(); next != none) index_.prefetch(next);  // it may be evicted next
        return at;
    }

    /// Takes an entry whose deadline has passed out of its lists, to use it again for the same event.
    link reuse(link at) noexcept {
        if (!entries_[at].is_done()) ++stats_.expired_leases;
        unlink(at);
        return at;
    }

    void remove(link at) noexcept {
        unlink(at);
        index_.erase(at);
    }

    void unlink(link at) noexcept {
        if (!entries_[at].is_done()) return working_.remove(entries_.get(), at);
        done_by_age_.remove(entries_.get(), at);
        done_by_use_.remove(entries_.get(), at);
    }

    const link capacity_;
    const std::unique_ptr<entry[]> entries_;
    index index_;
    const seconds ttl_, lease_;
    const steady_clock_function clock_;

    mutable std::mutex mutex_;  // guards all members below, and the contents of the entries and the index
    list<&entry::by_age> working_, done_by_age_;
    list<&entry::by_use> done_by_use_;
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
    if (!within(settings.ttl, seconds(600), seconds(2'592'000)))
        return unexpected{error(reason::invalid_argument, "The dedupe ttl is not within 600 to 2592000 seconds.")};
    if (!within(settings.lease, seconds(1), seconds(3'600)) || settings.lease >= settings.ttl)
        return unexpected{
            error(reason::invalid_argument, "The dedupe lease is not within 1 to 3600 seconds and below the ttl.")};
    if (settings.clock == nullptr) return unexpected{error(reason::invalid_argument, "The dedupe store has no clock.")};
    return std::unique_ptr<lru_dedupe>(new lru_dedupe(std::make_unique<table>(settings)));
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
} catch (const std::exception&) {  // std::random_device has no source
    return unexpected{error(reason::internal, "The operating system gave no random numbers.")};
}

result<claim> lru_dedupe::do_claim(const uuid& id) noexcept { return table_->claim(id); }
reason lru_dedupe::do_commit(const puck::claim& held) noexcept { return table_->commit(held); }
reason lru_dedupe::do_release(const puck::claim& held) noexcept { return table_->release(held); }
bool lru_dedupe::seen(const uuid& id) const noexcept { return table_->seen(id); }
dedupe_stats lru_dedupe::stats() const noexcept { return table_->stats(); }
seconds lru_dedupe::ttl() const noexcept { return table_->ttl(); }

}  // namespace puck
