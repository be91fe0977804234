#include "pipeline/initialize.h"

#include <algorithm>
#include <cmath>

#include "core/float_types.h"
#include "core/memory_size.h"
#include "core/random.h"

namespace qc {

PayloadEdits initial_weights(const OnnxModel& model, std::uint64_t seed) {
  PayloadEdits edits;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (!tensor.has_values() || (tensor.role != Role::kWeight && tensor.role != Role::kBias)) {
      continue;
    }
    const std::uint64_t channels =
        std::max<std::uint64_t>(1, channel_map(tensor.dims, tensor.channel_axis).count);
    const auto fan_in = static_cast<double>(std::max<std::uint64_t>(1, tensor.count() / channels));
    const double bound = std::sqrt(6 / fan_in);
    Bytes payload(memory_size(tensor.size));
    SplitMix64 random = random_stream(seed, StreamPurpose::kInitialWeights, i);
    for (std::uint64_t element = 0; element < tensor.count(); ++element) {
      const double drawn = tensor.role == Role::kWeight ? bound * (2 * random.uniform() - 1) : 0.0;
      store_value(tensor.type, payload, element, drawn);
    }
    edits[i] = std::move(payload);
  }
  return edits;
}

}  // namespace qc
