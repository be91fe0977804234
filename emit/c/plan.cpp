#include "emit/c/plan.h"

#include "core/error.h"

namespace qc::c {

std::uint64_t Plan::constant_bytes() const {
  std::uint64_t sum = 0;
  for (const ConstantArray& array : arrays) sum += array.bytes.size();
  return sum;
}

ValueId storage_of(const Plan& plan, ValueId value) {
  while (plan.values[value].storage != value) value = plan.values[value].storage;
  return value;
}

std::uint64_t count_of(const Shape& shape) {
  const auto count = element_count(shape);
  if (!count) throw Error(ErrorCode::kLimit, "a shape of too many elements: " + shape_text(shape));
  return *count;
}

std::uint64_t element_bytes(DataType type) {
  switch (type) {
    case DataType::kFloat:
    case DataType::kInt32:
      return 4;
    case DataType::kInt64:
      return 8;
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kUint8:
      return 1;
    default:
      throw Error(ErrorCode::kUnsupported, "C is not written for " + data_type_name(type));
  }
}

std::string_view type_in_c(DataType type) {
  switch (type) {
    case DataType::kFloat:
      return "float";
    case DataType::kInt32:
      return "int32_t";
    case DataType::kInt64:
      return "int64_t";
    default:
      return "uint8_t";
  }
}

}  // namespace qc::c
