// Bytes that lie in several places, read as one sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"

namespace qc {

/// Bytes that lie in several places, read as one sequence: a file of which some ranges are replaced
/// without a copy of the rest. What it refers to outlives it. A range of it is given by its offset
/// and size in the sequence and must lie within size().
class BytePieces {
 public:
  BytePieces() = default;
  explicit BytePieces(ByteView bytes) { add(bytes); }

  /// Appends bytes to the sequence.
  void add(ByteView bytes);

  /// Of the whole sequence, bytes.
  std::uint64_t size() const noexcept { return pieces_.empty() ? 0 : pieces_.back().end; }

  /// Calls visit(ByteView) for the parts of a range, in order; none of them is empty.
  template <typename Visit>
  void each(std::uint64_t offset, std::uint64_t size, Visit&& visit) const;

  /// Appends a range of another sequence.
  void add_range(const BytePieces& other, std::uint64_t offset, std::uint64_t size) {
    other.each(offset, size, [this](ByteView part) { add(part); });
  }

  /// Appends a copy of a range to `out`.
  void append_range(std::uint64_t offset, std::uint64_t size, Bytes& out) const;

  /// A copy of the whole sequence.
  Bytes joined() const;

  /// The bytes from `offset` on that lie together; none at the end.
  ByteView at(std::uint64_t offset) const noexcept;

  /// A range where it lies; nothing when it is not in one piece.
  std::optional<ByteView> view(std::uint64_t offset, std::uint64_t size) const;

 private:
  struct Piece {
    std::uint64_t end = 0;  // in the sequence
    ByteView bytes;         // not empty

    std::uint64_t begin() const noexcept { return end - bytes.size(); }
  };

  // The index of the piece with the byte at `offset`.
  std::size_t piece_at(std::uint64_t offset) const noexcept;

  std::vector<Piece> pieces_;
};

template <typename Visit>
void BytePieces::each(std::uint64_t offset, std::uint64_t size, Visit&& visit) const {
  for (std::size_t i = piece_at(offset); size > 0; ++i) {
    const Piece& piece = pieces_[i];
    const std::uint64_t some = std::min(size, piece.end - offset);
    visit(piece.bytes.subspan(static_cast<std::size_t>(offset - piece.begin()),
                              static_cast<std::size_t>(some)));
    offset += some;
    size -= some;
  }
}

/// Whether two sequences have the same bytes.
bool are_equal(const BytePieces& a, const BytePieces& b);

}  // namespace qc
