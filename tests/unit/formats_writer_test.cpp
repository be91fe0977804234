// Graphs that were changed, written by hand and by protobuf.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "core/error.h"
#include "formats/onnx/onnx_writer.h"
#include "graph/graph_editor.h"
#include "graph_text.h"
#include "harness.h"
#include "heap_meter.h"
#include "model_files.h"

namespace qc {
namespace {

using test::add_attribute;
using test::add_node;
using test::noise;
using test::open_model;
using test::parse;
using test::set_raw;

constexpr std::int32_t kFloat = onnx::TensorProto::FLOAT;

void set_shape(onnx::ValueInfoProto& value, const std::vector<std::string>& dims) {
  auto& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(kFloat);
  for (const std::string& dim : dims) {
    auto& each = *type.mutable_shape()->add_dim();
    const bool is_number = std::ranges::all_of(dim, [](char c) { return c >= '0' && c <= '9'; });
    is_number ? each.set_dim_value(std::stoi(dim)) : each.set_dim_param(dim);
  }
}

// A product in the main graph and in a branch, with fields that ONNX does not know.
onnx::ModelProto example() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  model.set_doc_string("about the model");
  model.mutable_unknown_fields()->AddLengthDelimited(1000, "of the model");
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("main");
  graph.mutable_unknown_fields()->AddVarint(1001, 7);
  set_shape(*graph.add_input(), {"batch", "3", "height"});
  graph.mutable_input(0)->set_name("x");
  graph.add_output()->set_name("y");
  set_raw(*graph.add_initializer(), "w", kFloat, {5}, noise(20, 1)).set_doc_string("a weight");
  set_raw(*graph.add_initializer(), "v", kFloat, {5}, noise(20, 2));
  graph.add_value_info()->set_name("p");
  onnx::NodeProto& product = add_node(graph, "Mul", {"x", "w"}, "p");
  product.set_doc_string("a product");
  product.mutable_unknown_fields()->AddFixed64(1002, 9);
  onnx::NodeProto& branch = add_node(graph, "If", {"x"}, "z");
  onnx::GraphProto& inner =
      *add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  add_node(inner, "Add", {"p", "v"}, "b").set_doc_string("inner");
  add_attribute(*inner.mutable_node(0), "axis", onnx::AttributeProto::INT).set_i(-1);
  inner.add_output()->set_name("b");
  add_node(graph, "Relu", {"p"}, "y");
  return model;
}

// What changes a graph, on either side.
struct Change {
  const char* name;
  void (*edit)(EditedGraph&);
  void (*expected)(onnx::ModelProto&);
};

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }

class EveryChange : public testing::TestWithParam<Change> {};

TEST_P(EveryChange, IsWrittenAsProtobufWritesIt) {
  onnx::ModelProto expected = example();
  const OnnxModel model = open_model(expected);
  EditedGraph edited = model.edit_graph();
  GetParam().edit(edited);
  const OnnxModel written = model.with_graph(std::move(edited));
  GetParam().expected(expected);
  EXPECT_EQ(parse(written).DebugString(), expected.DebugString());
  EXPECT_TRUE(written.files().front().bytes.joined() == test::serialize(expected));
}

const std::vector<Change> kChanges = {
    {"Nothing", [](EditedGraph&) {}, [](onnx::ModelProto&) {}},
    {"Input",
     [](EditedGraph& edited) {
       GraphEditor editor(edited);
       editor.set_input(*editor.begin(), 1, "v");
       editor.finish();
     },
     [](onnx::ModelProto& model) { model.mutable_graph()->mutable_node(0)->set_input(1, "v"); }},
    {"NewNodes",
     [](EditedGraph& edited) {
       GraphEditor editor(edited);
       const std::string half = editor.scalar(DataType::kFloat, 0.5);
       editor.insert(editor.end(), "Pad", {"y", half}, "padded",
                     {{"pads", std::vector<std::int64_t>{1, -2}},
                      {"value", 0.25F},
                      {"axis", std::int64_t{-1}},
                      {"scales", std::vector<float>{1.5F, -0.0F}},
                      {"mode", std::string("edge")}});
       editor.finish();
     },
     [](onnx::ModelProto& model) {
       const onnx::GraphProto before = model.graph();
       onnx::GraphProto& graph = *model.mutable_graph();
       graph.clear_node();
       onnx::NodeProto& constant = add_node(graph, "Constant", {}, "float32/0.5");
       constant.set_name("float32/0.5");
       auto& tensor = *add_attribute(constant, "value", onnx::AttributeProto::TENSOR).mutable_t();
       tensor.set_data_type(kFloat);
       tensor.set_raw_data(std::string("\0\0\0\x3f", 4));
       graph.mutable_node()->MergeFrom(before.node());
       onnx::NodeProto& pad = add_node(graph, "Pad", {"y", "float32/0.5"}, "padded");
       pad.set_name("padded");
       auto& pads = add_attribute(pad, "pads", onnx::AttributeProto::INTS);
       pads.add_ints(1);
       pads.add_ints(-2);
       add_attribute(pad, "value", onnx::AttributeProto::FLOAT).set_f(0.25F);
       add_attribute(pad, "axis", onnx::AttributeProto::INT).set_i(-1);
       auto& scales = add_attribute(pad, "scales", onnx::AttributeProto::FLOATS);
       scales.add_floats(1.5F);
       scales.add_floats(-0.0F);
       add_attribute(pad, "mode", onnx::AttributeProto::STRING).set_s("edge");
     }},
    {"ATensorForANode",
     [](EditedGraph& edited) {
       GraphEditor editor(edited);
       editor.replace(editor.begin(), {DataType::kFloat, {2}, noise(8, 3)});
       editor.finish();
     },
     [](onnx::ModelProto& model) {
       model.mutable_graph()->mutable_node()->DeleteSubrange(0, 1);
       set_raw(*model.mutable_graph()->add_initializer(), "p", kFloat, {2}, noise(8, 3));
     }},
    {"ANameInInnerGraphs",
     [](EditedGraph& edited) {
       GraphEditor editor(edited);
       editor.rename("p", "product");
       editor.rename("w", "weight");
       editor.finish();
     },
     [](onnx::ModelProto& model) {
       onnx::GraphProto& graph = *model.mutable_graph();
       graph.mutable_initializer(0)->set_name("weight");
       graph.mutable_value_info(0)->set_name("product");
       graph.mutable_node(0)->set_input(1, "weight");
       graph.mutable_node(0)->set_output(0, "product");
       graph.mutable_node(1)->mutable_attribute(0)->mutable_g()->mutable_node(0)->set_input(
           0, "product");
       graph.mutable_node(2)->set_input(0, "product");
     }},
    {"FewerTensors", [](EditedGraph& edited) { edited.graph.main.initializers.pop_back(); },
     [](onnx::ModelProto& model) { model.mutable_graph()->mutable_initializer()->RemoveLast(); }},
    {"ASizeOfAnInput",
     [](EditedGraph& edited) { edited.graph.main.inputs.front().dims.front() = 1; },
     [](onnx::ModelProto& model) {
       auto& type = *model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type();
       type.mutable_shape()->mutable_dim(0)->clear_dim_param();
       type.mutable_shape()->mutable_dim(0)->set_dim_value(1);
     }},
    {"NoInputsThatAreTakenOut", [](EditedGraph& edited) { edited.graph.main.inputs.clear(); },
     [](onnx::ModelProto& model) { model.mutable_graph()->clear_input(); }},
    {"AnOperator",
     [](EditedGraph& edited) {
       edited.graph.main.nodes.front().op = "Add";
       edited.graph.main.nodes.front().domain = "com.example";
     },
     [](onnx::ModelProto& model) {
       model.mutable_graph()->mutable_node(0)->set_op_type("Add");
       model.mutable_graph()->mutable_node(0)->set_domain("com.example");
     }},
};

INSTANTIATE_TEST_SUITE_P(Changes, EveryChange, testing::ValuesIn(kChanges),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(OnnxWriter, LeavesDocumentationOut) {
  onnx::ModelProto expected = example();
  const OnnxModel model = open_model(expected);
  const OnnxModel written = model.with_graph(model.edit_graph(), is_doc_string);
  expected.clear_doc_string();
  onnx::GraphProto& graph = *expected.mutable_graph();
  graph.mutable_initializer(0)->clear_doc_string();
  graph.mutable_node(0)->clear_doc_string();
  graph.mutable_node(1)->mutable_attribute(0)->mutable_g()->mutable_node(0)->clear_doc_string();
  EXPECT_EQ(parse(written).DebugString(), expected.DebugString());
}

TEST(OnnxWriter, LeavesLargePayloadsOut) {
  onnx::ModelProto model = example();
  set_raw(*model.mutable_graph()->add_initializer(), "large", kFloat, {6}, noise(24, 5));
  const OnnxModel opened = open_model(model);
  const OnnxModel outline =
      opened.with_graph(opened.edit_graph(), [](OnnxMessage parent, const OnnxField& field) {
        return is_payload_over(20, parent, field);
      });
  EXPECT_EQ(test::find_tensor(outline, "w").size, 20U);
  EXPECT_EQ(test::find_tensor(outline, "large").storage, Storage::kNone);
}

TEST(OnnxWriter, SharedModelsComeBackByteForByte) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  std::size_t models = 0;
  for (const std::string& name : harness::list_files(*shared / "models")) {
    if (!name.ends_with(".onnx")) continue;
    try {
      const OnnxModel model = OnnxModel::open(*shared / "models" / name);
      const OnnxModel written = model.with_graph(model.edit_graph());
      EXPECT_TRUE(are_equal(model.files().front().bytes, written.files().front().bytes)) << name;
      ++models;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFile) << name << ": " << error.what();
    }
  }
  EXPECT_GT(models, 50U);
}

TEST(OnnxWriter, RefusesAGraphInParts) {
  onnx::ModelProto part;
  part.mutable_graph()->set_name("second");
  Bytes file = test::serialize(example());
  append(file, test::serialize(part));
  const OnnxModel model = test::open_files({{"m.onnx", file}});
  try {
    static_cast<void>(model.with_graph(model.edit_graph()));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

// Files of more than 2 GB, which protobuf cannot read.
TEST(OnnxWriter, ChangesGraphsOfLargeFiles) {
  constexpr std::uint64_t kPayload = (std::uint64_t{5} << 30) / 2;
  const harness::TempDir folder;
  const std::filesystem::path path = folder / "large.onnx";
  const auto head = [](std::uint32_t field, std::uint64_t size) {
    Bytes bytes;
    append_varint(bytes, (std::uint64_t{field} << 3) | 2);
    append_varint(bytes, size);
    return bytes;
  };
  onnx::TensorProto described;
  test::describe_tensor(described, "w", kFloat, {static_cast<std::int64_t>(kPayload / 4)});
  onnx::GraphProto rest;
  rest.add_output()->set_name("y");
  add_node(rest, "Mul", {"x", "w"}, "y");
  const Bytes payload_head = head(9, kPayload);
  const std::string described_bytes = described.SerializeAsString();
  const std::uint64_t tensor = described_bytes.size() + payload_head.size() + kPayload;
  const std::string rest_bytes = rest.SerializeAsString();
  const Bytes tensor_head = head(5, tensor);
  Bytes start = head(7, rest_bytes.size() + tensor_head.size() + tensor);
  append(start, as_bytes(rest_bytes));
  append(start, tensor_head);
  append(start, as_bytes(described_bytes));
  append(start, payload_head);
  harness::write_file(path, std::string(as_text(start)));
  std::filesystem::resize_file(path, start.size() + kPayload);  // a hole, which takes no room

  const OnnxModel model = OnnxModel::open(path);
  EditedGraph edited = model.edit_graph();
  GraphEditor editor(edited);
  editor.insert(editor.end(), "Relu", {"y"}, "z");
  editor.finish();
  const test::HeapMeter meter;
  const OnnxModel written = model.with_graph(std::move(edited));
  EXPECT_LT(meter.peak(), std::size_t{1} << 20);
  ASSERT_EQ(written.graph()->main.nodes.size(), 2U);
  EXPECT_EQ(written.tensors().front().size, kPayload);
  EXPECT_GT(written.total_size(), model.total_size());
  EXPECT_EQ(written.payload(written.tensors().front()).data(),
            model.payload(model.tensors().front()).data());
}

// Two tensors of a megabyte each.
OnnxModel large_model() {
  onnx::ModelProto model;
  for (const char* name : {"a", "b"}) {
    set_raw(*model.mutable_graph()->add_initializer(), name, kFloat, {1 << 18},
            noise(std::size_t{1} << 20, 7));
  }
  return open_model(model);
}

TEST(Overlay, CopiesNoWeights) {
  const OnnxModel model = large_model();
  PayloadEdits edits = {{0, noise(std::size_t{1} << 20, 8)}};
  const test::HeapMeter meter;
  const OnnxModel copy = model;
  const OnnxModel edited = copy.edited(std::move(edits));
  const OnnxModel rewritten = edited.with_graph(edited.edit_graph());
  EXPECT_LT(meter.peak(), std::size_t{64} << 10);
  EXPECT_EQ(rewritten.payload(rewritten.tensors()[1]).data(),
            model.payload(model.tensors()[1]).data());
  EXPECT_EQ(rewritten.payload(rewritten.tensors()[0]).data(),
            edited.payload(edited.tensors()[0]).data());
}

TEST(Overlay, KeepsNoPayloadThatWasReplaced) {
  OnnxModel model = large_model();
  const test::HeapMeter meter;
  for (std::uint64_t i = 0; i < 20; ++i) {
    model = model.edited({{0, noise(std::size_t{1} << 20, i)}});
  }
  EXPECT_LT(meter.peak(), std::size_t{4} << 20);
}

TEST(Overlay, OutlivesTheModelThatItWasMadeOf) {
  const Bytes payload = noise(std::size_t{1} << 20, 9);
  const OnnxModel edited = large_model().edited({{0, payload}});
  EXPECT_TRUE(std::ranges::equal(edited.payload(edited.tensors()[0]), payload));
  EXPECT_TRUE(
      std::ranges::equal(edited.payload(edited.tensors()[1]), noise(std::size_t{1} << 20, 7)));
}

// Tensors that have a part of their bytes in common: a change of one is one of the others.
TEST(Overlay, ReachesTensorsThatShareBytes) {
  onnx::ModelProto model;
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges = {
      {0, 40}, {20, 40}, {24, 8}, {52, 40}, {100, 20}};
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    test::describe_tensor(tensor, "t" + std::to_string(i), kFloat,
                          {static_cast<std::int64_t>(ranges[i].second / 4)});
    test::set_external(tensor, "w.bin", ranges[i].first, ranges[i].second);
  }
  Bytes weights = noise(120, 1);
  const OnnxModel opened =
      test::open_files({{"m.onnx", test::serialize(model)}, {"w.bin", weights}});
  const Bytes changed = noise(8, 2);
  const OnnxModel edited = opened.edited({{2, changed}}).edited({{4, noise(20, 3)}});
  std::ranges::copy(changed, weights.begin() + 24);
  std::ranges::copy(noise(20, 3), weights.begin() + 100);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto [offset, size] = ranges[i];
    EXPECT_TRUE(std::ranges::equal(edited.payload(edited.tensors()[i]),
                                   ByteView(weights).subspan(offset, size)));
  }
  EXPECT_TRUE(edited.files()[1].bytes.joined() == weights);
}

// Protobuf takes a number where a message belongs for a field that it does not know.
TEST(Writer, FieldsOfAnotherKindStayAsTheyAre) {
  onnx::ModelProto model = example();
  model.mutable_unknown_fields()->AddVarint(onnx::ModelProto::kOpsetImportFieldNumber, 7);
  onnx::GraphProto& graph = *model.mutable_graph();
  for (const int number :
       {onnx::GraphProto::kInputFieldNumber, onnx::GraphProto::kOutputFieldNumber,
        onnx::GraphProto::kNodeFieldNumber, onnx::GraphProto::kInitializerFieldNumber,
        onnx::GraphProto::kValueInfoFieldNumber}) {
    graph.mutable_unknown_fields()->AddVarint(number, 10);
  }
  const OnnxModel opened = open_model(model);
  const OnnxModel written = opened.with_graph(opened.edit_graph());
  EXPECT_EQ(written.tensors().size(), opened.tensors().size());
  const onnx::ModelProto again = parse(written);
  EXPECT_EQ(again.graph().input_size(), graph.input_size());
  EXPECT_EQ(again.graph().node_size(), graph.node_size());
}

}  // namespace
}  // namespace qc
