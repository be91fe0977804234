#include "core/byte_pieces.h"

namespace qc {

void BytePieces::add(ByteView bytes) {
  if (!bytes.empty()) pieces_.push_back({size() + bytes.size(), bytes});
}

std::size_t BytePieces::piece_at(std::uint64_t offset) const noexcept {
  const auto found = std::ranges::upper_bound(pieces_, offset, {}, &Piece::end);
  return static_cast<std::size_t>(found - pieces_.begin());
}

void BytePieces::append_range(std::uint64_t offset, std::uint64_t size, Bytes& out) const {
  each(offset, size, [&](ByteView part) { append(out, part); });
}

std::optional<ByteView> BytePieces::view(std::uint64_t offset, std::uint64_t size) const {
  if (size == 0) return ByteView();
  const Piece& piece = pieces_[piece_at(offset)];
  if (size > piece.end - offset) return std::nullopt;
  return piece.bytes.subspan(static_cast<std::size_t>(offset - piece.begin()),
                             static_cast<std::size_t>(size));
}

}  // namespace qc
