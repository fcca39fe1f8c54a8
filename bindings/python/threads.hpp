// How this module releases the GIL, and calls what may take it.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>

namespace puck_py {

namespace nb = nanobind;

/// Calls what takes the GIL. Until 3.14 Python ends a daemon thread that asks for the GIL of an interpreter that is
/// ending by pthread_exit, and glibc does that as an exception, at which the C++ frames above would end the whole
/// process. Such a thread sleeps here until the process is gone, as it does under 3.14.
///
/// The call must be plain C, or functions that let exceptions pass: many of nanobind's are noexcept. And it must not
/// stand inside a `catch`, where a second exception that is not C++'s own ends the process. A `__del__` that a decref
/// calls is not covered.
template <class Call>
auto outliving_the_interpreter(Call call) {
    try {
        return call();
    } catch (const std::exception&) {
        throw;
    } catch (...) {
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
}

/// The object that a function of Python's C API returns, or its exception.
template <class Call>
nb::object made_by_python(Call call) {
    nb::object made = nb::steal(outliving_the_interpreter(call));
    if (!made.is_valid()) throw nb::python_error();
    return made;
}

/// Whether Python takes its modules apart already: nothing that needs one can work any more. (Py_IsFinalizing is newer
/// than the oldest Python that this is built for.)
inline bool is_python_ending() noexcept {
    PyObject* const finders = PySys_GetObject("meta_path");
    return finders == nullptr || finders == Py_None;
}

/// A module of the package, which is imported already after its first use. (To import it anew Python takes the
/// `__import__` of the running frame, and a frame in which the garbage collector happens to run may have none.)
inline nb::object imported(const char* module) {
    const nb::str name(module);
    if (PyObject* const found = PyImport_GetModule(name.ptr())) return nb::steal(found);
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
    return nb::module_::import_(module);
}

/// Calls a function of the package's Python files.
template <class... Arguments>
nb::object call_python(const char* module, const char* function, const Arguments&... arguments) {
    return outliving_the_interpreter([&] { return nb::object(imported(module).attr(function)(arguments...)); });
}

/// Lets other threads run for as long as this lives.
class without_gil {
public:
    without_gil() noexcept : state_(PyEval_SaveThread()) {}
    without_gil(const without_gil&) = delete;
    without_gil& operator=(const without_gil&) = delete;
    ~without_gil() {
        outliving_the_interpreter([this] { PyEval_RestoreThread(state_); });
    }

private:
    PyThreadState* state_;
};

inline constexpr std::size_t long_body = 2048;  // bytes; from here on it pays to let other threads run

/// Lets other threads run while a long body is looked at.
template <class Work>
auto without_gil_if_long(std::string_view body, Work work) {
    std::optional<without_gil> released;
    if (body.size() >= long_body) released.emplace();
    return work();
}

}  // namespace puck_py
