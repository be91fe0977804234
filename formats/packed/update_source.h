// A model packed as what has changed since another one.
#pragma once

#include <deque>

#include "core/bytes.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/write/pack_options.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

/// What to pack as an update. Every tensor that the base has under the same name, in as many bytes,
/// is stored as a copy of it where they are equal, else as itself, as its bytes xor those of the
/// base, or as the differences of its ranks among its distinct values (restore_ranks()), whichever
/// takes the fewest bytes.
class UpdateSource {
 public:
  /// Both models outlive it. Throws as encoding does.
  UpdateSource(const OnnxModel& model, const OnnxModel& base, const PackOptions& options);

  const PackSource& source() const noexcept { return source_; }

 private:
  PackSource source_;
  std::deque<Bytes> stored_;  // what slots refer to
};

}  // namespace qc
