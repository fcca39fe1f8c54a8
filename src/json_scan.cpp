#include "json_scan.hpp"

#include "pool.hpp"

#include <simdjson.h>
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <thread>

// simdjson's first stage lists the tokens of a document, many bytes at a time. Its second stages do not fit our
// contract: DOM refuses valid numbers that fit no type, and On-Demand checks only the values that are asked for. The
// first stage is not a public interface of simdjson. We have read and run it in the versions from 3.0.1 to 4.6.7. The
// self-test below checks in each process what we rely on, and tests/json_scan_test.cpp checks it in detail.

namespace puck::detail {
namespace {

using scanner = simdjson::internal::dom_parser_implementation;
using simdjson::error_code;

static_assert(json_padding >= simdjson::SIMDJSON_PADDING);

constexpr std::size_t least_capacity = 4'096;
constexpr std::size_t usual_capacity = 65'536;
constexpr std::size_t large_capacity = 1'048'576;

// The scanners that no thread uses now: many for documents of a usual size, a few for large ones, which take 4.4 MB
// each, and none for larger ones. The pools are never destroyed, because threads may run until the process has ended.
constinit pool<scanner, 32> usual_scanners;
constinit pool<scanner, 4> large_scanners;

/// The fastest implementation for this machine. simdjson's own choice would obey an environment variable.
const simdjson::implementation& choose_implementation() noexcept {
    for (const simdjson::implementation* each : simdjson::get_available_implementations())  // the best comes first
        if (each->supported_by_runtime_system()) return *each;
    return *simdjson::builtin_implementation();
}

error_code list_tokens(scanner& with, std::string_view document) noexcept {
    return with.stage1(reinterpret_cast<const std::uint8_t*>(document.data()), document.size(),
                       simdjson::stage1_mode::regular);
}

constinit std::atomic<bool> can_make{false};  // true from the load of the library until the exit of the process begins
constinit std::atomic<int> makers{0};

/// Makes scanners. simdjson's implementations are static objects, which are destroyed at exit. The factory is
/// constructed after them, and so it is destroyed before them.
class factory {
public:
    factory() noexcept : best_(choose_implementation()) { can_make = passes_self_test(); }

    ~factory() {
        can_make = false;
        // Another thread may be inside `make`, for about a microsecond. The wait has a limit, because in a forked child
        // the copied count may never fall.
        for (int i = 0; i < 1000 && makers > 0; ++i) std::this_thread::yield();
    }

    /// Returns null if no scanner can be made; `fault` says why.
    [[nodiscard]] std::unique_ptr<scanner> make(std::size_t capacity, scan_fault& fault) const noexcept {
        std::unique_ptr<scanner> made;
        fault = scan_fault::unusable;
        ++makers;
        if (can_make) {
            const bool is_made =
                best_.create_dom_parser_implementation(capacity, json_max_depth, made) == simdjson::SUCCESS;
            fault = is_made ? scan_fault::none : scan_fault::out_of_memory;
            if (!is_made) made.reset();  // it may be incomplete
        }
        --makers;
        return made;
    }

private:
    [[nodiscard]] bool passes_self_test() const noexcept {
        // Longer than one step of simdjson, which is 64 or 128 bytes.
        constexpr std::string_view document =
            "{ \"a\\\"{\" : [1e400,\ttrue], "
            "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\":"
            "0 }\n";
        constexpr std::uint32_t expected[] = {0, 2, 9, 11, 12, 17, 19, 23, 24, 26, 128, 129, 131, document.size()};
        char padded[document.size() + json_padding] = {};
        std::copy(document.begin(), document.end(), padded);
        std::unique_ptr<scanner> made;
        return best_.create_dom_parser_implementation(least_capacity, json_max_depth, made) == simdjson::SUCCESS &&
               list_tokens(*made, {padded, document.size()}) == simdjson::SUCCESS &&
               std::equal(std::begin(expected), std::end(expected), made->structural_indexes.get());
    }

    const simdjson::implementation& best_;
};

const factory& the_factory() noexcept {
    static const factory one;
    return one;
}

// simdjson allocates its list of implementations in the first call, and ends the process if that fails. So the first
// call is made when the library is loaded, not when it judges a delivery.
[[maybe_unused]] const factory& made_at_load = the_factory();

/// Returns a scanner for a document of this size, or null; `fault` then says why.
std::unique_ptr<scanner> scanner_for(std::size_t size, scan_fault& fault) noexcept {
    fault = scan_fault::out_of_memory;
    if (!is_scannable(size, PTRDIFF_MAX)) return nullptr;
    const bool is_usual = size <= usual_capacity;
    const bool is_large = !is_usual && size <= large_capacity;
    const std::size_t capacity = is_large ? large_capacity : std::bit_ceil(std::max(size, least_capacity));
    std::unique_ptr<scanner> found(is_usual ? usual_scanners.take() : is_large ? large_scanners.take() : nullptr);
    if (!found) return the_factory().make(capacity, fault);
    if (found->capacity() < size && found->allocate(capacity, json_max_depth) != simdjson::SUCCESS) return nullptr;
    fault = scan_fault::none;
    return found;
}

/// Keeps a scanner for the next document of its kind, or destroys it.
void give_back(std::unique_ptr<scanner> used) noexcept {
    scanner* const mine = used.release();
    const std::size_t capacity = mine->capacity();
    const bool is_kept = capacity <= usual_capacity   ? usual_scanners.keep(mine)
                         : capacity == large_capacity ? large_scanners.keep(mine)
                                                      : false;
    if (!is_kept) used.reset(mine);
}

scan_fault fault_of(error_code code) noexcept {
    switch (code) {
        case simdjson::SUCCESS: return scan_fault::none;
        case simdjson::EMPTY: return scan_fault::empty;
        case simdjson::UTF8_ERROR: return scan_fault::invalid_utf8;
        case simdjson::UNESCAPED_CHARS: return scan_fault::control_character;
        case simdjson::UNCLOSED_STRING: return scan_fault::open_string;
        default: return scan_fault::unusable;
    }
}

}  // namespace

json_scan::json_scan(std::string_view document) noexcept {
    auto mine = scanner_for(document.size(), fault_);
    if (!mine) return;
    fault_ = fault_of(list_tokens(*mine, document));
    scanner_ = mine.release();
}

json_scan::~json_scan() {
    if (scanner_ != nullptr) give_back(std::unique_ptr<scanner>(static_cast<scanner*>(scanner_)));
}

const std::uint32_t* json_scan::tokens() const noexcept {
    return static_cast<const scanner*>(scanner_)->structural_indexes.get();
}

}  // namespace puck::detail
