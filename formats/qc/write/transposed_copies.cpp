#include "formats/qc/write/transposed_copies.h"

#include <cstring>

#include "core/tensor.h"

namespace qc {

std::uint64_t order_free_hash(const TensorView& tensor) noexcept {
  return with_width(tensor.element.width, [&]<typename T>() {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < tensor.count(); ++i) {
      sum += load_le<T>(tensor.data.data() + i * sizeof(T));
    }
    return sum;
  });
}

std::optional<Transposition> find_transposition(const TensorView& source, const TensorView& target,
                                                std::span<const std::int64_t> dims) {
  if (element_count(dims) != target.count() || target.count() == 0) return std::nullopt;
  const auto product = [&](std::size_t begin, std::size_t end) {
    return *element_count(dims.subspan(begin, end - begin));
  };
  for (std::size_t first = 0; first < dims.size(); ++first) {
    for (std::size_t second = first + 1; second < dims.size(); ++second) {
      const Transposition how{product(second, dims.size()), product(first, second),
                              target.element.width};
      if (how.rows == 1 || how.columns == 1) continue;
      const unsigned width = target.element.width;
      const bool same =
          for_each_transposed(target.count(), how, [&](std::uint64_t from, std::uint64_t to) {
            return std::memcmp(source.data.data() + from * width, target.data.data() + to * width,
                               width) == 0;
          });
      if (same) return how;
    }
  }
  return std::nullopt;
}

}  // namespace qc
