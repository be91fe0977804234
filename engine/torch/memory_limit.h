// A limit on the memory of all tensors on the CPU.
#pragma once

#include <cstdint>

#include "core/error.h"

namespace qc::torch_engine {

/// More memory is wanted for a tensor than the limit or the machine allows.
class MemoryLimitError : public Error {
 public:
  explicit MemoryLimitError(const std::string& message) : Error(ErrorCode::kLimit, message) {}
};

/// From now on an allocation by libtorch that brings its tensors above so many bytes throws
/// MemoryLimitError. Counts for the whole process; later calls change the limit.
void limit_tensor_memory(std::uint64_t bytes);

}  // namespace qc::torch_engine
