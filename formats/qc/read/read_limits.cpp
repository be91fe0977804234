#include "formats/qc/read/read_limits.h"

#include <algorithm>

#include "system/byte_size.h"

namespace qc {
namespace {

constexpr std::uint64_t kRatio = 1000;

}  // namespace

ReadLimits ReadLimits::for_container(std::uint64_t bytes) const {
  const std::uint64_t likely =
      std::max(kAlwaysAllowed, bytes > UINT64_MAX / kRatio ? UINT64_MAX : kRatio * bytes);
  ReadLimits limits = *this;
  if (limits.model == 0) limits.model = likely;
  if (limits.memory == 0) {
    limits.memory = likely == kAlwaysAllowed ? likely : std::min(likely, default_memory_limit());
  }
  return limits;
}

}  // namespace qc
