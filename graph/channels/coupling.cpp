#include "graph/channels/coupling.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace qc {
namespace {

// Longer axes are sequences or pixels, and no channels.
constexpr std::int64_t kLongestAxis = std::int64_t{1} << 20;

bool has_places(const Dims& dims) {
  return std::ranges::all_of(dims,
                             [](std::int64_t dim) { return dim >= 0 && dim <= kLongestAxis; });
}

}  // namespace

Coupling::Coupling(const DimsByValue& values) {
  std::size_t count = 0;
  for (const auto& [name, dims] : values) {
    if (!has_places(dims)) continue;
    const auto value = values_.emplace(name, Value{dims, axes_.size()}).first;
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      const auto size = static_cast<std::size_t>(dims[axis]);
      axes_.push_back({value->first, axis, count, size});
      count += size;
    }
  }
  parents_.resize(count);
  std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  reasons_.resize(count);
  produced_.resize(count);
}

const Dims* Coupling::dims(std::string_view value) const {
  const auto found = values_.find(value);
  return found == values_.end() ? nullptr : &found->second.dims;
}

std::size_t Coupling::first(std::string_view value, std::size_t axis) const {
  return axes_[values_.find(value)->second.first_axis + axis].first;
}

std::size_t Coupling::set_of(std::size_t place) const {
  while (parents_[place] != place) {
    parents_[place] = parents_[parents_[place]];
    place = parents_[place];
  }
  return place;
}

void Coupling::tie(std::size_t a, std::size_t b) {
  a = set_of(a);
  b = set_of(b);
  if (a == b) return;
  // The earlier place stands for both, so that what comes of it does not depend on their order.
  if (b < a) std::swap(a, b);
  parents_[b] = a;
  if (reasons_[a] == 0) reasons_[a] = reasons_[b];
  produced_[a] = produced_[a] || produced_[b];
}

void Coupling::lock(std::size_t place, const std::string& reason) {
  place = set_of(place);
  if (reasons_[place] != 0) return;
  const auto [known, is_new] =
      text_numbers_.try_emplace(reason, static_cast<std::uint32_t>(texts_.size()));
  if (is_new) texts_.push_back(reason);
  reasons_[place] = known->second;
}

void Coupling::mark_produced(const std::string& value, std::size_t axis) {
  const std::size_t number = values_.find(value)->second.first_axis + axis;
  produced_axes_.push_back(number);
  for (std::size_t i = 0; i < axes_[number].size; ++i) {
    produced_[set_of(axes_[number].first + i)] = true;
  }
}

const std::string& Coupling::reason(std::size_t place) const {
  return texts_[reasons_[set_of(place)]];
}

}  // namespace qc
