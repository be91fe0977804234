#include "system/pipe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace qc {

Pipe::Pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorCode::kFile, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  read = Descriptor(ends[0]);
  write = Descriptor(ends[1]);
}

}  // namespace qc
