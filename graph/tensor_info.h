// One tensor of a model: what it is, what it is for, and where its payload lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace qc {

/// Where a tensor's elements are stored.
enum class Storage {
  kNone,      ///< no payload field (empty tensor, or strings)
  kRaw,       ///< raw_data
  kTyped,     ///< packed float_data or double_data: little-endian elements like raw_data
  kVarints,   ///< packed int32_data, int64_data or uint64_data: varints, not fixed-width elements
  kExternal,  ///< a range of another file
};

/// Where the bytes of a tensor are.
struct TensorPlace {
  Storage storage = Storage::kNone;
  std::size_t file = 0;      ///< index into the model's files
  std::uint64_t offset = 0;  ///< of the payload in that file, bytes
  std::uint64_t size = 0;    ///< of the payload, bytes
  /// The payload is one run of fixed-width elements whose size agrees with type and dims.
  bool elements = false;
};

/// The kinds of tensors.
enum class Role {
  kWeight,  ///< multiplied with activations or looked up: Conv, Gemm, MatMul, Gather, LSTM, ...
  kBias,    ///< added once per output channel
  kNorm,    ///< scale, shift, mean or variance of a normalisation
  kOther,   ///< everything else: shapes, indices, constants
};

std::string_view role_name(Role role) noexcept;

/// What a tensor is for in the graph.
struct TensorUse {
  Role role = Role::kOther;
  int channel_axis = -1;     ///< axis of the output channels, -1 when there is none
  std::string op;            ///< operator that consumes it ("Conv"); empty when none does
  std::size_t position = 0;  ///< of that operator's node (Node::number)
};

/// One tensor of a model.
struct TensorInfo : TensorPlace, TensorUse {
  std::string
      name;  ///< unique within the model; made up from node and attribute where ONNX has none
  DataType type = DataType::kUndefined;
  std::vector<std::int64_t> dims;
  std::vector<std::string> strings;  ///< the elements of a tensor of strings

  std::uint64_t count() const { return element_count(dims).value_or(0); }

  /// A float tensor whose values a pass can overwrite in place.
  bool has_values() const { return elements && is_value_type(type); }
};

}  // namespace qc
