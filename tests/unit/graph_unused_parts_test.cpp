#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "formats/onnx/onnx_messages.h"
#include "graph/unused_parts.h"
#include "model_files.h"

namespace qc {
namespace {

using test::add_attribute;
using test::add_node;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names(const std::vector<RemovedPart>& parts) {
  std::vector<std::string> all;
  for (const RemovedPart& part : parts) all.push_back(part.name);
  return all;
}

// The same on a model as protobuf has it.
UnusedParts remove_unused_parts(onnx::ModelProto& proto) {
  const OnnxModel model = test::open_model(proto);
  EditedGraph edited = model.edit_graph();
  UnusedParts parts = qc::remove_unused_parts(edited.graph);
  proto = test::parse(model.with_graph(std::move(edited)));
  return parts;
}

DocStrings remove_doc_strings(onnx::ModelProto& proto) {
  const OnnxModel model = test::open_model(proto);
  proto = test::parse(model.with_graph(model.edit_graph(), is_doc_string));
  return count_doc_strings(model.files().front().bytes);
}

class Unused : public testing::Test {
 protected:
  Unused() {
    graph().add_input()->set_name("x");
    graph().add_output()->set_name("y");
    for (const char* name : {"w", "v"}) {
      test::set_raw(*graph().add_initializer(), name, onnx::TensorProto::FLOAT, {4},
                    test::noise(16, 1));
    }
    add_node(graph(), "Mul", {"x", "w"}, "y");
  }

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  std::vector<std::string> tensors_left() {
    std::vector<std::string> left;
    for (const auto& tensor : graph().initializer()) left.push_back(tensor.name());
    return left;
  }

  onnx::ModelProto model_;
};

TEST_F(Unused, ChainsOfNodesGoWithTheirTensors) {
  add_node(graph(), "Relu", {"x"}, "a");
  add_node(graph(), "Add", {"a", "v"}, "b");
  graph().add_value_info()->set_name("a");
  graph().add_value_info()->set_name("y");
  const std::uint64_t before = model_.ByteSizeLong();
  const UnusedParts parts = remove_unused_parts(model_);
  EXPECT_THAT(names(parts.nodes), ElementsAre("Add b", "Relu a"));
  EXPECT_THAT(names(parts.tensors), ElementsAre("v"));
  EXPECT_EQ(graph().node_size(), 1);
  EXPECT_THAT(tensors_left(), ElementsAre("w"));
  ASSERT_EQ(graph().value_info_size(), 1);
  EXPECT_EQ(graph().value_info(0).name(), "y");
  std::uint64_t bytes = 0;
  for (const auto* list : {&parts.nodes, &parts.tensors}) {
    for (const RemovedPart& part : *list) bytes += part.bytes;
  }
  constexpr std::uint64_t kShapes = 8;  // recorded for a value, and the graph's own length
  EXPECT_NEAR(static_cast<double>(before - model_.ByteSizeLong()), static_cast<double>(bytes),
              static_cast<double>(kShapes));
}

TEST_F(Unused, AModelWithoutAnyStays) {
  add_node(graph(), "Add", {"x", "v"}, "z");
  graph().add_output()->set_name("z");
  const std::string before = model_.SerializeAsString();
  const UnusedParts parts = remove_unused_parts(model_);
  EXPECT_THAT(names(parts.nodes), IsEmpty());
  EXPECT_THAT(names(parts.tensors), IsEmpty());
  EXPECT_EQ(model_.SerializeAsString(), before);
}

TEST_F(Unused, ValuesThatInnerGraphsTakeAreUsed) {
  add_node(graph(), "Relu", {"x"}, "a");
  onnx::NodeProto& branch = add_node(graph(), "If", {"x"}, "z");
  onnx::GraphProto& inner =
      *add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  add_node(inner, "Add", {"a", "v"}, "b");
  add_node(inner, "Neg", {"b"}, "dead");
  inner.add_output()->set_name("b");
  graph().add_output()->set_name("z");
  const UnusedParts parts = remove_unused_parts(model_);
  EXPECT_THAT(names(parts.nodes), ElementsAre("Neg dead"));
  EXPECT_THAT(names(parts.tensors), IsEmpty());
}

TEST_F(Unused, AnUnusedNodeGoesWithItsInnerGraphsAndWhatTheyTake) {
  add_node(graph(), "Relu", {"x"}, "a");
  onnx::NodeProto& branch = add_node(graph(), "If", {"x"}, "z");
  onnx::GraphProto& inner =
      *add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  add_node(inner, "Add", {"a", "v"}, "b");
  inner.add_output()->set_name("b");
  const UnusedParts parts = remove_unused_parts(model_);
  EXPECT_THAT(names(parts.nodes), ElementsAre("If z", "Relu a"));
  EXPECT_THAT(tensors_left(), ElementsAre("w"));
}

TEST_F(Unused, NodesInAnotherOrderThanOnnxAsks) {
  // "b" is made before "a", which it needs.
  add_node(graph(), "Add", {"a", "v"}, "b");
  add_node(graph(), "Relu", {"x"}, "a");
  EXPECT_THAT(names(remove_unused_parts(model_).nodes), ElementsAre("Add b", "Relu a"));
}

TEST_F(Unused, WhatMayMatterOutsideTheGraphStays) {
  graph().add_input()->set_name("v");  // who runs the model may give another one
  add_node(graph(), "Print", {"x"}, "printed").set_domain("com.example");
  onnx::NodeProto& partly = add_node(graph(), "Split", {"x"}, "first");
  partly.add_output("second");
  graph().add_output()->set_name("second");
  EXPECT_THAT(names(remove_unused_parts(model_).nodes), IsEmpty());
  EXPECT_THAT(tensors_left(), ElementsAre("w", "v"));
}

TEST_F(Unused, TrainingInformationUsesTensors) {
  onnx::TrainingInfoProto& training = *model_.add_training_info();
  onnx::StringStringEntryProto& binding = *training.add_update_binding();
  binding.set_key("v");
  binding.set_value("v_new");
  EXPECT_THAT(names(remove_unused_parts(model_).tensors), IsEmpty());
}

TEST_F(Unused, FunctionsThatNothingCallsGo) {
  for (const char* name : {"called", "inner", "idle", "idle_too"}) {
    onnx::FunctionProto& function = *model_.add_functions();
    function.set_name(name);
    function.set_domain("local");
  }
  const auto call = [](onnx::NodeProto& node, const char* function) {
    node.set_op_type(function);
    node.set_domain("local");
    node.add_output("r");
  };
  call(*model_.mutable_functions(0)->add_node(), "inner");
  call(*model_.mutable_functions(2)->add_node(), "idle_too");
  add_node(graph(), "called", {"x"}, "z").set_domain("local");
  graph().add_output()->set_name("z");
  EXPECT_THAT(names(remove_unused_parts(model_).functions),
              ElementsAre("local.idle", "local.idle_too"));
  EXPECT_EQ(model_.functions_size(), 2);
}

TEST_F(Unused, ALibraryOfFunctionsStays) {
  graph().clear_output();
  model_.add_functions()->set_name("f");
  const std::string before = model_.SerializeAsString();
  EXPECT_THAT(names(remove_unused_parts(model_).functions), IsEmpty());
  EXPECT_EQ(model_.SerializeAsString(), before);
}

TEST_F(Unused, DocumentationGoesFromEveryPlace) {
  const std::string before = model_.SerializeAsString();
  model_.set_doc_string("model");
  graph().set_doc_string("graph");
  graph().mutable_node(0)->set_doc_string("node");
  graph().mutable_initializer(0)->set_doc_string("tensor");
  graph().mutable_input(0)->set_doc_string("value");
  const DocStrings removed = remove_doc_strings(model_);
  EXPECT_EQ(removed.count, 5U);
  EXPECT_EQ(removed.bytes, 5 * 2 + std::string("modelgraphnodetensorvalue").size());
  EXPECT_EQ(model_.SerializeAsString(), before);

  onnx::NodeProto& node = *graph().mutable_node(0);
  onnx::AttributeProto& attribute = add_attribute(node, "then_branch", onnx::AttributeProto::GRAPH);
  attribute.set_doc_string("attribute");
  add_node(*attribute.mutable_g(), "Relu", {"x"}, "r").set_doc_string("inner node");
  model_.add_functions()->set_doc_string("function");
  EXPECT_EQ(remove_doc_strings(model_).count, 3U);
  EXPECT_EQ(remove_doc_strings(model_).count, 0U);
}

}  // namespace
}  // namespace qc
