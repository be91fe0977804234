#include "formats/onnx/metered_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "system/byte_size.h"

namespace qc {

void MeteredFields::charge(std::uint64_t bytes) {
  used_ += bytes;
  if (used_ <= (memory_ == 0 ? kAlwaysAllowed : memory_)) return;
  if (memory_ == 0) {
    memory_ = std::max(kAlwaysAllowed, default_memory_limit());
    return charge(0);
  }
  throw Error(ErrorCode::kLimit,
              fmt::format("its graph could take more than the {} of memory that are allowed",
                          byte_size_text(memory_)));
}

std::string MeteredFields::text(const OnnxField& field) {
  if (!field.is_delimited()) return {};
  charge(field.end - field.content);
  return fields_.text(field);
}

void MeteredFields::add_numbers(const OnnxField& field, std::vector<std::int64_t>& numbers) {
  if (field.is_varint()) numbers.push_back(static_cast<std::int64_t>(field.value));
  if (!field.is_delimited()) return;
  for (std::uint64_t at = field.content; at < field.end;) {
    charge(sizeof(std::int64_t));
    numbers.push_back(static_cast<std::int64_t>(fields_.varint(at, field.end)));
  }
}

void MeteredFields::add_floats(const OnnxField& field, std::vector<float>& numbers) {
  if (!field.is_delimited() && field.type != OnnxWireType::kFixed32) return;
  charge(field.end - field.content);
  ByteReader in(fields_.bytes(field.content, field.end));
  while (in.ok() && !in.at_end()) numbers.push_back(in.le<float>());
  if (!in.ok()) WireFields::damaged(field.begin, "a number is cut short");
}

}  // namespace qc
