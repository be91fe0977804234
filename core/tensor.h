// Tensors as typed views of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace qc {

/// Element types; the values are ONNX's TensorProto.DataType.
enum class DataType : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};

/// The short name users know ("float32", "int8"); "type 99" for an unknown number.
std::string data_type_name(DataType type);

/// The same; empty for an unknown number.
std::string_view known_type_name(DataType type) noexcept;

/// Bits of one element as ONNX stores it in raw_data; 0 for strings and unknown types.
unsigned data_type_bits(DataType type) noexcept;

/// float32, float16, bfloat16 and double: the types whose values the passes may change.
bool is_value_type(DataType type) noexcept;

/// Elements of a shape; nothing when a dimension is negative or the product does not fit 2^63.
std::optional<std::uint64_t> element_count(std::span<const std::int64_t> dims) noexcept;

/// Text such as "32x3x5x5"; "scalar" for no dimensions.
std::string shape_text(std::span<const std::int64_t> dims);

/// How the elements of a (part of a) tensor map to its output channels: element i belongs to
/// channel
/// ((first + i) / stride) % count. count == 1 when there is no such axis.
struct ChannelMap {
  std::uint64_t count = 1;
  std::uint64_t stride = 1;
  std::uint64_t first = 0;

  std::uint64_t channel_of(std::uint64_t element) const noexcept {
    return ((first + element) / stride) % count;
  }
};

/// The map for channels along `axis` of a shape; one channel when the axis is negative or absent.
ChannelMap channel_map(std::span<const std::int64_t> dims, int axis) noexcept;

/// How the elements of a (part of a) tensor lie in rows (filters): element i is the element
/// `first + i` of rows of `columns` (input channels) x `taps` (elements of a kernel, in lines of
/// `width`). A tensor without such axes has rows of one element.
struct Grid {
  std::uint64_t columns = 1;
  std::uint64_t taps = 1;
  std::uint64_t width = 1;
  std::uint64_t first = 0;
};

/// The grid of a shape: its first axis are the rows, its second the columns, the others the taps.
Grid tensor_grid(std::span<const std::int64_t> dims) noexcept;

}  // namespace qc
