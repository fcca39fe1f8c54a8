// What a user's program does that has chosen its store.
#include <puck/sqlite_dedupe.hpp>

#include <iostream>

int main(int, char** arguments) {
    const auto store = puck::sqlite_dedupe::make(arguments[1], "consumer").value();
    std::cout << puck::name(store->commit(store->claim({}).value())) << '\n';
}
