#include "stores/support.hpp"

#include <sys/wait.h>
#include <cstdlib>

namespace support {

int exit_code_of_child(const std::function<int()>& inside) {
    const pid_t child = fork();
    if (child == 0) std::quick_exit(inside());  // ThreadSanitizer looks at `_exit`, and finds threads of the parent
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace support
