// A value, or the error that stands in its place: std::expected's names, for C++20.
#pragma once

#include "puck/error.hpp"

#include <concepts>
#include <exception>
#include <utility>
#include <variant>

namespace puck {

/// Wraps an error on its way into a result, as std::unexpected does.
template <class E>
struct unexpected {
    E error;
};
template <class E>
unexpected(E) -> unexpected<E>;

/// What result::value() throws when there is no value; what() is the error's sentence.
class bad_result_access : public std::exception {
public:
    explicit bad_result_access(const puck::error& error) noexcept : error_(error) {}
    [[nodiscard]] const char* what() const noexcept override { return error_.detail().data(); }
    [[nodiscard]] const puck::error& error() const noexcept { return error_; }

private:
    puck::error error_;
};

/// Holds a T, or the E that says why there is none. There is no empty or default state that could be taken for a yes.
/// The names are those of std::expected, which will take its place in C++23.
template <class T, class E = error>
class [[nodiscard]] result {
public:
    result(const T& value)
        requires std::copy_constructible<T>
        : either_(std::in_place_index<0>, value) {}
    result(T&& value) : either_(std::in_place_index<0>, std::move(value)) {}

    /// Builds the value where it will stay.
    template <class... Arguments>
    explicit result(std::in_place_t, Arguments&&... arguments)
        : either_(std::in_place_index<0>, std::forward<Arguments>(arguments)...) {}

    template <class G>
    result(unexpected<G> failure) : either_(std::in_place_index<1>, std::move(failure.error)) {}

    [[nodiscard]] bool has_value() const noexcept { return either_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value. Only after a check: without one, as in std::expected, the behaviour is undefined.
    [[nodiscard]] T& operator*() & noexcept { return *std::get_if<0>(&either_); }
    [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&either_); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&either_)); }
    [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&either_); }
    [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&either_); }

    /// The value, or the exception bad_result_access: for set-up code that cannot go on without it.
    [[nodiscard]] T& value() & {
        if (!has_value()) throw bad_result_access(error());
        return **this;
    }
    [[nodiscard]] T&& value() && { return std::move(value()); }

    /// The error. Only when there is no value.
    [[nodiscard]] const E& error() const& noexcept { return *std::get_if<1>(&either_); }
    [[nodiscard]] E& error() & noexcept { return *std::get_if<1>(&either_); }
    [[nodiscard]] E&& error() && noexcept { return std::move(*std::get_if<1>(&either_)); }

private:
    std::variant<T, E> either_;
};

}  // namespace puck
