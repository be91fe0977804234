#include "formats/transposition.h"

namespace qc {
namespace {

// Calls body(source element, target element) in the order of the target; stops when it returns
// false.
template <typename Body>
bool for_each_pair(std::uint64_t count, const Transposition& how, Body&& body) {
  const std::uint64_t matrix = how.rows * how.columns;
  std::uint64_t target = 0;
  for (std::uint64_t begin = 0; begin < count; begin += matrix) {
    for (std::uint64_t column = 0; column < how.columns; ++column) {
      for (std::uint64_t row = 0; row < how.rows; ++row) {
        if (!body(begin + row * how.columns + column, target++)) return false;
      }
    }
  }
  return true;
}

}  // namespace

bool Transposition::fits(std::uint64_t size) const noexcept {
  if ((width != 1 && width != 2 && width != 4 && width != 8) || rows == 0 || columns == 0) {
    return false;
  }
  // Divisions: hostile numbers must not overflow.
  if (rows > size / width || columns > size / width / rows) return false;
  return size % (rows * columns * width) == 0;
}

void transpose(ByteView source, const Transposition& how, MutableBytes out) noexcept {
  with_width(static_cast<unsigned>(how.width), [&]<typename T>() {
    for_each_pair(source.size() / sizeof(T), how, [&](std::uint64_t from, std::uint64_t to) {
      std::memcpy(out.data() + to * sizeof(T), source.data() + from * sizeof(T), sizeof(T));
      return true;
    });
  });
}

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
          for_each_pair(target.count(), how, [&](std::uint64_t from, std::uint64_t to) {
            return std::memcmp(source.data.data() + from * width, target.data.data() + to * width,
                               width) == 0;
          });
      if (same) return how;
    }
  }
  return std::nullopt;
}

}  // namespace qc
