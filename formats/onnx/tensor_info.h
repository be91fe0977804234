// One tensor of a model: what it is, what it is for, and where its payload lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "formats/onnx/storage.h"

namespace qc {

/// What a tensor is for in the graph.
enum class Role {
  kWeight,  ///< multiplied with activations or looked up: Conv, Gemm, MatMul, Gather, LSTM, ...
  kBias,    ///< added once per output channel
  kNorm,    ///< scale, shift, mean or variance of a normalisation
  kOther,   ///< everything else: shapes, indices, constants
};

std::string_view role_name(Role role) noexcept;

/// One tensor of a model.
struct TensorInfo {
  std::string
      name;  ///< unique within the model; made up from node and attribute where ONNX has none
  DataType type = DataType::kUndefined;
  std::vector<std::int64_t> dims;
  Role role = Role::kOther;
  int channel_axis = -1;     ///< axis of the output channels, -1 when there is none
  std::string op;            ///< operator that consumes it ("Conv"); empty when none does
  std::size_t position = 0;  ///< of that operator's node in the order of execution

  Storage storage = Storage::kNone;
  std::size_t file = 0;      ///< index into the model's files
  std::uint64_t offset = 0;  ///< of the payload in that file, bytes
  std::uint64_t size = 0;    ///< of the payload, bytes
  /// The payload is one run of fixed-width elements whose size agrees with type and dims.
  bool elements = false;

  std::uint64_t count() const { return element_count(dims).value_or(0); }
  /// A float tensor whose values a pass can overwrite in place.
  bool has_values() const { return elements && is_value_type(type); }
};

}  // namespace qc
