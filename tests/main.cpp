#define DOCTEST_CONFIG_IMPLEMENT
#include "support/openssl_memory.hpp"

#include <doctest/doctest.h>

int main(int argc, char** argv) {
    support::watch_openssl_memory();
    return doctest::Context(argc, argv).run();
}
