#include "passes/pruned_values.h"

#include <cmath>
#include <vector>

#include "core/float_types.h"
#include "core/zeros.h"

namespace qc {

Bytes pruned_payload(const TensorInfo& tensor, ByteView payload, std::span<const float> values) {
  constexpr double kTiny = 0x1p-24;  // no float type stores it as zero
  Bytes bytes(payload.begin(), payload.end());
  const std::vector<float> before = load_floats(tensor.type, payload);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == before[i]) continue;
    const double stored = stored_value(tensor.type, values[i]);
    if (!std::isfinite(stored)) continue;
    const bool vanishes = stored == 0 && values[i] != 0;
    store_value(tensor.type, bytes, i, vanishes ? std::copysign(kTiny, values[i]) : values[i]);
  }
  make_zeros_positive(tensor.type, bytes);
  return bytes;
}

Outcome pruned_outcome(const OnnxModel& model, std::size_t tensor, std::span<const float> values) {
  const TensorInfo& info = model.tensors()[tensor];
  Outcome outcome;
  outcome.tensor = tensor;
  outcome.payload = pruned_payload(info, model.payload(info), values);
  outcome.report = measure(model, info, outcome.payload);
  return outcome;
}

}  // namespace qc
