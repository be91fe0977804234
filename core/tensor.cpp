#include "core/tensor.h"

#include <algorithm>
#include <array>
#include <limits>

namespace qc {
namespace {

struct TypeRow {
  std::string_view name;
  unsigned bits;
};

// Indexed by the DataType's number.
constexpr std::array<TypeRow, 27> kTypes = {{
    {"undefined", 0},      {"float32", 32},     {"uint8", 8},          {"int8", 8},
    {"uint16", 16},        {"int16", 16},       {"int32", 32},         {"int64", 64},
    {"string", 0},         {"bool", 8},         {"float16", 16},       {"float64", 64},
    {"uint32", 32},        {"uint64", 64},      {"complex64", 64},     {"complex128", 128},
    {"bfloat16", 16},      {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},        {"int4", 4},           {"float4e2m1", 4},
    {"float8e8m0", 8},     {"uint2", 2},        {"int2", 2},
}};

const TypeRow* find(DataType type) noexcept {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypes.size() ? &kTypes[index] : nullptr;
}

}  // namespace

std::string_view known_type_name(DataType type) noexcept {
  const TypeRow* row = find(type);
  return row ? row->name : std::string_view();
}

unsigned data_type_bits(DataType type) noexcept {
  const TypeRow* row = find(type);
  return row ? row->bits : 0;
}

bool is_value_type(DataType type) noexcept {
  return type == DataType::kFloat || type == DataType::kFloat16 || type == DataType::kBfloat16 ||
         type == DataType::kDouble;
}

std::optional<std::uint64_t> element_count(std::span<const std::int64_t> dims) noexcept {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::uint64_t count = 1;
  bool overflow = false;
  for (const std::int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) return 0;
    const auto size = static_cast<std::uint64_t>(dim);
    if (count > kMax / size) overflow = true;
    count = overflow ? kMax : count * size;
  }
  if (overflow) return std::nullopt;
  return count;
}

ChannelMap channel_map(std::span<const std::int64_t> dims, int axis) noexcept {
  if (axis < 0 || static_cast<std::size_t>(axis) >= dims.size()) return {};
  if (element_count(dims).value_or(0) == 0) return {};
  const auto at = static_cast<std::size_t>(axis);
  ChannelMap map;
  map.count = static_cast<std::uint64_t>(dims[at]);
  map.stride = element_count(dims.subspan(at + 1)).value_or(1);
  return map;
}

Grid tensor_grid(std::span<const std::int64_t> dims) noexcept {
  if (dims.size() < 2 || element_count(dims).value_or(0) == 0) return {};
  Grid grid;
  grid.columns = static_cast<std::uint64_t>(dims[1]);
  grid.taps = element_count(dims.subspan(2)).value_or(1);
  grid.width = dims.size() > 2 ? static_cast<std::uint64_t>(dims.back()) : 1;
  return grid;
}

}  // namespace qc
