#include "formats/onnx/onnx_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "core/error.h"
#include "system/byte_size.h"

namespace qc {
namespace {

// The messages of onnx.proto that can hold a tensor at some depth.
enum class Message { kModel, kTraining, kGraph, kNode, kAttribute, kSparse, kFunction, kTensor };

struct NestedField {
  std::uint32_t field;
  Message message;
};

// Fields of a message by number, as in onnx.proto: those that hold such messages, and those that
// are text, or numbers as wide in memory as in the file.
struct MessageFields {
  std::span<const NestedField> nested;
  std::span<const std::uint32_t> plain;
};

MessageFields fields_of(Message message) noexcept {
  static constexpr std::array<NestedField, 3> kInModel = {
      {{7, Message::kGraph}, {20, Message::kTraining}, {25, Message::kFunction}}};
  static constexpr std::array<NestedField, 2> kInTraining = {
      {{1, Message::kGraph}, {2, Message::kGraph}}};
  static constexpr std::array<NestedField, 3> kInGraph = {
      {{1, Message::kNode}, {5, Message::kTensor}, {15, Message::kSparse}}};
  static constexpr std::array<NestedField, 1> kInNode = {{{5, Message::kAttribute}}};
  static constexpr std::array<NestedField, 6> kInAttribute = {{{5, Message::kTensor},
                                                               {6, Message::kGraph},
                                                               {10, Message::kTensor},
                                                               {11, Message::kGraph},
                                                               {22, Message::kSparse},
                                                               {23, Message::kSparse}}};
  static constexpr std::array<NestedField, 2> kInSparse = {
      {{1, Message::kTensor}, {2, Message::kTensor}}};
  static constexpr std::array<NestedField, 2> kInFunction = {
      {{7, Message::kNode}, {11, Message::kAttribute}}};
  static constexpr std::array<std::uint32_t, 4> kOfModel = {2, 3, 4, 6};
  static constexpr std::array<std::uint32_t, 2> kOfGraph = {2, 10};
  static constexpr std::array<std::uint32_t, 7> kOfNode = {1, 2, 3, 4, 6, 7, 8};
  static constexpr std::array<std::uint32_t, 6> kOfAttribute = {1, 4, 7, 9, 13, 21};
  static constexpr std::array<std::uint32_t, 7> kOfFunction = {1, 4, 5, 6, 8, 10, 13};
  static constexpr std::array<std::uint32_t, 3> kOfTensor = {6, 8, 12};
  switch (message) {
    case Message::kModel:
      return {kInModel, kOfModel};
    case Message::kTraining:
      return {kInTraining, {}};
    case Message::kGraph:
      return {kInGraph, kOfGraph};
    case Message::kNode:
      return {kInNode, kOfNode};
    case Message::kAttribute:
      return {kInAttribute, kOfAttribute};
    case Message::kSparse:
      return {kInSparse, {}};
    case Message::kFunction:
      return {kInFunction, kOfFunction};
    case Message::kTensor:
      return {{}, kOfTensor};
  }
  return {};
}

// What parsed messages take in memory, from above: one that is walked, of a tensor all that is
// known of it, a field, and a byte of a message that is not walked, which may hold empty messages.
constexpr std::uint64_t kMessageBytes = 256;
constexpr std::uint64_t kTensorBytes = 1024;
constexpr std::uint64_t kFieldBytes = 48;
constexpr std::uint64_t kBytesPerByte = 32;

// Fields of TensorProto.
constexpr std::uint32_t kDims = 1;
constexpr std::uint32_t kDataType = 2;
constexpr std::uint32_t kFloatData = 4;
constexpr std::uint32_t kInt32Data = 5;
constexpr std::uint32_t kInt64Data = 7;
constexpr std::uint32_t kName = 8;
constexpr std::uint32_t kRawData = 9;
constexpr std::uint32_t kDoubleData = 10;
constexpr std::uint32_t kUint64Data = 11;
constexpr std::uint32_t kExternalData = 13;
constexpr std::uint32_t kDataLocation = 14;
constexpr std::uint32_t kModelGraph = 7;

enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

struct Field {
  std::uint32_t number;
  std::uint32_t type;
  std::uint64_t begin;  // of the value; after the length of a length-delimited field
  std::uint64_t end;
  std::uint64_t value;  // of a varint
};

void append_text_varint(std::string& out, std::uint64_t value) {
  Bytes bytes;
  append_varint(bytes, value);
  out += as_text(bytes);
}

class Walker {
 public:
  Walker(const GappedBytes& file, std::uint64_t memory) : file_(file), memory_(memory) {}

  WireModel run() {
    bool has_graph = false;
    for (std::uint64_t at = 0; at < file_.size();) {
      const Field field = next_field(at, file_.size());
      has_graph |= field.number == kModelGraph && field.type == kLengthDelimited;
    }
    if (!has_graph) throw Error(ErrorCode::kCorrupt, "it has no graph: not an ONNX model");
    walk(Message::kModel, 0, file_.size(), 0, model_.skeleton);
    return std::move(model_);
  }

 private:
  [[noreturn]] static void damaged(std::uint64_t at, const char* what) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("not a well-formed ONNX model: {} at byte {}", what, at));
  }

  std::uint64_t varint(std::uint64_t& at, std::uint64_t end) {
    ByteView bytes = file_.at(at);
    bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), end - at));
    ByteReader in(bytes);
    const std::uint64_t value = in.varint();
    if (!in.ok()) damaged(at, "a number is cut short");
    at += bytes.size() - in.rest().size();
    return value;
  }

  // Reads the field that starts at `at` and moves `at` behind it.
  Field next_field(std::uint64_t& at, std::uint64_t end) {
    const std::uint64_t start = at;
    const std::uint64_t tag = varint(at, end);
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) damaged(start, "no field number");
    Field field{static_cast<std::uint32_t>(tag >> 3), static_cast<std::uint32_t>(tag & 7), at, at,
                0};
    std::uint64_t size = 0;
    switch (field.type) {
      case kVarint:
        field.value = varint(at, end);
        field.end = at;
        return field;
      case kFixed64:
        size = 8;
        break;
      case kLengthDelimited:
        size = varint(at, end);
        field.begin = at;
        break;
      case kFixed32:
        size = 4;
        break;
      default:
        damaged(start, "an unknown wire type");
    }
    if (size > end - at) damaged(start, "a length runs past the end");
    at += size;
    field.end = at;
    return field;
  }

  std::string text(std::uint64_t begin, std::uint64_t end) {
    const ByteView bytes = file_.at(begin);
    if (bytes.size() < end - begin) damaged(begin, "a payload lies where none may be");
    return std::string(as_text(bytes.first(end - begin)));
  }

  void charge(std::uint64_t bytes) {
    parsed_bytes_ += bytes;
    if (parsed_bytes_ <= (memory_ == 0 ? kAlwaysAllowed : memory_)) return;
    if (memory_ == 0) {
      memory_ = std::max(kAlwaysAllowed, default_memory_limit());
      return charge(0);
    }
    throw Error(ErrorCode::kLimit,
                fmt::format("its graph could take more than the {} of memory that are allowed",
                            byte_size_text(memory_)));
  }

  // Appends a field of a message as it is.
  void copy(Message message, std::uint64_t begin, const Field& field, std::string& out) {
    const std::span<const std::uint32_t> plain = fields_of(message).plain;
    const bool is_plain = field.type != kLengthDelimited ||
                          std::find(plain.begin(), plain.end(), field.number) != plain.end();
    const std::uint64_t size = std::min(field.end - begin, UINT64_MAX / kBytesPerByte / 2);
    charge(kFieldBytes + (is_plain ? size : kBytesPerByte * size));
    const ByteView bytes = file_.at(begin);
    if (bytes.size() < field.end - begin) damaged(begin, "a payload lies where none may be");
    out += as_text(bytes.first(field.end - begin));
  }

  void walk(Message message, std::uint64_t begin, std::uint64_t end, int depth, std::string& out) {
    if (depth > kMaxMessageNesting) damaged(begin, "messages are nested too deep");
    if (message == Message::kTensor) {
      walk_tensor(begin, end, out);
      return;
    }
    const std::span<const NestedField> nested = fields_of(message).nested;
    for (std::uint64_t at = begin; at < end;) {
      const std::uint64_t start = at;
      const Field field = next_field(at, end);
      const auto found = std::find_if(
          nested.begin(), nested.end(),
          [&](const NestedField& candidate) { return candidate.field == field.number; });
      if (field.type != kLengthDelimited || found == nested.end()) {
        copy(message, start, field, out);
        continue;
      }
      charge(kMessageBytes);
      std::string inner;
      walk(found->message, field.begin, field.end, depth + 1, inner);
      append_field(field.number, inner, out);
    }
  }

  static void append_field(std::uint32_t number, std::string_view content, std::string& out) {
    append_text_varint(out, (std::uint64_t{number} << 3) | kLengthDelimited);
    append_text_varint(out, content.size());
    out += content;
  }

  void set_payload(WireTensor& tensor, Storage storage, const Field& field) {
    if (tensor.storage != Storage::kNone) tensor.single_payload = false;
    tensor.storage = storage;
    tensor.offset = field.begin;
    tensor.size = field.end - field.begin;
  }

  void walk_tensor(std::uint64_t begin, std::uint64_t end, std::string& out) {
    charge(kTensorBytes);
    WireTensor tensor;
    bool external = false;
    for (std::uint64_t at = begin; at < end;) {
      const std::uint64_t start = at;
      const Field field = next_field(at, end);
      const bool delimited = field.type == kLengthDelimited;
      switch (field.number) {
        case kFloatData:
        case kDoubleData:
          if (delimited) {
            set_payload(tensor, Storage::kTyped, field);
            continue;
          }
          tensor.single_payload = false;
          break;
        case kInt32Data:
        case kInt64Data:
        case kUint64Data:
          if (delimited) {
            set_payload(tensor, Storage::kVarints, field);
            continue;
          }
          tensor.single_payload = false;
          break;
        case kRawData:
          if (delimited) {
            set_payload(tensor, Storage::kRaw, field);
            continue;
          }
          break;
        case kDims:
          if (field.type == kVarint) tensor.dims.push_back(static_cast<std::int64_t>(field.value));
          if (delimited) {
            for (std::uint64_t dim = field.begin; dim < field.end;) {
              tensor.dims.push_back(static_cast<std::int64_t>(varint(dim, field.end)));
            }
          }
          break;
        case kDataType:
          if (field.type == kVarint) tensor.data_type = static_cast<std::int32_t>(field.value);
          break;
        case kName:
          if (delimited) tensor.name = text(field.begin, field.end);
          break;
        case kDataLocation:
          external = field.type == kVarint && field.value == 1;
          break;
        case kExternalData:
          if (delimited) add_external_entry(field, tensor);
          break;
        default:
          break;
      }
      copy(Message::kTensor, start, field, out);
    }
    if (external) tensor.storage = Storage::kExternal;
    const auto index = static_cast<std::uint32_t>(model_.tensors.size());
    Bytes number;
    append_le(number, index);
    append_field(kRawData, as_text(number), out);
    model_.tensors.push_back(std::move(tensor));
  }

  void add_external_entry(const Field& entry, WireTensor& tensor) {
    std::string key;
    std::string value;
    for (std::uint64_t at = entry.begin; at < entry.end;) {
      const Field field = next_field(at, entry.end);
      if (field.type != kLengthDelimited) continue;
      if (field.number == 1) key = text(field.begin, field.end);
      if (field.number == 2) value = text(field.begin, field.end);
    }
    tensor.external[key] = value;
  }

  const GappedBytes& file_;
  std::uint64_t memory_;  // 0: not known yet
  std::uint64_t parsed_bytes_ = 0;
  WireModel model_;
};

}  // namespace

GappedBytes::GappedBytes(ByteView literal, std::vector<Gap> gaps)
    : literal_(literal), gaps_(std::move(gaps)) {
  std::uint64_t before = 0;
  for (const Gap& gap : gaps_) {
    gap_bytes_before_.push_back(before);
    before += gap.size;
  }
  size_ = literal_.size() + before;
}

ByteView GappedBytes::at(std::uint64_t offset) const noexcept {
  const auto next =
      std::upper_bound(gaps_.begin(), gaps_.end(), offset,
                       [](std::uint64_t at, const Gap& gap) { return at < gap.offset; });
  const auto index = static_cast<std::size_t>(next - gaps_.begin());
  std::uint64_t gap_bytes = 0;
  if (index > 0) {
    const Gap& before = gaps_[index - 1];
    if (offset - before.offset < before.size) return {};
    gap_bytes = gap_bytes_before_[index - 1] + before.size;
  }
  const std::uint64_t begin = std::min<std::uint64_t>(offset - gap_bytes, literal_.size());
  const std::uint64_t end =
      next == gaps_.end() ? literal_.size()
                          : std::min<std::uint64_t>(next->offset - gap_bytes, literal_.size());
  return literal_.subspan(begin, std::max(begin, end) - begin);
}

WireModel walk_model(const GappedBytes& file, std::uint64_t memory) {
  if (file.size() == 0) throw Error(ErrorCode::kCorrupt, "it is empty: not an ONNX model");
  return Walker(file, memory).run();
}

}  // namespace qc
