// A file of which some parts may be missing.
#pragma once

#include <cstdint>
#include <vector>

#include "core/byte_pieces.h"
#include "core/bytes.h"

namespace qc {

/// A file with holes: bytes known everywhere but in the gaps. Payloads that were cut out are gaps.
/// The bytes lie elsewhere and outlive it.
class GappedBytes {
 public:
  struct Gap {
    std::uint64_t offset;  ///< in the file
    std::uint64_t size;
  };

  /// Files without gaps.
  explicit GappedBytes(ByteView bytes) : literal_(bytes), size_(bytes.size()) {}
  explicit GappedBytes(BytePieces bytes) : literal_(std::move(bytes)), size_(literal_.size()) {}
  /// `literal` is the file without its gaps, which are sorted and do not overlap.
  GappedBytes(ByteView literal, std::vector<Gap> gaps);

  std::uint64_t size() const noexcept { return size_; }
  /// The bytes from `offset` on that lie together, up to the next gap at most; empty inside a gap
  /// and at the end.
  ByteView at(std::uint64_t offset) const noexcept;

 private:
  BytePieces literal_;
  std::vector<Gap> gaps_;
  std::vector<std::uint64_t> gap_bytes_before_;  // in all gaps before each gap
  std::uint64_t size_;
};

}  // namespace qc
