#include "proto_tensor.h"

#include <onnx/onnx_pb.h>

#include <cstring>
#include <stdexcept>

#include "harness.h"

namespace qc::test {
namespace {

// Typed fields hold one number for each element, whatever the element's width.
template <typename Field>
Bytes narrow(const Field& field, unsigned width) {
  Bytes bytes(static_cast<std::size_t>(field.size()) * width);
  for (int i = 0; i < field.size(); ++i) {
    const auto value = field.Get(i);
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * width, &value, width);
  }
  return bytes;
}

Bytes elements(const onnx::TensorProto& proto, DataType type) {
  if (proto.has_raw_data()) {
    const auto* data = reinterpret_cast<const Bytes::value_type*>(proto.raw_data().data());
    return {data, data + proto.raw_data().size()};
  }
  const unsigned width = data_type_bits(type) / 8;
  if (proto.float_data_size() > 0) return narrow(proto.float_data(), sizeof(float));
  if (proto.double_data_size() > 0) return narrow(proto.double_data(), sizeof(double));
  if (proto.int32_data_size() > 0) return narrow(proto.int32_data(), width);
  if (proto.int64_data_size() > 0) return narrow(proto.int64_data(), width);
  return narrow(proto.uint64_data(), width);
}

}  // namespace

HostTensor read_proto_tensor(const std::filesystem::path& path) {
  onnx::TensorProto proto;
  if (!proto.ParseFromString(harness::read_file(path))) {
    throw std::runtime_error(path.string() + " is no TensorProto");
  }
  HostTensor tensor;
  tensor.type = static_cast<DataType>(proto.data_type());
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  if (tensor.type == DataType::kString) {
    tensor.strings.assign(proto.string_data().begin(), proto.string_data().end());
  } else {
    tensor.bytes = elements(proto, tensor.type);
  }
  return tensor;
}

}  // namespace qc::test
