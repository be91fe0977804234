// Sizes from files as sizes of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/error.h"

namespace qc {

/// A size that a file states, before memory of that size is taken: files count in 64 bits, machines
/// may have fewer. Throws Error(kLimit) for more than `Size` holds.
template <typename Size = std::size_t>
Size memory_size(std::uint64_t bytes) {
  if (!std::in_range<Size>(bytes)) {
    throw Error(ErrorCode::kLimit,
                std::to_string(bytes) +
                    " bytes in one piece are more than this machine can address; "
                    "use a 64-bit machine");
  }
  return static_cast<Size>(bytes);
}

}  // namespace qc
