// The bytes of a file, mapped where the system can.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bytes.h"
#include "formats/qc/decode/container_failure.h"
#include "formats/qc/decode/fixed_array.h"

namespace qc {

/// Nothing here throws.
class FileBytes {
 public:
  /// `memory` is for systems that cannot map files, and outlives this.
  explicit FileBytes(Allocator& memory) noexcept : copy_(memory) {}
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  /// Once. The bytes live as long as this. Fails with kFile or kLimit.
  ContainerFailure open(const char* path, ByteView& bytes) noexcept;

  /// The size of a file; 0 where it cannot be told.
  static std::uint64_t size_of(const char* path) noexcept;

 private:
  ByteView mapped_;
  FixedArray<std::uint8_t> copy_;
};

}  // namespace qc
