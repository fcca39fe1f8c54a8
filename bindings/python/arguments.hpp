// Python's arguments, read into what the core takes; and the core's errors, raised as Python's exceptions.
#pragma once

#include "threads.hpp"

#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string_view.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puck_py {

// --- Failures --------------------------------------------------------------------------------------------------------

[[noreturn]] inline void raise(nb::handle exception) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw nb::python_error();
}

/// Raises the exception that belongs to the reason, with what is known of the delivery. `invalid_argument` is the
/// caller's mistake, and so a ValueError.
[[noreturn]] inline void raise(const puck::error& failure, const nb::object& proof = nb::none(),
                               const nb::object& event = nb::none()) {
    if (failure.reason() == puck::reason::invalid_argument) throw nb::value_error(failure.detail().data());
    raise(call_python("puck_webhooks._errors", "error_for", name(failure.reason()), failure.detail(), proof, event));
}

template <class T>
T value_of(puck::result<T> made) {
    if (!made) raise(made.error());
    return std::move(*made);
}

// --- Arguments -------------------------------------------------------------------------------------------------------

/// A real int; a bool is refused.
inline std::int64_t whole_number(nb::handle given, const char* name) {
    if (!PyLong_Check(given.ptr()) || PyBool_Check(given.ptr()))
        throw nb::type_error((std::string(name) + " must be an int").c_str());
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(given.ptr(), &overflow);
    if (overflow != 0) throw nb::value_error((std::string(name) + " is out of range").c_str());
    return number;
}

inline std::size_t size_number(nb::handle given, const char* name) {
    const std::int64_t number = whole_number(given, name);
    if (number < 0) throw nb::value_error((std::string(name) + " is negative").c_str());
    return static_cast<std::size_t>(number);
}

inline std::chrono::seconds seconds_of(nb::handle given, const char* name) {
    return std::chrono::seconds(whole_number(given, name));
}

inline std::chrono::sys_seconds time_or_now(nb::handle given, const char* name) {
    return given.is_none() ? puck::unix_now() : std::chrono::sys_seconds(seconds_of(given, name));
}

/// The bytes of a str (in UTF-8) or of bytes; they last as long as the object. Empty if it is neither, or if the str
/// holds half of a surrogate pair. Python's own error would show the text, and the text may be a secret.
inline std::optional<std::string_view> text_of(nb::handle given) noexcept {
    Py_ssize_t size = 0;
    if (PyUnicode_Check(given.ptr())) {
        if (const char* const text = PyUnicode_AsUTF8AndSize(given.ptr(), &size))
            return std::string_view(text, static_cast<std::size_t>(size));
        PyErr_Clear();
        return std::nullopt;
    }
    char* bytes = nullptr;
    if (!PyBytes_Check(given.ptr()) || PyBytes_AsStringAndSize(given.ptr(), &bytes, &size) != 0) return std::nullopt;
    return std::string_view(bytes, static_cast<std::size_t>(size));
}

inline bool is_text(nb::handle given) noexcept { return PyUnicode_Check(given.ptr()) || PyBytes_Check(given.ptr()); }

inline std::string_view secret_text(nb::handle given) {
    if (!is_text(given)) throw nb::type_error("a secret must be str or bytes");
    const auto text = text_of(given);
    if (!text) throw nb::value_error("a secret contains half of a surrogate pair");
    return *text;
}

inline puck::secret_ring ring_of(nb::handle given) {
    if (!is_text(given) && !PySequence_Check(given.ptr()))
        throw nb::type_error("secrets must be str, bytes, or a sequence of them");
    const nb::object all =
        is_text(given) ? nb::make_tuple(given) : made_by_python([&] { return PySequence_Tuple(given.ptr()); });
    std::vector<std::string_view> texts;
    for (const nb::handle each : all) texts.push_back(secret_text(each));
    return value_of(puck::secret_ring::make(texts));
}

inline puck::verifier verifier_of(nb::handle secrets, nb::handle tolerance, nb::handle max_body) {
    const puck::verifier_settings settings{seconds_of(tolerance, "tolerance"), size_number(max_body, "max_body")};
    return value_of(puck::verifier::make(ring_of(secrets), settings));
}

/// The contiguous memory of an object, which is released with this.
class exported_buffer {
public:
    explicit exported_buffer(nb::handle given) {
        if (PyObject_GetBuffer(given.ptr(), &buffer_, PyBUF_CONTIG_RO | PyBUF_FORMAT) != 0) throw nb::python_error();
    }
    exported_buffer(const exported_buffer&) = delete;
    exported_buffer& operator=(const exported_buffer&) = delete;
    ~exported_buffer() { PyBuffer_Release(&buffer_); }

    [[nodiscard]] bool is_row_of_bytes() const noexcept {
        const std::string_view format = buffer_.format == nullptr ? "B" : buffer_.format;
        return buffer_.ndim == 1 && (format == "B" || format == "b" || format == "c");
    }
    [[nodiscard]] std::string_view view() const noexcept {
        return {static_cast<const char*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
    }

private:
    Py_buffer buffer_{};
};

/// A body's bytes. `bytes` cannot change, and is borrowed; any other buffer is copied once, before it is looked at.
class raw_body {
public:
    explicit raw_body(nb::handle given) : kept_(nb::borrow(given)) {
        if (PyBytes_CheckExact(given.ptr())) {
            view_ = *text_of(given);
            return;
        }
        if (PyUnicode_Check(given.ptr()))
            throw nb::type_error(
                "body is a str: pass the raw bytes of the request. Text that was decoded and encoded again, or JSON "
                "that was parsed and written again, has another signature");
        copy_ = copied(given);
        view_ = copy_;
    }
    raw_body(const raw_body&) = delete;
    raw_body& operator=(const raw_body&) = delete;

    [[nodiscard]] std::string_view view() const noexcept { return view_; }

private:
    static std::string copied(nb::handle given) {
        try {
            const exported_buffer buffer(given);
            if (buffer.is_row_of_bytes()) return std::string(buffer.view());
        } catch (const nb::python_error& failed) {
            if (!failed.matches(PyExc_BufferError)) throw;  // or it is not contiguous
        }
        throw nb::type_error("body must be a contiguous buffer of bytes");
    }

    nb::object kept_;
    std::string copy_;
    std::string_view view_;
};

/// A request's headers, from a mapping or from pairs. It keeps the objects alive whose bytes it borrows.
class header_lines {
public:
    explicit header_lines(nb::handle given) {
        if (PyDict_CheckExact(given.ptr())) {
            const nb::ft_object_guard unchanged(given);
            PyObject *name = nullptr, *value = nullptr;
            for (Py_ssize_t at = 0; PyDict_Next(given.ptr(), &at, &name, &value) != 0;) add(name, value);
            return;
        }
        if (is_text(given)) throw nb::type_error("headers must be a mapping or pairs of name and value");
        const nb::object pairs = made_by_python([&] {
            return PyObject_HasAttrString(given.ptr(), "items") != 0 ? PyMapping_Items(given.ptr())
                                                                     : PySequence_List(given.ptr());
        });
        for (const nb::handle each : pairs) {
            if (!PySequence_Check(each.ptr()) || is_text(each))
                throw nb::type_error("headers must be a mapping or pairs of name and value");
            const nb::object pair = made_by_python([&] { return PySequence_Tuple(each.ptr()); });
            if (PyTuple_Size(pair.ptr()) != 2)
                throw nb::type_error("headers must be a mapping or pairs of name and value");
            add(PyTuple_GetItem(pair.ptr(), 0), PyTuple_GetItem(pair.ptr(), 1));
        }
    }

    [[nodiscard]] const std::vector<puck::header>& view() const noexcept { return lines_; }

private:
    void add(nb::handle name, nb::handle value) {
        if (!is_text(name) || !is_text(value)) throw nb::type_error("a header's name and value must be str or bytes");
        // A str that has no encoding was never on the wire; it becomes a byte that no grammar accepts.
        lines_.push_back({text_of(name).value_or("\xff"), text_of(value).value_or("\xff")});
        kept_.push_back(nb::borrow(name));
        kept_.push_back(nb::borrow(value));
    }

    std::vector<puck::header> lines_;
    std::vector<nb::object> kept_;
};

}  // namespace puck_py
