#include "formats/onnx/wire_tensor.h"

#include <utility>

#include "formats/onnx/onnx_fields.h"

namespace qc {
namespace {

// All that is known of a tensor takes in memory, from above.
constexpr std::uint64_t kTensorBytes = 1024;

// Whether the field is one for elements.
bool read_payload(const OnnxField& field, WireTensor& tensor) {
  namespace names = onnx_field::tensor;
  Storage storage = Storage::kNone;
  switch (field.number) {
    case names::kFloatData:
    case names::kDoubleData:
      storage = Storage::kTyped;
      break;
    case names::kInt32Data:
    case names::kInt64Data:
    case names::kUint64Data:
      storage = Storage::kVarints;
      break;
    case names::kRawData:
      if (!field.is_delimited()) return true;
      storage = Storage::kRaw;
      break;
    default:
      return false;
  }
  if (!field.is_delimited() || tensor.storage != Storage::kNone) tensor.single_payload = false;
  if (!field.is_delimited()) return true;
  tensor.storage = storage;
  tensor.offset = field.content;
  tensor.size = field.end - field.content;
  return true;
}

void add_external_entry(MeteredFields& fields, const OnnxField& message, WireTensor& tensor) {
  std::string key;
  std::string value;
  fields.each(message, [&](const OnnxField& field) {
    if (!field.is_delimited()) return;
    if (field.number == onnx_field::entry::kKey) key = fields.text(field);
    if (field.number == onnx_field::entry::kValue) value = fields.text(field);
  });
  tensor.external[key] = value;
}

void read_description(MeteredFields& fields, const OnnxField& field, WireTensor& tensor,
                      bool& external) {
  namespace names = onnx_field::tensor;
  switch (field.number) {
    case names::kDims:
      fields.add_numbers(field, tensor.dims);
      break;
    case names::kDataType:
      if (field.is_varint()) tensor.data_type = static_cast<std::int32_t>(field.value);
      break;
    case names::kName:
      if (field.is_delimited()) tensor.name = fields.text(field);
      break;
    case names::kStringData:
      if (field.is_delimited()) tensor.strings.push_back(fields.text(field));
      break;
    case names::kDataLocation:
      external = field.is_varint() && field.value == 1;
      break;
    case names::kExternalData:
      if (field.is_delimited()) add_external_entry(fields, field, tensor);
      break;
    default:
      break;
  }
}

}  // namespace

WireTensor read_tensor(MeteredFields& fields, const OnnxField& message) {
  fields.charge(kTensorBytes);
  WireTensor tensor;
  bool external = false;
  fields.each(message, [&](const OnnxField& field) {
    if (!read_payload(field, tensor)) read_description(fields, field, tensor, external);
  });
  if (external) tensor.storage = Storage::kExternal;
  return tensor;
}

}  // namespace qc
