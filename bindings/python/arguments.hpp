// What Python passes in, read into what the core takes; and what the core answers, raised as Python's exceptions.
#pragma once

#include "threads.hpp"

#include <puck/webhooks.hpp>

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puck_py {

// --- Failures ---------------------------------------------------------------------------------------------------------

[[noreturn]] inline void raise(nb::handle exception) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw nb::python_error();
}

/// Raises the exception that belongs to the reason.
[[noreturn]] inline void raise(const puck::error& failure) {
    raise(call_python("puck_webhooks._errors", "error_for", name(failure.why()), failure.detail()));
}

/// The same for settings and secrets, in which every refusal is the caller's mistake.
[[noreturn]] inline void raise_misuse(const puck::error& failure) {
    if (failure.why() != puck::reason::invalid_argument) raise(failure);
    throw nb::value_error(std::string(failure.detail()).c_str());
}

inline void check(puck::reason why) {
    if (why != puck::reason::ok) raise(puck::error(why));
}

// --- Arguments --------------------------------------------------------------------------------------------------------

/// A real int, and no bool.
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

inline std::int64_t time_or_now(nb::handle given, const char* name) {
    return given.is_none() ? puck::unix_now() : whole_number(given, name);
}

/// The bytes of a str (in UTF-8) or of bytes; they last as long as the object. None if they are neither, or if the str
/// holds half a surrogate pair. Python's own error would show the text, and the text may be a secret.
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

inline puck::secret secret_of(nb::handle given) {
    if (!is_text(given)) throw nb::type_error("a secret must be str or bytes");
    const auto text = text_of(given);
    if (!text) throw nb::value_error("a secret contains half of a surrogate pair");
    auto made = puck::secret::make(*text);
    if (!made) raise_misuse(made.error());
    return std::move(*made);
}

inline puck::secret_ring ring_of(nb::handle given) {
    std::vector<puck::secret> secrets;
    if (is_text(given)) {
        secrets.push_back(secret_of(given));
    } else {
        if (!PySequence_Check(given.ptr())) throw nb::type_error("secrets must be str, bytes, or a sequence of them");
        for (const nb::handle each : given) secrets.push_back(secret_of(each));
    }
    auto ring = puck::secret_ring::make(std::move(secrets));
    if (!ring) raise_misuse(ring.error());
    return std::move(*ring);
}

inline puck::verifier verifier_of(nb::handle secrets, nb::handle tolerance, nb::handle max_body) {
    const puck::verifier_settings settings{whole_number(tolerance, "tolerance"), size_number(max_body, "max_body")};
    auto made = puck::verifier::make(ring_of(secrets), settings);
    if (!made) raise_misuse(made.error());
    return std::move(*made);
}

/// A body's bytes. Those of `bytes` cannot change, and are borrowed; all others are copied once.
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
        Py_buffer buffer;
        if (PyObject_GetBuffer(given.ptr(), &buffer, PyBUF_CONTIG_RO | PyBUF_FORMAT) != 0) throw nb::python_error();
        const std::string_view format = buffer.format == nullptr ? "B" : buffer.format;
        const bool is_bytes = buffer.ndim == 1 && (format == "B" || format == "b" || format == "c");
        if (is_bytes) copy_.assign(static_cast<const char*>(buffer.buf), static_cast<std::size_t>(buffer.len));
        PyBuffer_Release(&buffer);
        if (!is_bytes) throw nb::type_error("body is not a row of bytes");
        view_ = copy_;
    }
    raw_body(const raw_body&) = delete;
    raw_body& operator=(const raw_body&) = delete;

    [[nodiscard]] std::string_view view() const noexcept { return view_; }

private:
    nb::object kept_;
    std::string copy_;
    std::string_view view_;
};

/// A request's headers, from a mapping or from pairs. They hold on to the objects whose bytes they show.
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
        // What no encoding can carry was never on the wire; it stands for itself, as a byte that no grammar takes.
        lines_.push_back({text_of(name).value_or("\xff"), text_of(value).value_or("\xff")});
        kept_.push_back(nb::borrow(name));
        kept_.push_back(nb::borrow(value));
    }

    std::vector<puck::header> lines_;
    std::vector<nb::object> kept_;
};

}  // namespace puck_py
