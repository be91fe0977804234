// Numbers that are known, picked and put in another order.
#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <set>

#include "emit/c/fold_rows.h"

namespace qc::c {

std::optional<std::vector<std::int64_t>> FoldInputs::list(std::size_t input,
                                                          std::string_view name) const {
  if (has(input)) {
    if ((*this)[input].is_float()) return std::nullopt;
    return (*this)[input].integers;
  }
  const auto* found = node.get<std::vector<std::int64_t>>(name);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

Numbers picked(const Numbers& from, Shape dims, std::span<const std::uint64_t> places) {
  Numbers result{from.type, std::move(dims), {}, {}};
  for (const std::uint64_t place : places) {
    if (from.is_float()) {
      result.floats.push_back(from.floats.at(place));
    } else {
      result.integers.push_back(from.integers.at(place));
    }
  }
  return result;
}

namespace {

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 26;

std::optional<std::int64_t> from_front(std::int64_t axis, std::size_t rank) {
  const auto all = static_cast<std::int64_t>(rank);
  if (axis < -all || axis >= all) return std::nullopt;
  return axis < 0 ? axis + all : axis;
}

std::vector<std::uint64_t> strides_of(const Shape& dims) {
  std::vector<std::uint64_t> strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * static_cast<std::uint64_t>(dims[i]);
  }
  return strides;
}

// The places of elements of a shape that are steps apart on each axis.
std::vector<std::uint64_t> walk(const Shape& dims, std::int64_t start,
                                const std::vector<std::int64_t>& steps) {
  const auto count = static_cast<std::size_t>(element_count(dims).value_or(0));
  std::vector<std::uint64_t> places;
  places.reserve(count);
  std::vector<std::int64_t> index(dims.size(), 0);
  std::int64_t at = start;
  for (std::size_t i = 0; i < count; ++i) {
    places.push_back(static_cast<std::uint64_t>(at));
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      at += steps[axis];
      if (++index[axis] < dims[axis]) break;
      at -= steps[axis] * dims[axis];
      index[axis] = 0;
    }
  }
  return places;
}

std::optional<Numbers> same(const FoldInputs& in) {
  return in.has(0) ? std::optional(in[0]) : std::nullopt;
}

std::optional<Numbers> with_dims(Numbers numbers, Shape dims) {
  if (element_count(dims) != std::uint64_t{numbers.size()}) return std::nullopt;
  numbers.dims = std::move(dims);
  return numbers;
}

std::optional<Numbers> reshape(const FoldInputs& in) {
  auto dims = in.list(1, "shape");
  if (!in.has(0) || !dims) return std::nullopt;
  std::int64_t known = 1;
  for (std::size_t i = 0; i < dims->size(); ++i) {
    if ((*dims)[i] == 0 && in.integer("allowzero", 0) == 0) {
      if (i >= in[0].dims.size()) return std::nullopt;
      (*dims)[i] = in[0].dims[i];
    }
    if ((*dims)[i] > 0) {
      if (known > std::numeric_limits<std::int64_t>::max() / (*dims)[i]) return std::nullopt;
      known *= (*dims)[i];
    }
  }
  const auto open = std::ranges::find(*dims, -1);
  if (open != dims->end()) *open = static_cast<std::int64_t>(in[0].size()) / known;
  return with_dims(in[0], std::move(*dims));
}

std::optional<Numbers> unsqueeze(const FoldInputs& in) {
  const auto axes = in.list(1, "axes");
  if (!in.has(0) || !axes) return std::nullopt;
  const std::size_t rank = in[0].dims.size() + axes->size();
  std::set<std::int64_t> inserted;
  for (const std::int64_t axis : *axes) {
    const auto place = from_front(axis, rank);
    if (!place || !inserted.insert(*place).second) return std::nullopt;
  }
  Shape dims;
  auto next = in[0].dims.begin();
  for (std::size_t i = 0; i < rank; ++i) {
    dims.push_back(inserted.contains(static_cast<std::int64_t>(i)) ? 1 : *next++);
  }
  return with_dims(in[0], std::move(dims));
}

std::optional<Numbers> squeeze(const FoldInputs& in) {
  if (!in.has(0)) return std::nullopt;
  const auto axes = in.list(1, "axes");
  std::set<std::int64_t> dropped;
  for (std::size_t i = 0; i < in[0].dims.size() && !axes; ++i) {
    if (in[0].dims[i] == 1) dropped.insert(static_cast<std::int64_t>(i));
  }
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>())) {
    const auto place = from_front(axis, in[0].dims.size());
    if (!place) return std::nullopt;
    dropped.insert(*place);
  }
  Shape dims;
  for (std::size_t i = 0; i < in[0].dims.size(); ++i) {
    if (!dropped.contains(static_cast<std::int64_t>(i))) dims.push_back(in[0].dims[i]);
  }
  return with_dims(in[0], std::move(dims));
}

std::optional<Numbers> flatten(const FoldInputs& in) {
  if (!in.has(0)) return std::nullopt;
  std::int64_t axis = in.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(in[0].dims.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return std::nullopt;
  const std::span<const std::int64_t> dims = in[0].dims;
  const auto outer = element_count(dims.first(static_cast<std::size_t>(axis)));
  const auto inner = element_count(dims.subspan(static_cast<std::size_t>(axis)));
  return with_dims(in[0], {static_cast<std::int64_t>(*outer), static_cast<std::int64_t>(*inner)});
}

std::optional<Numbers> transpose(const FoldInputs& in) {
  if (!in.has(0)) return std::nullopt;
  const std::size_t rank = in[0].dims.size();
  std::vector<std::int64_t> order(rank);
  std::iota(order.rbegin(), order.rend(), 0);
  if (const auto* given = in.node.get<std::vector<std::int64_t>>("perm")) order = *given;
  if (order.size() != rank) return std::nullopt;
  const std::vector<std::uint64_t> strides = strides_of(in[0].dims);
  Shape dims;
  std::vector<std::int64_t> steps;
  for (const std::int64_t axis : order) {
    const auto from = from_front(axis, rank);
    if (!from) return std::nullopt;
    dims.push_back(in[0].dims[static_cast<std::size_t>(*from)]);
    steps.push_back(static_cast<std::int64_t>(strides[static_cast<std::size_t>(*from)]));
  }
  if (element_count(dims) != std::uint64_t{in[0].size()}) return std::nullopt;
  return picked(in[0], dims, walk(dims, 0, steps));
}

std::optional<Numbers> expand(const FoldInputs& in) {
  if (!in.has(0) || !in.has(1) || in[1].is_float()) return std::nullopt;
  Shape dims = in[1].integers;
  const Shape& from = in[0].dims;
  if (dims.size() < from.size()) dims.insert(dims.begin(), from.size() - dims.size(), 1);
  const std::vector<std::uint64_t> strides = strides_of(from);
  std::vector<std::int64_t> steps(dims.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t to = dims.size() - from.size() + i;
    if (from[i] == 1) continue;
    if (dims[to] != 1 && dims[to] != from[i]) return std::nullopt;
    dims[to] = from[i];
    steps[to] = static_cast<std::int64_t>(strides[i]);
  }
  const auto count = element_count(dims);
  if (!count || *count > kMostElements) return std::nullopt;
  return picked(in[0], dims, walk(dims, 0, steps));
}

std::optional<Numbers> gather(const FoldInputs& in) {
  if (!in.has(0) || !in.has(1) || in[1].is_float()) return std::nullopt;
  const auto axis = from_front(in.integer("axis", 0), in[0].dims.size());
  if (!axis) return std::nullopt;
  const auto at = static_cast<std::size_t>(*axis);
  const std::span<const std::int64_t> from = in[0].dims;
  const std::uint64_t outer = *element_count(from.first(at));
  const std::uint64_t inner = *element_count(from.subspan(at + 1));
  Shape dims(from.begin(), from.begin() + *axis);
  dims.insert(dims.end(), in[1].dims.begin(), in[1].dims.end());
  dims.insert(dims.end(), from.begin() + *axis + 1, from.end());
  const auto count = element_count(dims);
  if (!count || *count > kMostElements) return std::nullopt;
  std::vector<std::uint64_t> places;
  for (std::uint64_t o = 0; o < outer; ++o) {
    for (std::int64_t index : in[1].integers) {
      if (index < 0) index += from[at];
      if (index < 0 || index >= from[at]) return std::nullopt;
      const std::uint64_t first =
          (o * static_cast<std::uint64_t>(from[at]) + static_cast<std::uint64_t>(index)) * inner;
      for (std::uint64_t i = 0; i < inner; ++i) places.push_back(first + i);
    }
  }
  return picked(in[0], dims, places);
}

std::optional<Numbers> concat(const FoldInputs& in) {
  if (!in.has(0)) return std::nullopt;
  const auto axis = from_front(in.integer("axis", in.opset < 4 ? 1 : 0), in[0].dims.size());
  if (!axis) return std::nullopt;
  const auto at = static_cast<std::size_t>(*axis);
  Shape dims = in[0].dims;
  dims[at] = 0;
  for (std::size_t i = 0; i < in.inputs.size(); ++i) {
    if (!in.has(i) || in[i].type != in[0].type || in[i].dims.size() != dims.size()) {
      return std::nullopt;
    }
    for (std::size_t d = 0; d < dims.size(); ++d) {
      if (d != at && in[i].dims[d] != dims[d]) return std::nullopt;
    }
    dims[at] += in[i].dims[at];
  }
  const std::uint64_t outer = *element_count(std::span(dims).first(at));
  Numbers result{in[0].type, dims, {}, {}};
  for (std::uint64_t o = 0; o < outer; ++o) {
    for (std::size_t i = 0; i < in.inputs.size(); ++i) {
      const auto inner =
          static_cast<std::ptrdiff_t>(*element_count(std::span(in[i].dims).subspan(at)));
      const auto first = static_cast<std::ptrdiff_t>(o) * inner;
      const auto copy = [&](const auto& from, auto& to) {
        to.insert(to.end(), from.begin() + first, from.begin() + first + inner);
      };
      if (result.is_float()) {
        copy(in[i].floats, result.floats);
      } else {
        copy(in[i].integers, result.integers);
      }
    }
  }
  return result;
}

std::optional<Numbers> slice(const FoldInputs& in) {
  const auto starts = in.list(1, "starts");
  const auto ends = in.list(2, "ends");
  if (!in.has(0) || !starts || !ends || ends->size() != starts->size()) return std::nullopt;
  std::vector<std::int64_t> axes(starts->size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = in.list(3, "axes").value_or(axes);
  const auto steps = in.list(4, "steps").value_or(std::vector<std::int64_t>(starts->size(), 1));
  if (axes.size() != starts->size() || steps.size() != starts->size()) return std::nullopt;
  const std::vector<std::uint64_t> strides = strides_of(in[0].dims);
  Shape dims = in[0].dims;
  std::vector<std::int64_t> walked(strides.begin(), strides.end());
  std::int64_t first = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto place = from_front(axes[i], dims.size());
    if (!place || steps[i] == 0 || std::abs(steps[i]) > (std::int64_t{1} << 31))
      return std::nullopt;
    const auto axis = static_cast<std::size_t>(*place);
    const std::int64_t size = in[0].dims[axis];
    const bool forward = steps[i] > 0;
    std::int64_t begin = (*starts)[i] < 0 ? (*starts)[i] + size : (*starts)[i];
    std::int64_t end = (*ends)[i] < 0 ? (*ends)[i] + size : (*ends)[i];
    begin = std::clamp<std::int64_t>(begin, 0, forward ? size : size - 1);
    end =
        forward ? std::clamp<std::int64_t>(end, 0, size) : std::clamp<std::int64_t>(end, -1, size);
    const std::int64_t span = forward ? end - begin : begin - end;
    const std::int64_t step = std::abs(steps[i]);
    dims[axis] = span <= 0 ? 0 : (span + step - 1) / step;
    first += begin * static_cast<std::int64_t>(strides[axis]);
    walked[axis] = steps[i] * static_cast<std::int64_t>(strides[axis]);
  }
  return picked(in[0], dims, walk(dims, first, walked));
}

std::optional<Numbers> tile(const FoldInputs& in) {
  if (!in.has(0) || !in.has(1) || in.inputs.size() != 2 || in[1].is_float() ||
      in[1].size() != in[0].dims.size()) {
    return std::nullopt;
  }
  Shape dims = in[0].dims;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t times = in[1].integers[i];
    if (times < 0 || times > (std::int64_t{1} << 31) || dims[i] > (std::int64_t{1} << 31)) {
      return std::nullopt;
    }
    dims[i] *= times;
  }
  const auto count = element_count(dims);
  if (!count || *count > kMostElements) return std::nullopt;
  const std::vector<std::uint64_t> from = strides_of(in[0].dims);
  const std::vector<std::uint64_t> to = strides_of(dims);
  std::vector<std::uint64_t> places;
  for (std::uint64_t i = 0; i < *count; ++i) {
    std::uint64_t place = 0;
    // What is above an axis's own digit are multiples of its size, which the remainder drops.
    for (std::size_t d = 0; d < dims.size(); ++d) {
      place += i / to[d] % static_cast<std::uint64_t>(in[0].dims[d]) * from[d];
    }
    places.push_back(place);
  }
  return picked(in[0], dims, places);
}

constexpr std::array kRows = {
    FoldRow{"Identity", same},       FoldRow{"Dropout", same},    FoldRow{"Reshape", reshape},
    FoldRow{"Unsqueeze", unsqueeze}, FoldRow{"Squeeze", squeeze}, FoldRow{"Flatten", flatten},
    FoldRow{"Transpose", transpose}, FoldRow{"Expand", expand},   FoldRow{"Gather", gather},
    FoldRow{"Concat", concat},       FoldRow{"Slice", slice},     FoldRow{"Tile", tile}};

}  // namespace

std::span<const FoldRow> movement_fold_rows() { return kRows; }

std::span<const FoldRow> fold_rows() {
  static const std::vector<FoldRow> kAll = [] {
    std::vector<FoldRow> all;
    for (const auto rows : {arithmetic_fold_rows(), movement_fold_rows(), reduction_fold_rows()}) {
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }();
  return kAll;
}

}  // namespace qc::c
