#include "engine/torch/convert.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstring>

#include "core/error.h"

namespace qc::torch_engine {
namespace {

struct TypePair {
  DataType onnx;
  at::ScalarType torch;
};

constexpr TypePair kTypes[] = {
    {DataType::kFloat, at::kFloat},
    {DataType::kDouble, at::kDouble},
    {DataType::kFloat16, at::kHalf},
    {DataType::kBfloat16, at::kBFloat16},
    {DataType::kUint8, at::kByte},
    {DataType::kInt8, at::kChar},
    {DataType::kInt16, at::kShort},
    {DataType::kInt32, at::kInt},
    {DataType::kInt64, at::kLong},
    {DataType::kBool, at::kBool},
    {DataType::kComplex64, at::kComplexFloat},
    {DataType::kComplex128, at::kComplexDouble},
};

}  // namespace

at::ScalarType scalar_type(DataType type) {
  for (const TypePair& pair : kTypes) {
    if (pair.onnx == type) return pair.torch;
  }
  throw Error(ErrorCode::kUnsupported,
              fmt::format("tensors of {} cannot be executed", data_type_name(type)));
}

DataType data_type(at::ScalarType type) {
  for (const TypePair& pair : kTypes) {
    if (pair.torch == type) return pair.onnx;
  }
  throw Error(ErrorCode::kUnsupported,
              fmt::format("tensors of {} are not known to ONNX", at::toString(type)));
}

at::Tensor to_torch(const HostTensor& tensor) {
  at::Tensor result = at::empty(tensor.dims, scalar_type(tensor.type));
  if (result.nbytes() != tensor.bytes.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("a {} tensor of shape {} takes {} bytes, not {}",
                                               data_type_name(tensor.type), shape_text(tensor.dims),
                                               result.nbytes(), tensor.bytes.size()));
  }
  if (!tensor.bytes.empty()) {
    std::memcpy(result.data_ptr(), tensor.bytes.data(), tensor.bytes.size());
  }
  return result;
}

HostTensor to_host(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.detach().cpu().contiguous();
  HostTensor result;
  result.type = data_type(dense.scalar_type());
  result.dims = dense.sizes().vec();
  result.bytes.resize(dense.nbytes());
  if (!result.bytes.empty()) {
    std::memcpy(result.bytes.data(), dense.data_ptr(), result.bytes.size());
  }
  return result;
}

}  // namespace qc::torch_engine
