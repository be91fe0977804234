#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "formats/onnx/onnx_wire.h"
#include "model_files.h"

namespace qc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using test::noise;
using test::serialize;
using test::set_raw;

ByteView payload(const Bytes& file, const WireTensor& tensor) {
  return ByteView(file).subspan(tensor.offset, tensor.size);
}

WireModel walk(const Bytes& file) { return walk_model(GappedBytes(file)); }

onnx::ModelProto model_with(const onnx::TensorProto& tensor) {
  onnx::ModelProto model;
  *model.mutable_graph()->add_initializer() = tensor;
  return model;
}

Bytes varints(const std::vector<std::uint64_t>& values) {
  Bytes bytes;
  for (const std::uint64_t value : values) append_varint(bytes, value);
  return bytes;
}

template <typename T>
Bytes fixed(const std::vector<T>& values) {
  Bytes bytes;
  for (const T value : values) append_le(bytes, value);
  return bytes;
}

struct Payload {
  const char* name;
  void (*fill)(onnx::TensorProto&);
  Storage storage;
  Bytes bytes;
};

class EveryField : public testing::TestWithParam<Payload> {};

TEST_P(EveryField, IsFoundByteForByte) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  GetParam().fill(tensor);
  const Bytes file = serialize(model_with(tensor));
  const WireModel wire = walk(file);
  ASSERT_EQ(wire.tensors.size(), 1U);
  EXPECT_EQ(wire.tensors[0].storage, GetParam().storage);
  EXPECT_TRUE(wire.tensors[0].single_payload);
  EXPECT_THAT(payload(file, wire.tensors[0]), testing::ElementsAreArray(GetParam().bytes));
}

const std::vector<Payload> kPayloads = {
    {"raw_data", [](onnx::TensorProto& tensor) { tensor.set_raw_data("12345678"); }, Storage::kRaw,
     Bytes{'1', '2', '3', '4', '5', '6', '7', '8'}},
    {"float_data",
     [](onnx::TensorProto& tensor) {
       for (const float value : {1.5F, -0.0F}) tensor.add_float_data(value);
     },
     Storage::kTyped, fixed<float>({1.5F, -0.0F})},
    {"double_data",
     [](onnx::TensorProto& tensor) {
       for (const double value : {1e300, -2.0}) tensor.add_double_data(value);
     },
     Storage::kTyped, fixed<double>({1e300, -2.0})},
    {"int32_data",
     [](onnx::TensorProto& tensor) {
       for (const int value : {300, -1}) tensor.add_int32_data(value);
     },
     Storage::kVarints, varints({300, ~std::uint64_t{0}})},
    {"int64_data",
     [](onnx::TensorProto& tensor) {
       for (const int value : {-2, 5}) tensor.add_int64_data(value);
     },
     Storage::kVarints, varints({~std::uint64_t{1}, 5})},
    {"uint64_data",
     [](onnx::TensorProto& tensor) {
       for (const unsigned value : {7U, 1U << 20}) tensor.add_uint64_data(value);
     },
     Storage::kVarints, varints({7, 1U << 20})},
};

INSTANTIATE_TEST_SUITE_P(Payloads, EveryField, testing::ValuesIn(kPayloads),
                         [](const auto& test) { return std::string(test.param.name); });

// What protobuf's classes do not write but every parser accepts.
TEST(WireWalker, LeavesUnpackedElementsWhereTheyAre) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  for (const float value : {1.0F, 2.0F}) {
    tensor.mutable_unknown_fields()->AddFixed32(4, std::bit_cast<std::uint32_t>(value));
  }
  const WireModel wire = walk(serialize(model_with(tensor)));
  ASSERT_EQ(wire.tensors.size(), 1U);
  EXPECT_EQ(wire.tensors[0].storage, Storage::kNone);
  EXPECT_FALSE(wire.tensors[0].single_payload);
  onnx::ModelProto skeleton;
  ASSERT_TRUE(skeleton.ParseFromString(wire.skeleton));
  EXPECT_THAT(skeleton.graph().initializer(0).float_data(), testing::ElementsAre(1.0F, 2.0F));
}

TEST(WireWalker, ReadsPackedDims) {
  onnx::TensorProto tensor;
  tensor.add_dims(300);
  tensor.mutable_unknown_fields()->AddLengthDelimited(1, std::string("\x02\x03", 2));
  tensor.set_raw_data("x");
  EXPECT_THAT(walk(serialize(model_with(tensor))).tensors[0].dims, testing::ElementsAre(300, 2, 3));
}

TEST(WireWalker, TellsWhenSeveralFieldsHoldElements) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  tensor.add_float_data(1);
  tensor.set_raw_data("12345678");
  const WireModel wire = walk(serialize(model_with(tensor)));
  EXPECT_FALSE(wire.tensors[0].single_payload);
}

TEST(WireWalker, ReadsExternalDataEntries) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  test::set_external(tensor, "weights.bin", 64, 8);
  const WireModel wire = walk(serialize(model_with(tensor)));
  EXPECT_EQ(wire.tensors[0].storage, Storage::kExternal);
  EXPECT_THAT(
      wire.tensors[0].external,
      testing::ElementsAre(testing::Pair("length", "8"), testing::Pair("location", "weights.bin"),
                           testing::Pair("offset", "64")));
}

// A field of a message through which tensors can be reached.
struct Edge {
  const Descriptor* from;
  const FieldDescriptor* field;
};

// The fields on the shortest way from one message type to another; nothing when there is none.
std::optional<std::vector<const FieldDescriptor*>> way(const Descriptor* from,
                                                       const Descriptor* to) {
  std::map<const Descriptor*, std::vector<const FieldDescriptor*>> ways = {{from, {}}};
  std::vector<const Descriptor*> queue = {from};
  for (std::size_t next = 0; next < queue.size(); ++next) {
    const Descriptor* at = queue[next];
    if (at == to) return ways[at];
    for (int i = 0; i < at->field_count(); ++i) {
      const FieldDescriptor* field = at->field(i);
      if (field->message_type() == nullptr || ways.contains(field->message_type())) continue;
      ways[field->message_type()] = ways[at];
      ways[field->message_type()].push_back(field);
      queue.push_back(field->message_type());
    }
  }
  return std::nullopt;
}

std::vector<Edge> edges_to_tensors() {
  const Descriptor* tensor = onnx::TensorProto::descriptor();
  std::vector<Edge> edges;
  std::set<const Descriptor*> seen = {onnx::ModelProto::descriptor()};
  std::vector<const Descriptor*> queue(seen.begin(), seen.end());
  for (std::size_t next = 0; next < queue.size(); ++next) {
    for (int i = 0; i < queue[next]->field_count(); ++i) {
      const FieldDescriptor* field = queue[next]->field(i);
      if (field->message_type() == nullptr) continue;
      if (way(field->message_type(), tensor)) edges.push_back({queue[next], field});
      if (seen.insert(field->message_type()).second) queue.push_back(field->message_type());
    }
  }
  return edges;
}

Message& enter(Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  return field->is_repeated() ? *reflection->AddMessage(&message, field)
                              : *reflection->MutableMessage(&message, field);
}

// ONNX's schema says where tensors can be; the walker knows every such place.
TEST(WireWalker, FindsATensorBehindEveryFieldOfTheSchema) {
  const std::vector<Edge> edges = edges_to_tensors();
  EXPECT_GE(edges.size(), 18U);
  for (const Edge& edge : edges) {
    SCOPED_TRACE(edge.field->full_name());
    onnx::ModelProto model;
    model.mutable_graph();
    auto fields = *way(onnx::ModelProto::descriptor(), edge.from);
    fields.push_back(edge.field);
    const auto rest = *way(edge.field->message_type(), onnx::TensorProto::descriptor());
    fields.insert(fields.end(), rest.begin(), rest.end());
    Message* message = &model;
    for (const FieldDescriptor* field : fields) message = &enter(*message, field);
    set_raw(dynamic_cast<onnx::TensorProto&>(*message), "t", 1, {4}, noise(16, 1));

    const Bytes file = serialize(model);
    const WireModel wire = walk(file);
    ASSERT_EQ(wire.tensors.size(), 1U);
    EXPECT_THAT(payload(file, wire.tensors[0]), testing::ElementsAreArray(noise(16, 1)));
  }
}

// Tensors in many places, with an If in a Loop, and fields that ONNX does not know.
onnx::ModelProto rich_model() {
  onnx::ModelProto model;
  model.mutable_unknown_fields()->AddLengthDelimited(1000, "of the model");
  onnx::GraphProto& graph = *model.mutable_graph();
  set_raw(*graph.add_initializer(), "w", 1, {5}, noise(20, 1))
      .mutable_unknown_fields()
      ->AddVarint(999, 7);
  set_raw(*graph.add_initializer(), "odd", 99, {3}, noise(33, 2));
  onnx::NodeProto& loop = test::add_node(graph, "Loop", {}, "y");
  onnx::GraphProto& body =
      *test::add_attribute(loop, "body", onnx::AttributeProto::GRAPH).mutable_g();
  set_raw(*body.add_initializer(), "b", 1, {5}, noise(20, 3));
  onnx::NodeProto& branch = test::add_node(body, "If", {}, "z");
  onnx::GraphProto& then =
      *test::add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  onnx::NodeProto& constant = test::add_node(then, "Constant", {}, "c");
  onnx::AttributeProto& value =
      test::add_attribute(constant, "value", onnx::AttributeProto::TENSOR);
  test::describe_tensor(*value.mutable_t(), "", 1, {1}).add_float_data(4);
  value.mutable_unknown_fields()->AddFixed64(998, 1);
  onnx::SparseTensorProto& sparse = *graph.add_sparse_initializer();
  set_raw(*sparse.mutable_values(), "s", 1, {2}, noise(8, 4));
  test::describe_tensor(*sparse.mutable_indices(), "", 7, {2}).add_int64_data(9);
  return model;
}

// Tensors of a message in the order of field numbers, which is that of the file.
void collect_tensors(Message& message, std::vector<onnx::TensorProto*>& tensors) {
  if (message.GetDescriptor() == onnx::TensorProto::descriptor()) {
    tensors.push_back(&dynamic_cast<onnx::TensorProto&>(message));
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) {
      collect_tensors(*message.GetReflection()->MutableMessage(&message, field), tensors);
      continue;
    }
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      collect_tensors(*message.GetReflection()->MutableRepeatedMessage(&message, field, i),
                      tensors);
    }
  }
}

TEST(WireWalker, SkeletonIsTheModelWithIndicesForPayloads) {
  onnx::ModelProto model = rich_model();
  const WireModel wire = walk(serialize(model));
  std::vector<onnx::TensorProto*> tensors;
  collect_tensors(model, tensors);
  ASSERT_EQ(wire.tensors.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(wire.tensors[i].name, tensors[i]->name());
    tensors[i]->clear_float_data();
    tensors[i]->clear_int64_data();
    Bytes index;
    append_le(index, static_cast<std::uint32_t>(i));
    tensors[i]->set_raw_data(std::string(as_text(index)));
  }
  onnx::ModelProto skeleton;
  ASSERT_TRUE(skeleton.ParseFromString(wire.skeleton));
  EXPECT_EQ(skeleton.SerializeAsString(), model.SerializeAsString());
}

TEST(WireWalker, RefusesWhatHasNoGraph) {
  onnx::ModelProto model;
  model.set_producer_name("nobody");
  for (const Bytes& file : {serialize(model), Bytes{}, Bytes{'t', 'e', 'x', 't', '\n'}}) {
    try {
      walk(file);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    }
  }
}

// Bytes or holes, one by one.
class NaiveGappedBytes {
 public:
  NaiveGappedBytes(const Bytes& file, const std::vector<GappedBytes::Gap>& gaps) {
    for (const std::uint8_t byte : file) bytes_.emplace_back(byte);
    for (const GappedBytes::Gap& gap : gaps) {
      for (std::uint64_t i = 0; i < gap.size; ++i) bytes_[gap.offset + i].reset();
    }
  }

  Bytes literal() const { return known(0, true); }
  Bytes at(std::uint64_t offset) const { return known(offset, false); }

 private:
  Bytes known(std::uint64_t offset, bool over_gaps) const {
    Bytes found;
    for (std::uint64_t i = offset; i < bytes_.size(); ++i) {
      if (bytes_[i]) found.push_back(*bytes_[i]);
      if (!bytes_[i] && !over_gaps) break;
    }
    return found;
  }

  std::vector<std::optional<std::uint8_t>> bytes_;
};

RC_GTEST_PROP(GappedBytes, AreTheFileWithoutTheGaps, ()) {
  std::vector<GappedBytes::Gap> gaps;
  std::uint64_t end = 0;
  const auto spans = *rc::gen::container<std::vector<std::pair<std::uint8_t, std::uint8_t>>>(
      rc::gen::pair(rc::gen::inRange<std::uint8_t>(0, 6), rc::gen::inRange<std::uint8_t>(1, 6)));
  for (const auto& [before, size] : spans) {
    gaps.push_back({end + before, size});
    end += before + size;
  }
  const Bytes file = noise(end + *rc::gen::inRange<std::uint64_t>(0, 6), 1);
  const NaiveGappedBytes naive(file, gaps);
  const Bytes literal = naive.literal();
  const GappedBytes gapped(literal, gaps);
  RC_ASSERT(gapped.size() == file.size());
  for (std::uint64_t offset = 0; offset <= file.size(); ++offset) {
    const ByteView bytes = gapped.at(offset);
    RC_ASSERT(Bytes(bytes.begin(), bytes.end()) == naive.at(offset));
  }
}

// Nothing that the walker needs is in a payload.
RC_GTEST_PROP(WireWalker, NeedsNoPayloads, ()) {
  const Bytes file = serialize(rich_model());
  const WireModel whole = walk(file);
  std::vector<GappedBytes::Gap> gaps;
  for (const WireTensor& tensor : whole.tensors) {
    if (*rc::gen::arbitrary<bool>()) gaps.push_back({tensor.offset, tensor.size});
  }
  const Bytes literal = NaiveGappedBytes(file, gaps).literal();
  const WireModel gapped = walk_model(GappedBytes(literal, gaps));
  RC_ASSERT(gapped.skeleton == whole.skeleton);
  RC_ASSERT(gapped.tensors.size() == whole.tensors.size());
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    RC_ASSERT(gapped.tensors[i].offset == whole.tensors[i].offset);
    RC_ASSERT(gapped.tensors[i].size == whole.tensors[i].size);
    RC_ASSERT(gapped.tensors[i].storage == whole.tensors[i].storage);
  }
}

}  // namespace
}  // namespace qc
