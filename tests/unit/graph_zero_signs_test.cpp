// Where the sign of a zero weight may show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "formats/onnx/negative_zeros.h"
#include "model_builder.h"
#include "model_files.h"

namespace qc {
namespace {

using test::add_attribute;
using test::add_node;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<float> kValues = {0.0F, -0.0F, 1.0F, -0.0F};

class ZeroSigns : public testing::Test {
 protected:
  ZeroSigns() {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(13);
    graph().add_input()->set_name("x");
    add_weight("w");
  }

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  void add_weight(const std::string& name) {
    test::set_raw(*graph().add_initializer(), name, onnx::TensorProto::FLOAT, {2, 2},
                  test::encode(DataType::kFloat, kValues));
  }

  // A graph of which `value` is the output.
  std::string reader(const std::string& value, const std::string& weight = "w") {
    graph().add_output()->set_name(value);
    const OnnxModel model = test::open_model(model_);
    const auto found = find_negative_zeros(model, 1);
    EXPECT_EQ(found.size(), model.tensors().size());
    for (const NegativeZeros& one : found) {
      EXPECT_EQ(one.zeros.zeros, 3U);
      EXPECT_EQ(one.zeros.negative, 2U);
      if (model.tensors()[one.tensor].name == weight) return one.reader;
    }
    ADD_FAILURE() << "not found: " << weight;
    return "";
  }

  onnx::ModelProto model_;
};

TEST_F(ZeroSigns, AreLostInSumsOfProducts) {
  add_node(graph(), "MatMul", {"x", "w"}, "y");
  EXPECT_THAT(reader("y"), IsEmpty());
}

TEST_F(ZeroSigns, AreLostBehindWhatOnlyMovesOrScales) {
  add_node(graph(), "Mul", {"w", "x"}, "masked");
  add_node(graph(), "Transpose", {"masked"}, "turned");
  add_node(graph(), "Relu", {"turned"}, "bent");
  add_node(graph(), "MatMul", {"x", "bent"}, "y");
  EXPECT_THAT(reader("y"), IsEmpty());
}

TEST_F(ZeroSigns, ShowInOutputs) {
  add_node(graph(), "Identity", {"w"}, "y");
  EXPECT_EQ(reader("y"), "an output of the graph, y");
}

TEST_F(ZeroSigns, ShowInOutputsBehindWhatPassesThemOn) {
  add_node(graph(), "Add", {"x", "w"}, "sum");
  add_node(graph(), "Relu", {"sum"}, "y");
  EXPECT_EQ(reader("y"), "an output of the graph, y");
}

TEST_F(ZeroSigns, ShowInDivisors) {
  add_node(graph(), "Div", {"x", "w"}, "y").set_name("ratio");
  EXPECT_EQ(reader("y"), "Div ratio");
}

TEST_F(ZeroSigns, ShowInDividendsOnlyWhereTheirOutputDoes) {
  add_node(graph(), "Div", {"w", "x"}, "scaled");
  add_node(graph(), "MatMul", {"x", "scaled"}, "y");
  EXPECT_THAT(reader("y"), IsEmpty());
}

TEST_F(ZeroSigns, MayBeSeenByOperatorsThatAreNotKnown) {
  add_node(graph(), "MatMul", {"x", "w"}, "y").set_domain("com.example");
  EXPECT_EQ(reader("y"), "MatMul y");
}

TEST_F(ZeroSigns, OneReaderIsEnough) {
  add_node(graph(), "Reciprocal", {"w"}, "r");
  add_node(graph(), "MatMul", {"x", "w"}, "y");
  EXPECT_EQ(reader("y"), "Reciprocal r");
}

TEST_F(ZeroSigns, AreNotSeenByCastsToIntegersButByThoseToText) {
  add_weight("v");
  onnx::NodeProto& number = add_node(graph(), "Cast", {"w"}, "i");
  add_attribute(number, "to", onnx::AttributeProto::INT).set_i(onnx::TensorProto::INT32);
  add_node(graph(), "Equal", {"i", "i"}, "same");
  onnx::NodeProto& text = add_node(graph(), "Cast", {"v"}, "t");
  add_attribute(text, "to", onnx::AttributeProto::INT).set_i(onnx::TensorProto::STRING);
  EXPECT_THAT(reader("same", "w"), IsEmpty());
  EXPECT_EQ(reader("t", "v"), "Cast t");
}

TEST_F(ZeroSigns, AreFollowedIntoInnerGraphs) {
  add_weight("v");
  onnx::NodeProto& branch = add_node(graph(), "If", {"condition"}, "y");
  onnx::GraphProto& then =
      *add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  add_node(then, "MatMul", {"x", "w"}, "a");
  then.add_output()->set_name("a");
  onnx::GraphProto& other =
      *add_attribute(branch, "else_branch", onnx::AttributeProto::GRAPH).mutable_g();
  add_node(other, "Add", {"x", "v"}, "b");
  other.add_output()->set_name("b");
  EXPECT_THAT(reader("y", "w"), IsEmpty());
  EXPECT_EQ(reader("y", "v"), "an output of a graph inside If, b");
}

TEST_F(ZeroSigns, OfConstantsAreFollowedToo) {
  onnx::NodeProto& constant = add_node(graph(), "Constant", {}, "c");
  test::set_raw(*add_attribute(constant, "value", onnx::AttributeProto::TENSOR).mutable_t(), "",
                onnx::TensorProto::FLOAT, {2, 2}, test::encode(DataType::kFloat, kValues));
  add_node(graph(), "Reciprocal", {"c"}, "r");
  add_node(graph(), "MatMul", {"r", "w"}, "y");
  EXPECT_EQ(reader("y", "c"), "Reciprocal r");
  EXPECT_THAT(reader("y", "w"), IsEmpty());
}

TEST_F(ZeroSigns, OfTensorsInFunctionsAreLeftAlone) {
  onnx::FunctionProto& function = *model_.add_functions();
  function.set_name("f");
  function.set_domain("local");
  onnx::NodeProto& constant = *function.add_node();
  constant.set_op_type("Constant");
  constant.add_output("c");
  test::set_raw(*add_attribute(constant, "value", onnx::AttributeProto::TENSOR).mutable_t(), "",
                onnx::TensorProto::FLOAT, {2, 2}, test::encode(DataType::kFloat, kValues));
  add_node(graph(), "MatMul", {"x", "w"}, "y");
  EXPECT_EQ(reader("y", "c"), "a place that is not followed");
}

TEST_F(ZeroSigns, OfSharedDataAreThoseOfEveryTensorInIt) {
  graph().clear_initializer();
  const std::vector<std::pair<std::string, std::string>> uses = {{"w", "MatMul"}, {"v", "Div"}};
  for (const auto& [name, op] : uses) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    test::describe_tensor(tensor, name, onnx::TensorProto::FLOAT, {2, 2});
    test::set_external(tensor, "data.bin");
    add_node(graph(), op, {"x", name}, name + ".out");
    graph().add_output()->set_name(name + ".out");
  }
  const OnnxModel model = test::open_files(
      {{"m.onnx", test::serialize(model_)}, {"data.bin", test::encode(DataType::kFloat, kValues)}});
  const auto found = find_negative_zeros(model, 1);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT(found[0].reader, HasSubstr("v, which has the same data"));
  EXPECT_THAT(found[1].reader, HasSubstr("Div"));
}

}  // namespace
}  // namespace qc
