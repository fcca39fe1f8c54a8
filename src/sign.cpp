#include "puck/sign.hpp"

#include "hex.hpp"
#include "signed_content.hpp"

#include <array>
#include <cstdint>
#include <new>

namespace puck {

result<std::string> sign(const secret_ring& secrets, std::string_view body, std::chrono::sys_seconds timestamp) noexcept
    try {
    constexpr std::int64_t max_timestamp = 999'999'999'999;
    const std::int64_t seconds = timestamp.time_since_epoch().count();
    if (secrets.size() == 0) return unexpected{error(reason::invalid_argument, "There is no signing secret.")};
    if (seconds < 0 || seconds > max_timestamp)
        return unexpected{
            error(reason::invalid_argument, "The timestamp to sign is not within 0 to 999999999999 Unix seconds.")};

    const std::string text = std::to_string(seconds);
    std::string header = "t=" + text;
    for (const secret& one : secrets) {
        detail::secret_digest mac;
        if (!detail::sign_content(one.key(), text, body, mac)) return unexpected{error(reason::crypto_failure)};
        std::array<char, 2 * sizeof(mac_bytes)> digits;
        detail::write_hex(mac.reveal(), digits.data());
        header.append(",v1=").append(digits.data(), digits.size());
    }
    return header;
} catch (const std::bad_alloc&) {
    return unexpected{error(reason::out_of_memory)};
}

}  // namespace puck
