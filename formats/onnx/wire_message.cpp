#include "formats/onnx/wire_message.h"

#include "formats/onnx/wire_fields.h"

namespace qc {
namespace {

void append_tag(Bytes& out, std::uint32_t field, OnnxWireType type) {
  append_varint(out, (std::uint64_t{field} << 3) | static_cast<std::uint32_t>(type));
}

}  // namespace

void WireMessage::add(Source source, std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return;
  size_ += end - begin;
  const bool follows = !runs_.empty() && runs_.back().source == source && runs_.back().end == begin;
  if (follows) {
    runs_.back().end = end;
  } else {
    runs_.push_back({source, begin, end});
  }
}

void WireMessage::own(ByteView bytes) {
  const std::uint64_t begin = buffer_->size();
  qc::append(*buffer_, bytes);
  add(Source::kBuffer, begin, buffer_->size());
}

void WireMessage::append(const WireMessage& other) {
  for (const Run& run : other.runs_) {
    if (run.source != Source::kTensor) {
      add(run.source, run.begin, run.end);
      continue;
    }
    runs_.push_back(run);
    size_ += run.end;
  }
}

void WireMessage::varint(std::uint32_t field, std::uint64_t value) {
  Bytes bytes;
  append_tag(bytes, field, OnnxWireType::kVarint);
  append_varint(bytes, value);
  own(bytes);
}

void WireMessage::fixed32(std::uint32_t field, float value) {
  Bytes bytes;
  append_tag(bytes, field, OnnxWireType::kFixed32);
  append_le(bytes, value);
  own(bytes);
}

void WireMessage::header(std::uint32_t field, std::uint64_t size) {
  Bytes bytes;
  append_tag(bytes, field, OnnxWireType::kLengthDelimited);
  append_varint(bytes, size);
  own(bytes);
}

void WireMessage::text(std::uint32_t field, std::string_view value) {
  header(field, value.size());
  own(as_bytes(value));
}

void WireMessage::message(std::uint32_t field, const WireMessage& value) {
  header(field, value.size());
  append(value);
}

void WireMessage::payload(std::uint32_t field, std::size_t index, std::uint64_t size) {
  header(field, size);
  runs_.push_back({Source::kTensor, index, size});
  size_ += size;
}

BytePieces WireMessage::resolve(const BytePieces& file,
                                const std::vector<HostTensor>& tensors) const {
  BytePieces pieces;
  for (const Run& run : runs_) {
    switch (run.source) {
      case Source::kFile:
        pieces.add_range(file, run.begin, run.end - run.begin);
        break;
      case Source::kBuffer:
        pieces.add(ByteView(*buffer_).subspan(run.begin, run.end - run.begin));
        break;
      case Source::kTensor:
        pieces.add(tensors[run.begin].bytes);
        break;
    }
  }
  return pieces;
}

}  // namespace qc
