// Batches of a data set, loaded ahead by a thread of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/random.h"
#include "data/dataset.h"

namespace qc {

/// Consecutive samples; `inputs` holds labels.size() samples one after the other.
struct Batch {
  std::vector<float> inputs;
  std::vector<std::int64_t> labels;
};

/// Reads the samples `order` of a data set in batches of `batch_size` (the last may be smaller).
/// A prefetch thread works a few batches ahead. Batches do not depend on timing.
class BatchStream {
 public:
  BatchStream(const Dataset& data, std::vector<std::size_t> order, std::size_t batch_size);
  ~BatchStream();
  BatchStream(const BatchStream&) = delete;
  BatchStream& operator=(const BatchStream&) = delete;

  /// Moves the next batch into `batch`; false at the end. An error of the data set that occurred in
  /// the prefetch thread is thrown here, at the batch where it happened.
  bool next(Batch& batch);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 0, 1, ..., count - 1.
std::vector<std::size_t> in_order(std::size_t count);

/// A permutation of [0, count) that depends on the seed and the epoch only.
std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t epoch);

/// Training samples split in two: `held_out` (a validation set, drawn by `seed`) and the rest, both
/// in ascending order. Other purposes draw other samples. Requires held_out_count <= count.
struct HeldOut {
  std::vector<std::size_t> kept;
  std::vector<std::size_t> held_out;
};
HeldOut hold_out(std::size_t count, std::size_t held_out_count, std::uint64_t seed,
                 StreamPurpose purpose = StreamPurpose::kHoldOut);

}  // namespace qc
