// Marks functions whose result refers to the memory of an argument, so that compilers can warn about dangling views.
#pragma once

#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define PUCK_LIFETIMEBOUND [[clang::lifetimebound]]
#elif __has_cpp_attribute(msvc::lifetimebound)
#define PUCK_LIFETIMEBOUND [[msvc::lifetimebound]]
#endif
#endif
#ifndef PUCK_LIFETIMEBOUND
#define PUCK_LIFETIMEBOUND
#endif
