// An operator that nothing else knows: a function and a row are all that it is.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <string>
#include <string_view>

#include "core/error.h"
#include "engine/torch/interpreter.h"
#include "engine/torch/op.h"

namespace qc::torch_engine {
namespace {

// A third of its input, and more by attribute.
Values third(const OpContext& op) { return {op.in(0) / 3 + op.float_or("more", 0)}; }

constexpr Operator kThird = {.name = "Third", .since = 2, .run = third, .domain = "com.example"};

const Operator* find_with_third(std::string_view domain, std::string_view name,
                                std::int64_t opset) {
  const bool is_third = domain == kThird.domain && name == kThird.name && opset >= kThird.since;
  return is_third ? &kThird : find_operator(domain, name, opset);
}

// y = Relu(Third(x))
LoadedModel model_with_third() {
  onnx::ModelProto proto;
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(13);
  auto& own = *proto.add_opset_import();
  own.set_domain("com.example");
  own.set_version(2);
  onnx::GraphProto& graph = *proto.mutable_graph();
  graph.add_input()->set_name("x");
  graph.add_output()->set_name("y");
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Third");
  node.set_domain("com.example");
  node.add_input("x");
  node.add_output("t");
  onnx::AttributeProto& more = *node.add_attribute();
  more.set_name("more");
  more.set_type(onnx::AttributeProto::FLOAT);
  more.set_f(1);
  onnx::NodeProto& relu = *graph.add_node();
  relu.set_op_type("Relu");
  relu.add_input("t");
  relu.add_output("y");
  const std::string bytes = proto.SerializeAsString();
  return load_model(OnnxModel::from_memory({{"m.onnx", Bytes(bytes.begin(), bytes.end())}}));
}

TEST(OwnOperator, RunsBesideTheOthers) {
  const LoadedModel model = model_with_third();
  Interpreter interpreter(model, at::kCPU, {}, find_with_third);
  const at::Tensor x = at::tensor({-6.0F, 0.0F, 6.0F}).requires_grad_();
  const at::Tensor y = interpreter.run({x}, {"y"}, {}).front().tensor;
  EXPECT_TRUE(at::allclose(y.detach(), at::tensor({0.0F, 1.0F, 3.0F})));
  y.sum().backward();
  EXPECT_TRUE(at::allclose(x.grad(), at::tensor({0.0F, 1.0F / 3, 1.0F / 3})));
}

TEST(OwnOperator, IsRefusedWhereItHasNoRow) {
  const LoadedModel model = model_with_third();
  try {
    const Interpreter interpreter(model, at::kCPU, {});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("com.example.Third"));
  }
}

}  // namespace
}  // namespace qc::torch_engine
