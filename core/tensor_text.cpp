// Apart from the rest: decoders for other machines are linked without the C++ library.
#include "core/tensor.h"

namespace qc {

std::string data_type_name(DataType type) {
  const std::string_view name = known_type_name(type);
  return name.empty() ? "type " + std::to_string(static_cast<int>(type)) : std::string(name);
}

std::string shape_text(std::span<const std::int64_t> dims) {
  if (dims.empty()) return "scalar";
  std::string text;
  for (const std::int64_t dim : dims) {
    if (!text.empty()) text += 'x';
    text += std::to_string(dim);
  }
  return text;
}

}  // namespace qc
