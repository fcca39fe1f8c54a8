// What a user's program does whose configuration names the store.
#include <puck/open_dedupe.hpp>

#include <iostream>
#include <string>

int main(int, char** arguments) {
    const auto store = puck::open_dedupe("sqlite:" + std::string(arguments[1]) + "?namespace=consumer");
    if (!store) return 1;
    const auto first = (*store)->claim({});
    if (!first) return 2;
    std::cout << puck::name((*store)->commit(*first)) << ", " << puck::name((*store)->claim({}).error().reason());
    const auto redis = puck::open_dedupe("redis://127.0.0.1:1?namespace=consumer");
    std::cout << ", " << redis.error().detail() << '\n';
}
