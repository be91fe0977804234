// Which channels of a network can only be removed together: places along the axes of values and
// constants, tied to each other by the operators between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace qc {

using Dims = std::vector<std::int64_t>;

/// Sizes by name of a value, constants among them; -1 for one that is not known.
using DimsByValue = std::map<std::string, Dims, std::less<>>;

/// Sets of places along axes. A place is an index along one axis of a value ("channel 3 of x"), and
/// has a number. Places of a set are removed together or not at all.
class Coupling {
 public:
  /// Values with a size that is not known, or that are very large, have no places.
  explicit Coupling(const DimsByValue& values);

  /// The sizes of a value; null for one without places.
  const Dims* dims(std::string_view value) const;

  /// The number of place 0 along an axis; others follow. Requires dims(value).
  std::size_t first(std::string_view value, std::size_t axis) const;

  /// The number of all places.
  std::size_t size() const noexcept { return parents_.size(); }

  /// Joins the sets of two places.
  void tie(std::size_t a, std::size_t b);

  /// Says why the set of a place must stay. The first reason that is given is kept.
  void lock(std::size_t place, const std::string& reason);

  /// Marks the places along an axis as outputs of a layer, whose weights the value is.
  void mark_produced(const std::string& value, std::size_t axis);

  /// The place that stands for the set of another.
  std::size_t set_of(std::size_t place) const;

  /// Why a set stays; empty where it may be removed.
  const std::string& reason(std::size_t place) const;
  bool is_locked(std::size_t place) const { return !reason(place).empty(); }
  bool is_produced(std::size_t place) const { return produced_[set_of(place)]; }
  /// Numbers, among axes(), of those that were marked, in that order.
  const std::vector<std::size_t>& produced() const noexcept { return produced_axes_; }

  /// An axis of a value.
  struct Axis {
    std::string_view value;
    std::size_t axis = 0;
    std::size_t first = 0;  ///< number of its place 0
    std::size_t size = 0;
  };
  /// All axes, in the order of their places.
  const std::vector<Axis>& axes() const noexcept { return axes_; }

 private:
  struct Value {
    Dims dims;
    std::size_t first_axis = 0;  // among axes_
  };
  std::map<std::string, Value, std::less<>> values_;
  std::vector<Axis> axes_;
  mutable std::vector<std::size_t> parents_;
  std::vector<std::uint32_t> reasons_;  // of the place that stands for a set: index into texts_
  std::vector<bool> produced_;
  std::vector<std::size_t> produced_axes_;
  std::vector<std::string> texts_ = {""};
  std::map<std::string, std::uint32_t, std::less<>> text_numbers_;
};

}  // namespace qc
