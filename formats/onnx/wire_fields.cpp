#include "formats/onnx/wire_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace qc {

void WireFields::damaged(std::uint64_t at, const char* what) {
  throw Error(ErrorCode::kCorrupt,
              fmt::format("not a well-formed ONNX model: {} at byte {}", what, at));
}

std::uint64_t WireFields::varint(std::uint64_t& at, std::uint64_t end) const {
  ByteView bytes = file_.at(at);
  bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), end - at));
  ByteReader in(bytes);
  const std::uint64_t value = in.varint();
  if (!in.ok()) damaged(at, "a number is cut short");
  at += bytes.size() - in.rest().size();
  return value;
}

OnnxField WireFields::next(std::uint64_t& at, std::uint64_t end) const {
  constexpr std::uint64_t kMostFieldNumber = 0x1fffffff;
  OnnxField field;
  field.begin = at;
  const std::uint64_t tag = varint(at, end);
  if (tag >> 3 == 0 || tag >> 3 > kMostFieldNumber) damaged(field.begin, "no field number");
  field.number = static_cast<std::uint32_t>(tag >> 3);
  field.type = static_cast<OnnxWireType>(tag & 7);
  field.content = at;
  std::uint64_t size = 0;
  switch (field.type) {
    case OnnxWireType::kVarint:
      field.value = varint(at, end);
      field.end = at;
      return field;
    case OnnxWireType::kFixed64:
      size = 8;
      break;
    case OnnxWireType::kLengthDelimited:
      size = varint(at, end);
      field.content = at;
      break;
    case OnnxWireType::kFixed32:
      size = 4;
      break;
    default:
      damaged(field.begin, "an unknown wire type");
  }
  if (size > end - at) damaged(field.begin, "a length runs past the end");
  at += size;
  field.end = at;
  return field;
}

ByteView WireFields::bytes(std::uint64_t begin, std::uint64_t end) const {
  const ByteView bytes = file_.at(begin);
  if (bytes.size() < end - begin) damaged(begin, "a payload lies where none may be");
  return bytes.first(end - begin);
}

std::string WireFields::text(const OnnxField& field) const {
  return std::string(as_text(bytes(field.content, field.end)));
}

}  // namespace qc
