#include "formats/qc/write/slot_repeats.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "formats/qc/decode/qc_layout.h"
#include "formats/qc/write/transposed_copies.h"

namespace qc {
namespace {

// Smaller transposed copies cost as much to describe as to store.
constexpr std::uint64_t kMinTransposed = 256;
// Bytes that are compared at a time and then released, so that a large model does not fill memory.
constexpr std::size_t kPart = std::size_t{1} << 22;

class RepeatSearch {
 public:
  RepeatSearch(const PackSource& source, std::span<const std::optional<Digest>> digests)
      : source_(source), slots_(source.slots), digests_(digests) {
    for (const Slot& slot : slots_) ++of_size_[slot.view.data.size()];
    found_.of.assign(slots_.size(), std::nullopt);
    found_.transposed.assign(slots_.size(), std::nullopt);
  }

  SlotRepeats run() {
    find_equal();
    find_transposed();
    skip_middlemen();
    return std::move(found_);
  }

 private:
  // Only slots of the same size need be looked at.
  bool is_alone(const Slot& slot) const { return of_size_.at(slot.view.data.size()) < 2; }

  void find_equal() {
    std::map<Digest, std::size_t> first;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (is_alone(slots_[i]) || !digests_[i] || slots_[i].base) continue;
      const ByteView data = slots_[i].view.data;
      const auto [entry, inserted] = first.emplace(*digests_[i], i);
      if (inserted) continue;
      if (are_equal(data, slots_[entry->second].view.data)) found_.of[i] = entry->second;
    }
  }

  void find_transposed() {
    std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> first;  // by size and hash
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const TensorView& view = slots_[i].view;
      const bool small = view.data.size() < kMinTransposed || view.data.size() > kQcMaxUnit;
      if (found_.of[i] || small || slots_[i].dims.size() < 2 || is_alone(slots_[i])) continue;
      if (slots_[i].base) continue;
      const auto [entry, inserted] =
          first.emplace(std::pair(view.data.size(), order_free_hash_of(view)), i);
      if (inserted) continue;
      const TensorView& other = slots_[entry->second].view;
      if (other.element != view.element) continue;
      found_.transposed[i] = find_transposition(other, view, slots_[i].dims);
      if (found_.transposed[i]) found_.of[i] = entry->second;
    }
  }

  // A repeat of a transposed slot comes from the same source: nothing repeats a repeat.
  void skip_middlemen() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!found_.of[i] || !found_.transposed[*found_.of[i]]) continue;
      found_.transposed[i] = found_.transposed[*found_.of[i]];
      found_.of[i] = found_.of[*found_.of[i]];
    }
  }

  std::uint64_t order_free_hash_of(const TensorView& view) const {
    std::uint64_t sum = 0;
    TensorView part = view;
    for (std::size_t at = 0; at < view.data.size(); at += kPart) {
      part.data = view.data.subspan(at, std::min(kPart, view.data.size() - at));
      sum += order_free_hash(part);
      source_.release(part.data);
    }
    return sum;
  }

  bool are_equal(ByteView a, ByteView b) const {
    if (a.size() != b.size()) return false;
    for (std::size_t at = 0; at < a.size(); at += kPart) {
      const std::size_t some = std::min(kPart, a.size() - at);
      const ByteView of_a = a.subspan(at, some);
      const ByteView of_b = b.subspan(at, some);
      if (!std::equal(of_a.begin(), of_a.end(), of_b.begin())) return false;
      source_.release(of_a);
      source_.release(of_b);
    }
    return true;
  }

  const PackSource& source_;
  const std::vector<Slot>& slots_;
  std::span<const std::optional<Digest>> digests_;
  std::map<std::size_t, std::size_t> of_size_;  // how many slots
  SlotRepeats found_;
};

}  // namespace

SlotRepeats find_repeats(const PackSource& source, std::span<const std::optional<Digest>> digests) {
  return RepeatSearch(source, digests).run();
}

}  // namespace qc
