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

Bytes BytePieces::joined() const {
  Bytes all;
  all.reserve(static_cast<std::size_t>(size()));
  append_range(0, size(), all);
  return all;
}

ByteView BytePieces::at(std::uint64_t offset) const noexcept {
  if (offset >= size()) return {};
  const Piece& piece = pieces_[piece_at(offset)];
  return piece.bytes.subspan(static_cast<std::size_t>(offset - piece.begin()));
}

std::optional<ByteView> BytePieces::view(std::uint64_t offset, std::uint64_t size) const {
  if (size == 0) return ByteView();
  const Piece& piece = pieces_[piece_at(offset)];
  if (size > piece.end - offset) return std::nullopt;
  return piece.bytes.subspan(static_cast<std::size_t>(offset - piece.begin()),
                             static_cast<std::size_t>(size));
}

bool are_equal(const BytePieces& a, const BytePieces& b) {
  if (a.size() != b.size()) return false;
  for (std::uint64_t at = 0; at < a.size();) {
    const ByteView of_a = a.at(at);
    const ByteView of_b = b.at(at);
    const std::size_t some = std::min(of_a.size(), of_b.size());
    if (!std::equal(of_a.begin(), of_a.begin() + static_cast<std::ptrdiff_t>(some), of_b.begin())) {
      return false;
    }
    at += some;
  }
  return true;
}

}  // namespace qc
