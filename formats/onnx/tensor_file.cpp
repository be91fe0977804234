#include "formats/onnx/tensor_file.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "formats/onnx/metered_fields.h"
#include "formats/onnx/tensor_elements.h"
#include "formats/onnx/tensor_table.h"
#include "formats/onnx/wire_tensor.h"

namespace qc {
namespace {

TensorFile read_tensor_message(ByteView bytes) {
  const GappedBytes file(bytes);
  MeteredFields fields(file, 0);
  const OnnxField message{.type = OnnxWireType::kLengthDelimited, .end = bytes.size()};
  WireTensor wire = read_tensor(fields, message);
  TensorInfo info = describe_tensor(wire);
  info.name = wire.name.empty() ? "without a name" : wire.name;
  if (info.storage == Storage::kExternal) {
    throw Error(ErrorCode::kUnsupported, "its elements are in another file");
  }
  TensorFile result{.name = std::move(wire.name),
                    .tensor = {.type = info.type, .dims = info.dims, .bytes = {}}};
  if (info.type == DataType::kString) {
    if (tensor_count(info.name, info.dims) != info.strings.size()) {
      corrupt_tensor(info.name, "does not hold as many strings as its shape says");
    }
    result.tensor.strings = std::move(info.strings);
  } else {
    const ByteView payload = bytes.subspan(info.offset, info.size);
    result.tensor.bytes = tensor_elements(info, payload);
  }
  return result;
}

}  // namespace

TensorFile read_tensor_file(ByteView bytes, const std::string& file) {
  try {
    return read_tensor_message(bytes);
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("{} is no tensor that can be read: {}", file, error.what()));
  }
}

}  // namespace qc
