// What a user's program does that has chosen its store.
#include <puck/redis_dedupe.hpp>

#include <iostream>

int main() { std::cout << puck::redis_dedupe::make({.port = 1}, "consumer").error().detail() << '\n'; }
