#include "cli/streams.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace qc {

bool is_standard_stream(const std::string& path) noexcept { return path == "-"; }

std::string stream_name(const std::string& path) {
  return is_standard_stream(path) ? "standard input" : path;
}

Bytes read_standard_input() {
  if (::isatty(STDIN_FILENO) == 1) {
    throw Error(ErrorCode::kUsage, "standard input is a terminal; redirect a file to it");
  }
  constexpr std::size_t kStep = std::size_t{1} << 20;
  Bytes bytes;
  std::size_t size = 0;
  while (true) {
    if (bytes.size() - size < kStep) bytes.resize(2 * bytes.size() + kStep);
    const ssize_t some = ::read(STDIN_FILENO, bytes.data() + size, bytes.size() - size);
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) {
      throw Error(ErrorCode::kFile,
                  fmt::format("cannot read standard input: {}", std::strerror(errno)));
    }
    if (some == 0) break;
    size += static_cast<std::size_t>(some);
  }
  bytes.resize(size);
  return bytes;
}

StandardOutput::StandardOutput(bool force) {
  if (!force && ::isatty(STDOUT_FILENO) == 1) {
    throw Error(ErrorCode::kUsage,
                "standard output is a terminal; redirect it to a file, or use -f");
  }
}

void StandardOutput::write(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw Error(ErrorCode::kFile,
                  fmt::format("cannot write to standard output: {}", std::strerror(errno)));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void StandardOutput::restart() {
  throw Error(ErrorCode::kInternal, "standard output cannot be written anew");
}

}  // namespace qc
