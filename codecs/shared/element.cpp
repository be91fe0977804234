#include "codecs/shared/element.h"

namespace qc {

Element element_of(DataType type) noexcept {
  switch (type) {
    case DataType::kFloat:
    case DataType::kComplex64:
      return {4, true};
    case DataType::kDouble:
    case DataType::kComplex128:
      return {8, true};
    case DataType::kFloat16:
    case DataType::kBfloat16:
      return {2, true};
    case DataType::kUint16:
    case DataType::kInt16:
      return {2, false};
    case DataType::kUint32:
    case DataType::kInt32:
      return {4, false};
    case DataType::kUint64:
    case DataType::kInt64:
      return {8, false};
    default:
      return {1, false};
  }
}

std::uint8_t element_code(Element element) noexcept {
  return static_cast<std::uint8_t>(element.width | (element.is_float ? 0x10 : 0));
}

bool element_from_code(std::uint8_t code, Element& element) noexcept {
  const auto width = static_cast<std::uint8_t>(code & 0x0f);
  if ((code & 0xe0) != 0 || (width != 1 && width != 2 && width != 4 && width != 8)) return false;
  element = {width, (code & 0x10) != 0};
  return true;
}

}  // namespace qc
