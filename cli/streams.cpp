#include "cli/streams.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "system/standard_streams.h"

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

void write_to_stdout(ByteView bytes) {
  const int error = write_all(STDOUT_FILENO, bytes);
  if (error == EPIPE) throw ReaderGone();
  if (error != 0) {
    throw Error(ErrorCode::kFile,
                fmt::format("cannot write to standard output: {}", std::strerror(error)));
  }
}

void StandardOutput::write(ByteView bytes) { write_to_stdout(bytes); }

void StandardOutput::restart() {
  throw Error(ErrorCode::kInternal, "standard output cannot be written anew");
}

}  // namespace qc
