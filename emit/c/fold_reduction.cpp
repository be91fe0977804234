// Products, sums and extremes of numbers that are known: for the most part, sizes of reshaped
// tensors.
#include <algorithm>
#include <array>
#include <set>

#include "core/bit_cast.h"
#include "emit/c/fold_rows.h"

namespace qc::c {
namespace {

std::uint64_t bits(std::int64_t value) { return bit_cast<std::uint64_t>(value); }

struct Reduction {
  double (*floats)(double, double);
  std::int64_t (*integers)(std::int64_t, std::int64_t);
};

std::optional<Numbers> reduce(const FoldInputs& in, const Reduction& with) {
  if (!in.has(0) || in[0].size() == 0) return std::nullopt;
  const Shape& from = in[0].dims;
  const auto rank = static_cast<std::int64_t>(from.size());
  std::vector<std::int64_t> axes = in.list(1, "axes").value_or(std::vector<std::int64_t>());
  if (axes.empty() && in.integer("noop_with_empty_axes", 0) != 0) return in[0];
  std::set<std::int64_t> reduced;
  for (const std::int64_t axis : axes) {
    if (axis < -rank || axis >= rank) return std::nullopt;
    reduced.insert(axis < 0 ? axis + rank : axis);
  }
  for (std::int64_t axis = 0; axes.empty() && axis < rank; ++axis) reduced.insert(axis);
  Shape kept;
  Shape dims;
  for (std::int64_t axis = 0; axis < rank; ++axis) {
    const bool goes = reduced.contains(axis);
    const std::int64_t size = from[static_cast<std::size_t>(axis)];
    kept.push_back(goes ? 1 : size);
    if (!goes || in.integer("keepdims", 1) != 0) dims.push_back(kept.back());
  }
  const auto count = static_cast<std::size_t>(count_of(kept));
  std::vector<std::size_t> first(count, in[0].size());
  Numbers result{in[0].type, dims, std::vector<double>(in[0].is_float() ? count : 0),
                 std::vector<std::int64_t>(in[0].is_float() ? 0 : count)};
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    std::size_t rest = i;
    std::size_t place = 0;
    std::size_t stride = 1;
    for (std::size_t axis = from.size(); axis-- > 0;) {
      const auto size = static_cast<std::size_t>(from[axis]);
      if (kept[axis] != 1) place += rest % size * stride;
      stride *= static_cast<std::size_t>(kept[axis]);
      rest /= size;
    }
    const bool is_first = first[place] == in[0].size();
    first[place] = std::min(first[place], i);
    if (in[0].is_float()) {
      double& value = result.floats[place];
      value = is_first ? in[0].floats[i] : with.floats(value, in[0].floats[i]);
    } else {
      std::int64_t& value = result.integers[place];
      value = is_first ? in[0].integers[i] : with.integers(value, in[0].integers[i]);
    }
  }
  return result;
}

std::optional<Numbers> product(const FoldInputs& in) {
  return reduce(in, {[](double a, double b) { return a * b; },
                     [](std::int64_t a, std::int64_t b) {
                       return bit_cast<std::int64_t>(bits(a) * bits(b));
                     }});
}

std::optional<Numbers> sum(const FoldInputs& in) {
  return reduce(in, {[](double a, double b) { return a + b; },
                     [](std::int64_t a, std::int64_t b) {
                       return bit_cast<std::int64_t>(bits(a) + bits(b));
                     }});
}

std::optional<Numbers> smallest(const FoldInputs& in) {
  return reduce(in, {[](double a, double b) { return std::min(a, b); },
                     [](std::int64_t a, std::int64_t b) { return std::min(a, b); }});
}

std::optional<Numbers> largest(const FoldInputs& in) {
  return reduce(in, {[](double a, double b) { return std::max(a, b); },
                     [](std::int64_t a, std::int64_t b) { return std::max(a, b); }});
}

constexpr std::array kRows = {FoldRow{"ReduceProd", product}, FoldRow{"ReduceSum", sum},
                              FoldRow{"ReduceMin", smallest}, FoldRow{"ReduceMax", largest}};

}  // namespace

std::span<const FoldRow> reduction_fold_rows() { return kRows; }

}  // namespace qc::c
