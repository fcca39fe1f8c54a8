// A value or an error, with the names of std::expected, for C++20.
#pragma once

#include "puck/error.hpp"
#include "puck/lifetime.hpp"

#include <concepts>
#include <exception>
#include <utility>
#include <variant>

namespace puck {

/// Wraps an error that becomes a result, like std::unexpected.
template <class E>
struct unexpected {
    E error;
};
template <class E>
unexpected(E) -> unexpected<E>;

/// The exception of result::value() if there is no value. what() returns the sentence of the error.
class bad_result_access : public std::exception {
public:
    explicit bad_result_access(const puck::error& error) noexcept : error_(error) {}
    [[nodiscard]] const char* what() const noexcept override { return error_.detail().data(); }
    [[nodiscard]] const puck::error& error() const noexcept { return error_; }

private:
    puck::error error_;
};

/// Holds a T, or the E that says why there is no T. It has no empty or default state, which could count as a yes by
/// mistake. The names are those of std::expected, which can replace it in C++23.
template <class T, class E = error>
class [[nodiscard]] result {
public:
    result(const T& value)
        requires std::copy_constructible<T>
        : either_(std::in_place_index<0>, value) {}
    result(T&& value) : either_(std::in_place_index<0>, std::move(value)) {}

    /// Constructs the value in place.
    template <class... Arguments>
    explicit result(std::in_place_t, Arguments&&... arguments)
        : either_(std::in_place_index<0>, std::forward<Arguments>(arguments)...) {}

    template <class G>
    result(unexpected<G> failure) : either_(std::in_place_index<1>, std::move(failure.error)) {}

    [[nodiscard]] bool has_value() const noexcept { return either_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value. Check has_value() first: as in std::expected, the behaviour is undefined if there is no value.
    [[nodiscard]] T& operator*() & noexcept PUCK_LIFETIMEBOUND { return *std::get_if<0>(&either_); }
    [[nodiscard]] const T& operator*() const& noexcept PUCK_LIFETIMEBOUND { return *std::get_if<0>(&either_); }
    [[nodiscard]] T&& operator*() && noexcept PUCK_LIFETIMEBOUND { return std::move(*std::get_if<0>(&either_)); }
    [[nodiscard]] T* operator->() noexcept PUCK_LIFETIMEBOUND { return std::get_if<0>(&either_); }
    [[nodiscard]] const T* operator->() const noexcept PUCK_LIFETIMEBOUND { return std::get_if<0>(&either_); }

    /// The value. Throws bad_result_access if there is none. For set-up code that cannot continue without the value.
    [[nodiscard]] T& value() & PUCK_LIFETIMEBOUND {
        if (!has_value()) throw bad_result_access(error());
        return **this;
    }
    [[nodiscard]] T&& value() && PUCK_LIFETIMEBOUND { return std::move(value()); }

    /// The error. Call it only if there is no value.
    [[nodiscard]] const E& error() const& noexcept PUCK_LIFETIMEBOUND { return *std::get_if<1>(&either_); }
    [[nodiscard]] E& error() & noexcept PUCK_LIFETIMEBOUND { return *std::get_if<1>(&either_); }
    [[nodiscard]] E&& error() && noexcept PUCK_LIFETIMEBOUND { return std::move(*std::get_if<1>(&either_)); }

private:
    std::variant<T, E> either_;
};

}  // namespace puck
