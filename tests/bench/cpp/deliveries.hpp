// The deliveries of one size, which deliveries.py has written.
#pragma once

#include <puck/webhooks.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

struct delivery {
    std::vector<std::pair<std::string, std::string>> lines;
    std::vector<puck::header> headers;
    std::string_view signature;
    std::string body;
    std::chrono::sys_seconds received_at;

    [[nodiscard]] puck::request request() const { return {headers, body, received_at}; }
};

inline std::ifstream open(const std::string& name) {
    const char* const folder = std::getenv("PUCK_BENCH_DELIVERIES");
    std::ifstream file((folder == nullptr ? "." : folder) + ("/" + name));
    if (!file) {
        std::cerr << "PUCK_BENCH_DELIVERIES must name the folder that deliveries.py has written; " << name
                  << " is not there.\n";
        std::exit(2);
    }
    return file;
}

inline std::string secret() {
    auto file = open("puck.secret");
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<delivery> read(std::size_t size) {
    auto file = open("puck-" + std::to_string(size) + ".ndjson");
    std::vector<delivery> all;
    for (std::string line; std::getline(file, line);) {
        const auto parsed = nlohmann::json::parse(line);
        delivery& one = all.emplace_back();
        one.body = parsed["body"];
        for (const auto& [name, value] : parsed["headers"].items()) one.lines.emplace_back(name, value);
    }
    for (delivery& one : all) {
        for (const auto& [name, value] : one.lines) {
            one.headers.push_back({name, value});
            if (name == "X-Puck-Signature") one.signature = value;
        }
        one.received_at = puck::unix_now();
    }
    return all;
}

/// The deliveries of one size, in turn, again and again.
class deliveries {
public:
    explicit deliveries(std::size_t size) : all_(read(size)) {}

    const delivery& next() {
        if (++at_ == all_.size()) at_ = 0;
        return all_[at_];
    }

private:
    std::vector<delivery> all_;
    std::size_t at_ = 0;
};

}  // namespace bench
