// A main for compilers without libFuzzer. It runs the target over files, and over all files of folders.
#include "support.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

std::size_t inputs = 0;

bool run(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    if (file.bad() || !file.is_open()) {
        std::fprintf(stderr, "%s cannot be read.\n", path.c_str());
        return false;
    }
    // A copy of exactly this size, so that a sanitizer detects a read after the end.
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
    ++inputs;
    return true;
}

}  // namespace

int main(int count, char** paths) {
    for (int i = 1; i < count; ++i) {
        if (!std::filesystem::is_directory(paths[i])) {
            if (!run(paths[i])) return 2;
            continue;
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(paths[i]))
            if (entry.is_regular_file() && !run(entry.path())) return 2;
    }
    if (inputs == 0) {
        std::fprintf(stderr, "There was no input. Give files or folders as arguments.\n");
        return 2;
    }
    std::printf("%zu inputs\n", inputs);
}
