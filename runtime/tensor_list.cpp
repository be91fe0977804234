#include "runtime/tensor_list.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/bytes.h"
#include "formats/onnx/onnx_fields.h"
#include "formats/qc/decode/wire_field.h"

// The graph is walked twice, for the lengths of the lists and once there is memory for them.
// Messages inside each other are on a stack of a fixed depth instead of the program's.
namespace qc {
namespace {

constexpr const char* kDamaged = "its first file is no well-formed ONNX model";
// What may hold tensors is nested three deep for each level of subgraphs.
constexpr std::size_t kMaxNesting = 200;

enum class Message : std::uint8_t {
  kNone,
  kModel,
  kTraining,
  kGraph,
  kFunction,
  kNode,
  kAttribute,
  kSparse,
  kTensor,
};

// Which messages hold others that may hold tensors.
struct Nesting {
  Message outer;
  std::uint32_t field;
  Message inner;
};

constexpr std::array kNestings = {
    Nesting{Message::kModel, onnx_field::model::kGraph, Message::kGraph},
    Nesting{Message::kModel, onnx_field::model::kTrainingInfo, Message::kTraining},
    Nesting{Message::kModel, onnx_field::model::kFunctions, Message::kFunction},
    Nesting{Message::kTraining, onnx_field::training::kInitialization, Message::kGraph},
    Nesting{Message::kTraining, onnx_field::training::kAlgorithm, Message::kGraph},
    Nesting{Message::kGraph, onnx_field::graph::kNode, Message::kNode},
    Nesting{Message::kGraph, onnx_field::graph::kInitializer, Message::kTensor},
    Nesting{Message::kGraph, onnx_field::graph::kSparseInitializer, Message::kSparse},
    Nesting{Message::kFunction, onnx_field::function::kNode, Message::kNode},
    Nesting{Message::kFunction, onnx_field::function::kAttributeProto, Message::kAttribute},
    Nesting{Message::kNode, onnx_field::node::kAttribute, Message::kAttribute},
    Nesting{Message::kAttribute, onnx_field::attribute::kTensor, Message::kTensor},
    Nesting{Message::kAttribute, onnx_field::attribute::kTensors, Message::kTensor},
    Nesting{Message::kAttribute, onnx_field::attribute::kGraph, Message::kGraph},
    Nesting{Message::kAttribute, onnx_field::attribute::kGraphs, Message::kGraph},
    Nesting{Message::kAttribute, onnx_field::attribute::kSparse, Message::kSparse},
    Nesting{Message::kAttribute, onnx_field::attribute::kSparses, Message::kSparse},
    Nesting{Message::kSparse, onnx_field::sparse::kValues, Message::kTensor},
    Nesting{Message::kSparse, onnx_field::sparse::kIndices, Message::kTensor},
};

Message nested(Message outer, std::uint64_t field) noexcept {
  for (const Nesting& each : kNestings) {
    if (each.outer == outer && each.field == field) return each.inner;
  }
  return Message::kNone;
}

// A field of a message in a file whose payloads are missing.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t type = kVarint;
  std::uint64_t value = 0;  // of a varint
  std::uint64_t begin = 0;  // of the content of all others, in the file
  std::uint64_t end = 0;

  bool is_delimited() const noexcept { return type == kLengthDelimited; }
  std::uint64_t size() const noexcept { return end - begin; }
};

// Reads fields of a file, of which only literal bytes are known.
class FieldReader {
 public:
  FieldReader(const Container& container, std::size_t file) noexcept
      : container_(container), file_(file) {}

  // The field at `offset`, within a message that ends at `end`; its `end` is where the next one is.
  // False where there is no well-formed one.
  bool read(std::uint64_t offset, std::uint64_t end, Field& field) const noexcept {
    std::uint64_t tag = 0;
    if (!varint(offset, tag)) return false;
    field = {.number = tag >> 3, .type = tag & 7, .value = 0, .begin = offset, .end = offset};
    if (field.number == 0 || field.number > kMaxFieldNumber) return false;
    std::uint64_t size = 0;
    switch (field.type) {
      case kVarint:
        if (!varint(offset, field.value)) return false;
        break;
      case kFixed64:
        size = 8;
        break;
      case kLengthDelimited:
        if (!varint(offset, size)) return false;
        break;
      case kFixed32:
        size = 4;
        break;
      default:
        return false;
    }
    if (offset > end || size > end - offset) return false;
    field.begin = field.type == kVarint ? field.begin : offset;
    field.end = offset + size;
    return true;
  }

  // The content of a field; empty where a part of it is missing.
  ByteView content(const Field& field) const noexcept {
    const ByteView bytes = container_.literal_at(file_, field.begin);
    if (bytes.size() < field.size()) return {};
    return bytes.first(static_cast<std::size_t>(field.size()));
  }

  std::string_view text(const Field& field) const noexcept { return as_text(content(field)); }

 private:
  bool varint(std::uint64_t& offset, std::uint64_t& value) const noexcept {
    ByteView bytes = container_.literal_at(file_, offset);
    bytes = bytes.first(std::min<std::size_t>(bytes.size(), 10));
    ByteReader in(bytes);
    value = in.varint();
    offset += bytes.size() - in.rest().size();
    return in.ok();
  }

  const Container& container_;
  std::size_t file_;
};

// Calls take(field) for each field of a message; false where it is damaged.
template <typename Take>
bool each_field(const FieldReader& reader, std::uint64_t begin, std::uint64_t end,
                Take&& take) noexcept {
  Field field;
  for (std::uint64_t at = begin; at < end; at = field.end) {
    if (!reader.read(at, end, field) || !take(field)) return false;
  }
  return true;
}

// Calls take(number) for the dimensions in a field of a TensorProto.
template <typename Take>
bool each_dim(const FieldReader& reader, const Field& field, Take&& take) noexcept {
  if (field.type == kVarint) {
    take(field.value);
  } else if (field.is_delimited()) {
    const ByteView bytes = reader.content(field);
    if (bytes.size() != field.size()) return false;
    for (ByteReader in(bytes); !in.at_end();) {
      const std::uint64_t number = in.varint();
      if (!in.ok()) return false;
      take(number);
    }
  }
  return true;
}

// Calls take(begin, end, name) for each TensorProto of a model in the order of the file; `name` is
// that of the first output of the node that has it, or empty. False where the model is damaged.
template <typename Take>
bool each_tensor(const FieldReader& reader, std::uint64_t size, Take&& take) noexcept {
  struct Level {
    Message message = Message::kNone;
    std::uint64_t end = 0;
    std::string_view output = {};
  };
  std::array<Level, kMaxNesting> levels;
  std::size_t depth = 1;
  levels[0] = {Message::kModel, size, {}};
  std::uint64_t at = 0;
  bool has_graph = false;
  while (depth > 0) {
    Level& level = levels[depth - 1];
    if (at == level.end) {
      --depth;
      continue;
    }
    Field field;
    if (!reader.read(at, level.end, field)) return false;
    at = field.end;
    if (!field.is_delimited()) continue;
    if (level.message == Message::kNode && field.number == onnx_field::node::kOutput &&
        level.output.empty()) {
      level.output = reader.text(field);
    }
    const Message inner = nested(level.message, field.number);
    has_graph |= level.message == Message::kModel && inner == Message::kGraph;
    if (inner == Message::kTensor) {
      if (!take(field.begin, field.end, level.output)) return false;
    } else if (inner != Message::kNone) {
      if (depth == levels.size()) return false;
      levels[depth++] = {inner, field.end,
                         inner == Message::kAttribute ? level.output : std::string_view()};
      at = field.begin;
    }
  }
  return has_graph;
}

// A TensorProto as it is read, before there is memory for its name and shape.
struct TensorMessage {
  std::string_view name;
  std::int32_t type = 0;
  std::uint64_t rank = 0;
  ElementStorage storage = ElementStorage::kNone;
  bool single_payload = true;
  bool fixed32 = false;  // the elements are in float_data
  bool fixed64 = false;  // or in double_data
  std::uint64_t offset = 0;
  std::uint64_t payload = 0;
  bool external = false;
  std::string_view location;
  std::string_view external_offset;
  std::string_view external_length;

  void take_payload(const Field& field, ElementStorage how) noexcept {
    if (!field.is_delimited() || storage != ElementStorage::kNone) single_payload = false;
    storage = how;
    offset = field.begin;
    payload = field.size();
  }
};

bool read_external(const FieldReader& reader, const Field& entry, TensorMessage& tensor) noexcept {
  std::string_view key;
  std::string_view value;
  const bool whole = each_field(reader, entry.begin, entry.end, [&](const Field& field) {
    if (field.is_delimited() && field.number == onnx_field::entry::kKey) key = reader.text(field);
    if (field.is_delimited() && field.number == onnx_field::entry::kValue) {
      value = reader.text(field);
    }
    return true;
  });
  if (key == "location") tensor.location = value;
  if (key == "offset") tensor.external_offset = value;
  if (key == "length") tensor.external_length = value;
  return whole;
}

bool read_message(const FieldReader& reader, std::uint64_t begin, std::uint64_t end,
                  TensorMessage& tensor) noexcept {
  namespace names = onnx_field::tensor;
  return each_field(reader, begin, end, [&](const Field& field) {
    switch (field.number) {
      case names::kDims:
        return each_dim(reader, field, [&](std::uint64_t) { ++tensor.rank; });
      case names::kDataType:
        if (field.type == kVarint) tensor.type = static_cast<std::int32_t>(field.value);
        break;
      case names::kName:
        if (field.is_delimited()) tensor.name = reader.text(field);
        break;
      case names::kFloatData:
        tensor.fixed32 = true;
        tensor.take_payload(field, ElementStorage::kBytes);
        break;
      case names::kDoubleData:
        tensor.fixed64 = true;
        tensor.take_payload(field, ElementStorage::kBytes);
        break;
      case names::kInt32Data:
      case names::kInt64Data:
      case names::kUint64Data:
        tensor.take_payload(field, ElementStorage::kVarints);
        break;
      case names::kRawData:
        if (field.is_delimited()) tensor.take_payload(field, ElementStorage::kBytes);
        break;
      case names::kDataLocation:
        tensor.external = field.type == kVarint && field.value == 1;
        break;
      case names::kExternalData:
        return !field.is_delimited() || read_external(reader, field, tensor);
      default:
        break;
    }
    return true;
  });
}

// A decimal number; `otherwise` for an empty text. False for any other.
bool parse_number(std::string_view text, std::uint64_t otherwise, std::uint64_t& number) noexcept {
  number = text.empty() ? otherwise : 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9' || number > (UINT64_MAX - 9) / 10) return false;
    number = 10 * number + static_cast<std::uint64_t>(digit - '0');
  }
  return true;
}

// Bytes of the elements of a shape; false for strings and shapes that are none.
bool elements_size(std::int32_t type, std::span<const std::int64_t> dims,
                   std::uint64_t& size) noexcept {
  const std::uint64_t bits = data_type_bits(static_cast<DataType>(type));
  const auto count = element_count(dims);
  if (bits == 0 || !count || *count > (std::uint64_t{1} << 56)) return false;
  size = (*count * bits + 7) / 8;
  return true;
}

// Where the elements of an external tensor are; false where the container does not have them.
bool place_external(const Container& container, const TensorMessage& message,
                    ListedTensor& tensor) noexcept {
  std::string_view path = message.location;
  if (path.starts_with("./")) path.remove_prefix(2);
  const auto files = container.files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const QcFile& file) { return file.path == path; });
  if (found == files.end() || found == files.begin()) return false;
  tensor.file = static_cast<std::size_t>(found - files.begin());
  if (!parse_number(message.external_offset, 0, tensor.offset) || tensor.offset > found->size) {
    return false;
  }
  return parse_number(message.external_length, tensor.size, tensor.payload) &&
         tensor.payload <= found->size - tensor.offset;
}

// Says of a tensor whose type and dims are known where its elements are.
void place(const Container& container, const TensorMessage& message,
           ListedTensor& tensor) noexcept {
  std::uint64_t size = 0;
  if (!elements_size(tensor.type, tensor.dims, size)) return;
  tensor.size = size;
  tensor.storage = message.storage;
  tensor.offset = message.offset;
  tensor.payload = message.payload;
  bool valid = message.single_payload;
  if (message.external) {
    tensor.storage = ElementStorage::kBytes;
    valid = place_external(container, message, tensor);
  } else if (message.fixed32 || message.fixed64) {
    valid &= static_cast<DataType>(tensor.type) ==
             (message.fixed32 ? DataType::kFloat : DataType::kDouble);
  }
  if (tensor.storage == ElementStorage::kBytes) {
    valid &= tensor.payload == size;
  } else {
    const unsigned bits = data_type_bits(static_cast<DataType>(tensor.type));
    // No varint is shorter than a byte.
    valid &= bits % 8 == 0 && bits <= 64 && size / (bits / 8) <= tensor.payload;
  }
  if (size > 0 && valid && tensor.storage != ElementStorage::kNone) {
    const auto slots = container.slots();
    const QcFile& file = container.files()[tensor.file];
    const auto mine = slots.subspan(file.first_slot, file.slot_count);
    const auto found = std::partition_point(
        mine.begin(), mine.end(), [&](const QcSlot& slot) { return slot.offset < tensor.offset; });
    if (found != mine.end() && found->offset == tensor.offset && found->size == tensor.payload) {
      tensor.slot = file.first_slot + static_cast<std::size_t>(found - mine.begin());
    }
    return;
  }
  tensor.storage = ElementStorage::kNone;
  tensor.size = 0;
}

}  // namespace

ContainerFailure TensorList::read(const Container& container) noexcept {
  const FieldReader reader(container, 0);
  const std::uint64_t size = container.files()[0].size;
  std::uint64_t count = 0;
  std::uint64_t dims = 0;
  std::uint64_t names = 0;
  // Constants of ONNX call their tensor anything: what users know is the value it gives.
  const auto name_of = [](std::string_view output, const TensorMessage& message) {
    return output.empty() ? message.name : output;
  };
  const bool valid = each_tensor(
      reader, size, [&](std::uint64_t begin, std::uint64_t end, std::string_view output) {
        TensorMessage message;
        if (!read_message(reader, begin, end, message)) return false;
        ++count;
        dims += message.rank;
        names += name_of(output, message).size() + 1;
        return true;
      });
  if (!valid) return corrupt(kDamaged);
  if (!tensors_.create(count) || !dims_.create(dims) || !names_.create(names)) {
    return no_memory(count * sizeof(ListedTensor) + dims * sizeof(std::int64_t) + names,
                     "its tensors are too many");
  }
  std::size_t next = 0;
  std::int64_t* dim = dims_.span().data();
  char* name = names_.span().data();
  each_tensor(reader, size, [&](std::uint64_t begin, std::uint64_t end, std::string_view output) {
    TensorMessage message;
    read_message(reader, begin, end, message);
    ListedTensor& tensor = tensors_[next++];
    const std::string_view text = name_of(output, message);
    tensor.name = {name, text.size()};
    name = std::copy(text.begin(), text.end(), name);
    *name++ = '\0';
    tensor.type = message.type;
    tensor.dims = {dim, static_cast<std::size_t>(message.rank)};
    each_field(reader, begin, end, [&](const Field& field) {
      return field.number != onnx_field::tensor::kDims ||
             each_dim(reader, field,
                      [&](std::uint64_t number) { *dim++ = static_cast<std::int64_t>(number); });
    });
    place(container, message, tensor);
    return true;
  });
  return {};
}

ContainerFailure TensorList::decode(const Container& container, const ListedTensor& tensor,
                                    MutableBytes out, DecodeContext& context) noexcept {
  if (tensor.storage == ElementStorage::kBytes) {
    return container.decode_range(tensor.file, tensor.offset, out, context);
  }
  FixedArray<std::uint8_t> payload(context.allocator());
  if (!payload.create(tensor.payload)) {
    return no_memory(tensor.payload, "a tensor is too large");
  }
  if (const auto failed =
          container.decode_range(tensor.file, tensor.offset, payload.span(), context)) {
    return failed;
  }
  const unsigned width = data_type_bits(static_cast<DataType>(tensor.type)) / 8;
  ByteReader in(payload.span());
  for (std::size_t at = 0; at < out.size(); at += width) {
    const std::uint64_t value = in.varint();
    std::memcpy(out.data() + at, &value, width);
  }
  if (in.ok() && in.at_end()) return {};
  return corrupt("a tensor does not hold as many elements as its shape says");
}

}  // namespace qc
