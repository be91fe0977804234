#include "formats/onnx/gapped_bytes.h"

#include <algorithm>
#include <utility>

namespace qc {

GappedBytes::GappedBytes(ByteView literal, std::vector<Gap> gaps)
    : literal_(literal), gaps_(std::move(gaps)) {
  std::uint64_t before = 0;
  for (const Gap& gap : gaps_) {
    gap_bytes_before_.push_back(before);
    before += gap.size;
  }
  size_ = literal_.size() + before;
}

ByteView GappedBytes::at(std::uint64_t offset) const noexcept {
  const auto next =
      std::upper_bound(gaps_.begin(), gaps_.end(), offset,
                       [](std::uint64_t at, const Gap& gap) { return at < gap.offset; });
  const auto index = static_cast<std::size_t>(next - gaps_.begin());
  std::uint64_t gap_bytes = 0;
  if (index > 0) {
    const Gap& before = gaps_[index - 1];
    if (offset - before.offset < before.size) return {};
    gap_bytes = gap_bytes_before_[index - 1] + before.size;
  }
  const std::uint64_t begin = offset - gap_bytes;
  const ByteView bytes = literal_.at(begin);
  if (next == gaps_.end()) return bytes;
  const std::uint64_t end = std::max(next->offset - gap_bytes, begin);
  return bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), end - begin)));
}

}  // namespace qc
