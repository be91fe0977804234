#include "data/feeds/sequence_input.h"

namespace qc {

std::optional<SequenceShape> sequence_shape(const GraphValue& input) {
  if (!input.has_shape) return SequenceShape{.dims = {1, 1}, .axis = 1, .length = std::nullopt};
  if (input.dims.empty()) return std::nullopt;
  SequenceShape shape{.dims = std::vector<std::int64_t>(input.dims.size(), 1),
                      .axis = input.dims.size() - 1,
                      .length = 1};
  std::size_t known = 0;
  for (std::size_t i = 0; i < input.dims.size(); ++i) {
    const std::int64_t dim = input.dims[i];
    if (dim == 0) return std::nullopt;
    if (dim > 1) {
      shape.axis = i;
      shape.length = dim;
      ++known;
    } else if (dim < 0 && known == 0) {
      shape.axis = i;
      shape.length = std::nullopt;
    }
  }
  if (known > 1) return std::nullopt;
  return shape;
}

}  // namespace qc
