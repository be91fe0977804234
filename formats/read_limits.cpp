#include "formats/read_limits.h"

#include <algorithm>

#include "core/byte_size.h"

namespace qc {
namespace {

constexpr std::uint64_t kAlways = std::uint64_t{1} << 27;
constexpr std::uint64_t kRatio = 1000;
constexpr std::uint64_t kPartOfTheMachine = 4;

}  // namespace

ReadLimits ReadLimits::for_container(std::uint64_t bytes) const {
  const std::uint64_t likely =
      std::max(kAlways, bytes > UINT64_MAX / kRatio ? UINT64_MAX : kRatio * bytes);
  ReadLimits limits = *this;
  if (limits.model == 0) limits.model = likely;
  if (limits.memory == 0) {
    limits.memory =
        likely == kAlways ? likely : std::min(likely, machine_memory() / kPartOfTheMachine);
  }
  return limits;
}

}  // namespace qc
