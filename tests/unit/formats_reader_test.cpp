#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/random.h"
#include "formats/onnx/onnx_reader.h"
#include "graph_text.h"
#include "harness.h"
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

OnnxFile read(const Bytes& file) { return read_onnx(GappedBytes(file)); }

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
  const OnnxFile wire = read(file);
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
TEST(OnnxReader, LeavesUnpackedElementsWhereTheyAre) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  for (const float value : {1.0F, 2.0F}) {
    tensor.mutable_unknown_fields()->AddFixed32(4, std::bit_cast<std::uint32_t>(value));
  }
  const OnnxFile wire = read(serialize(model_with(tensor)));
  ASSERT_EQ(wire.tensors.size(), 1U);
  EXPECT_EQ(wire.tensors[0].storage, Storage::kNone);
  EXPECT_FALSE(wire.tensors[0].single_payload);
}

TEST(OnnxReader, ReadsPackedDims) {
  onnx::TensorProto tensor;
  tensor.add_dims(300);
  tensor.mutable_unknown_fields()->AddLengthDelimited(1, std::string("\x02\x03", 2));
  tensor.set_raw_data("x");
  EXPECT_THAT(read(serialize(model_with(tensor))).tensors[0].dims, testing::ElementsAre(300, 2, 3));
}

TEST(OnnxReader, TellsWhenSeveralFieldsHoldElements) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  tensor.add_float_data(1);
  tensor.set_raw_data("12345678");
  const OnnxFile wire = read(serialize(model_with(tensor)));
  EXPECT_FALSE(wire.tensors[0].single_payload);
}

TEST(OnnxReader, ReadsExternalDataEntries) {
  onnx::TensorProto tensor;
  test::describe_tensor(tensor, "t", 1, {2});
  test::set_external(tensor, "weights.bin", 64, 8);
  const OnnxFile wire = read(serialize(model_with(tensor)));
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

// ONNX's schema says where tensors can be; the reader knows every such place.
TEST(OnnxReader, FindsATensorBehindEveryFieldOfTheSchema) {
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
    const OnnxFile wire = read(file);
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

TEST(OnnxReader, ReadsWhatProtobufReads) {
  const onnx::ModelProto model = rich_model();
  EXPECT_EQ(test::text_of(read(serialize(model))), test::text_of(model));
}

// Sets every field of a message at random, down to some depth.
void fill(Message& message, int depth, SplitMix64& random) {
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const std::uint64_t count = field->is_repeated() ? random.next() % 3 : random.next() % 2;
    for (std::uint64_t each = 0; each < count; ++each) {
      const auto number = static_cast<std::int64_t>(random.next() >> (random.next() % 64));
      if (field->message_type() != nullptr) {
        if (depth > 0) fill(enter(message, field), depth - 1, random);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        const std::string text = std::string("name") + static_cast<char>('a' + random.next() % 4);
        field->is_repeated() ? reflection->AddString(&message, field, text)
                             : reflection->SetString(&message, field, text);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
        field->is_repeated() ? reflection->AddInt64(&message, field, number)
                             : reflection->SetInt64(&message, field, number);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
        const auto real = static_cast<float>(number);
        field->is_repeated() ? reflection->AddFloat(&message, field, real)
                             : reflection->SetFloat(&message, field, real);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 && !field->is_repeated()) {
        reflection->SetInt32(&message, field, static_cast<std::int32_t>(number % 20));
      }
    }
  }
}

// An attribute has what its type says, as every exporter writes it.
void set_types(Message& message) {
  if (auto* attribute = dynamic_cast<onnx::AttributeProto*>(&message)) {
    const onnx::AttributeProto all = *attribute;
    attribute->Clear();
    attribute->set_name(all.name());
    if (all.has_g()) {
      attribute->set_type(onnx::AttributeProto::GRAPH);
      *attribute->mutable_g() = all.g();
    } else if (all.has_t()) {
      attribute->set_type(onnx::AttributeProto::TENSOR);
      *attribute->mutable_t() = all.t();
    } else if (all.graphs_size() > 0) {
      attribute->set_type(onnx::AttributeProto::GRAPHS);
      *attribute->mutable_graphs() = all.graphs();
    } else if (all.has_sparse_tensor()) {
      attribute->set_type(onnx::AttributeProto::SPARSE_TENSOR);
      *attribute->mutable_sparse_tensor() = all.sparse_tensor();
      attribute->mutable_sparse_tensor()->mutable_values();
      attribute->mutable_sparse_tensor()->mutable_indices();
    } else if (all.floats_size() > 0) {
      attribute->set_type(onnx::AttributeProto::FLOATS);
      *attribute->mutable_floats() = all.floats();
    } else if (all.ints_size() > 0) {
      attribute->set_type(onnx::AttributeProto::INTS);
      *attribute->mutable_ints() = all.ints();
    } else if (all.has_f()) {
      attribute->set_type(onnx::AttributeProto::FLOAT);
      attribute->set_f(all.f());
    } else {
      attribute->set_type(onnx::AttributeProto::INT);
      attribute->set_i(all.i());
    }
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) {
      set_types(*message.GetReflection()->MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      set_types(*message.GetReflection()->MutableRepeatedMessage(&message, field, i));
    }
  }
}

TEST(OnnxReader, ReadsRandomModelsAsProtobufDoes) {
  std::size_t lines = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    SplitMix64 random(seed);
    onnx::ModelProto model;
    fill(model, 7, random);
    model.mutable_graph();
    set_types(model);
    const std::string text = test::text_of(model);
    ASSERT_EQ(test::text_of(read(serialize(model))), text);
    lines += static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
  EXPECT_GT(lines, 10000U);
}

TEST(OnnxReader, ReadsSharedModelsAsProtobufDoes) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  std::size_t models = 0;
  for (const std::string& name : harness::list_files(*shared / "models")) {
    if (!name.ends_with(".onnx")) continue;
    SCOPED_TRACE(name);
    const std::string file = harness::read_file(*shared / "models" / name);
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(file));
    const OnnxFile found = read_onnx(GappedBytes(as_bytes(file)));
    // Models of IR version 1 have attributes without a type.
    if (model.ir_version() < 2) continue;
    EXPECT_TRUE(test::text_of(found) == test::text_of(model));
    ++models;
  }
  EXPECT_GT(models, 50U);
}

TEST(OnnxReader, RefusesWhatHasNoGraph) {
  onnx::ModelProto model;
  model.set_producer_name("nobody");
  for (const Bytes& file : {serialize(model), Bytes{}, Bytes{'t', 'e', 'x', 't', '\n'}}) {
    try {
      read(file);
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

// Nothing that the reader needs is in a payload.
RC_GTEST_PROP(OnnxReader, NeedsNoPayloads, ()) {
  const Bytes file = serialize(rich_model());
  const OnnxFile whole = read(file);
  std::vector<GappedBytes::Gap> gaps;
  for (const WireTensor& tensor : whole.tensors) {
    if (*rc::gen::arbitrary<bool>()) gaps.push_back({tensor.offset, tensor.size});
  }
  const Bytes literal = NaiveGappedBytes(file, gaps).literal();
  const OnnxFile gapped = read_onnx(GappedBytes(literal, gaps));
  RC_ASSERT(test::text_of(gapped) == test::text_of(whole));
  RC_ASSERT(gapped.tensors.size() == whole.tensors.size());
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    RC_ASSERT(gapped.tensors[i].offset == whole.tensors[i].offset);
    RC_ASSERT(gapped.tensors[i].size == whole.tensors[i].size);
    RC_ASSERT(gapped.tensors[i].storage == whole.tensors[i].storage);
  }
}

}  // namespace
}  // namespace qc
