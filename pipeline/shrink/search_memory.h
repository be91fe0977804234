// What a search has tried, so that one that was interrupted goes on where it stood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "pipeline/judgement.h"
#include "pipeline/shrink/shrinker.h"

namespace qc {

/// What became of a model that was made and judged.
struct TriedModel {
  ShrinkPoint point;
  bool lockstep = false;
  bool refined = false;
  double bits = 0;  ///< ShrunkModel::bits
  std::uint64_t bytes = 0;
  Closeness closeness;
};

/// The models that a search has tried. They depend on neither its goal nor the order of its steps,
/// so a resumed search may have another goal.
class SearchMemory {
 public:
  /// Null where it was not tried.
  const TriedModel* find(const ShrinkPoint& point, bool lockstep, bool refined) const;
  void add(TriedModel tried) { tried_.push_back(std::move(tried)); }
  std::size_t size() const noexcept { return tried_.size(); }

  /// For a checkpoint: exactly the same numbers come back, and of outputs the decisive one.
  Bytes to_bytes() const;
  /// Nothing was tried where there are no bytes. Throws Error(kCorrupt).
  static SearchMemory from_bytes(ByteView bytes);

 private:
  std::vector<TriedModel> tried_;
};

}  // namespace qc
