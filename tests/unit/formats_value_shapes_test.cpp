// Shapes are inferred in another process, whatever happens to this one meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <sys/time.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "formats/onnx/value_shapes.h"
#include "harness.h"
#include "model_builder.h"

namespace qc {
namespace {

using test::bell_values;
using test::ModelBuilder;
using testing::ElementsAre;

constexpr const char* kVariable = "QCOMPRESS_SHAPES";

OnnxModel convolution() {
  ModelBuilder builder;
  builder.add_conv("conv", {8, 3, 3, 3}, bell_values(216, 1));
  auto& type = *builder.proto().mutable_graph()->mutable_input(0)->mutable_type();
  auto& shape = *type.mutable_tensor_type()->mutable_shape();
  shape.clear_dim();
  for (const int dim : {1, 3, 10, 12}) shape.add_dim()->set_dim_value(dim);
  return builder.open();
}

ValueShapes shapes_of(const OnnxModel& model) { return infer_shapes(model, {}); }

std::string conv_output(const OnnxModel& model) {
  for (const Node& node : model.graph()->main.nodes) {
    if (node.op == "Conv") return node.outputs.front();
  }
  return "";
}

bool inferred(const OnnxModel& model, const std::string& output) {
  const ValueShapes shapes = shapes_of(model);
  const auto found = shapes.find(output);
  return found != shapes.end() && !found->second.empty() && found->second.back() > 0;
}

/// A signal every five milliseconds while it lives, whose handler lets system calls fail with
/// EINTR.
class Interruptions {
 public:
  Interruptions() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);
    set(5000);
  }
  ~Interruptions() {
    set(0);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Interruptions(const Interruptions&) = delete;
  Interruptions& operator=(const Interruptions&) = delete;

 private:
  static void set(int microseconds) {
    const itimerval timer{{0, microseconds}, {0, microseconds}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }

  struct sigaction before_ {};
};

/// Names another program while it lives.
class ShapeProgram {
 public:
  explicit ShapeProgram(const std::string& path) { ::setenv(kVariable, path.c_str(), 1); }
  ~ShapeProgram() { ::setenv(kVariable, harness::shape_program(), 1); }
  ShapeProgram(const ShapeProgram&) = delete;
  ShapeProgram& operator=(const ShapeProgram&) = delete;
};

// The program is waited for after its output has ended, too.
TEST(ValueShapes, SurviveSignals) {
  const OnnxModel model = convolution();
  const std::string output = conv_output(model);
  const harness::TempDir folder;
  const auto script = folder / "slow";
  harness::write_file(script, std::string("#!/bin/sh\n") + harness::shape_program() +
                                  " && exec >&- && sleep 0.2\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const ShapeProgram program(script.string());
  ASSERT_TRUE(inferred(model, output));
  const Interruptions interruptions;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(inferred(model, output)) << i;
}

TEST(ValueShapes, AreThoseOfTheModelWhereNothingInfersThem) {
  const OnnxModel model = convolution();
  for (const char* path : {"/no/such/program", "/bin/false"}) {
    const ShapeProgram program(path);
    EXPECT_FALSE(inferred(model, conv_output(model))) << path;
    EXPECT_THAT(shapes_of(model).at("x"), ElementsAre(1, 3, 10, 12)) << path;
  }
}

}  // namespace
}  // namespace qc
