// A model whose payloads are changed at random, one after the other, as a search would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/random.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/write/pack_source.h"

namespace qc::test {

/// What happens to a tensor.
enum class Change { kPruned, kFewValues, kRandom, kCopy, kTransposed, kOriginal };

/// Changes a model and gives it to the writer. The model outlives this.
class ChangedModel {
 public:
  ChangedModel(const OnnxModel& model, std::uint64_t seed);

  /// Changes a random tensor in a random way among these.
  void change(std::span<const Change> kinds);
  void change_in_any_way();

  /// The model as it is now; refers to this, until it is changed again.
  PackSource source() const;

 private:
  ByteView payload(std::size_t slot) const;
  std::optional<std::size_t> other_of_same_size(std::size_t slot);
  std::optional<Bytes> changed(std::size_t slot, Change kind);
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_.next() % count); }

  PackSource original_;
  std::vector<std::optional<Bytes>> payloads_;  // by slot; nothing for those of the model
  SplitMix64 random_;
};

}  // namespace qc::test
