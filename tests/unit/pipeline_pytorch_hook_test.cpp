// The PyTorch hook of samples/hooks fine-tunes and evaluates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/random.h"
#include "harness.h"
#include "hook_fixture.h"
#include "model_builder.h"
#include "model_files.h"
#include "pipeline/constraints.h"
#include "pipeline/hooks.h"
#include "system/process.h"

namespace qc {
namespace {

using harness::write_file;
using test::ModelBuilder;
using testing::IsEmpty;

// A small network, and digits that are bars.
class LenetHookTest : public test::HookFixture {
 protected:
  static constexpr std::size_t kSide = 12;
  static constexpr std::size_t kClasses = 3;

  void SetUp() override {
    if (std::system("/usr/bin/python3 -c 'import torch, onnx' 2>/dev/null") != 0) {
      GTEST_SKIP() << "PyTorch and ONNX for /usr/bin/python3 are not installed (python3-torch, "
                      "python3-onnx)";
    }
    write_samples("train", 400);
    write_samples("t10k", 60);
    const std::string hook =
        "/usr/bin/python3 " +
        shell_quote((harness::source_dir() / "samples/hooks/lenet.py").string());
    options_.finetune_command =
        hook + " finetune {model} {out} --masks {masks} --epochs 1 --batch 32 --data " + quoted("");
    options_.eval_command = hook + " evaluate {model} --data " + quoted("");
  }

  // Class c: a bar in the c-th third of the picture.
  void write_samples(const std::string& prefix, std::size_t count) const {
    SplitMix64 random(count);
    std::string images = idx_header({count, kSide, kSide});
    std::string labels = idx_header({count});
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t label = i % kClasses;
      labels += static_cast<char>(label);
      for (std::size_t pixel = 0; pixel < kSide * kSide; ++pixel) {
        const bool lit = pixel / kSide * kClasses / kSide == label;
        images += static_cast<char>(lit ? 200 : random.next() % 50);
      }
    }
    write_file(folder_ / (prefix + "-images-idx3-ubyte"), images);
    write_file(folder_ / (prefix + "-labels-idx1-ubyte"), labels);
  }

  static std::string idx_header(const std::vector<std::size_t>& sizes) {
    std::string header = {0, 0, 8, static_cast<char>(sizes.size())};
    for (const std::size_t size : sizes) {
      header += {0, 0, static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
    }
    return header;
  }

  static void set_ints(onnx::GraphProto& graph, const std::string& name,
                       const std::vector<std::int64_t>& values) {
    auto& attribute = test::add_attribute(*graph.mutable_node(graph.node_size() - 1), name,
                                          onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }

  // Conv-MaxPool-Flatten-Gemm-Relu-Gemm, pruned to 6 values for the first Gemm.
  static OnnxModel lenet() {
    ModelBuilder builder;
    onnx::GraphProto& graph = *builder.proto().mutable_graph();
    builder.add_conv("conv", {4, 1, 3, 3}, test::bell_values(36, 1, 0.3F));
    set_ints(graph, "kernel_shape", {3, 3});
    builder.add_node("MaxPool", {});
    set_ints(graph, "kernel_shape", {2, 2});
    set_ints(graph, "strides", {2, 2});
    builder.add_node("Flatten", {});
    std::vector<float> shared = test::bell_values(1000, 2, 0.1F);
    for (float& value : shared) value = 0.1F * std::round(10 * std::clamp(value, -0.3F, 0.3F));
    builder.add_gemm("fc1", {100, 10}, shared).add_node("Relu", {});
    std::vector<float> pruned = test::bell_values(10 * kClasses, 3, 0.3F);
    for (std::size_t i = 0; i < pruned.size(); i += 2) pruned[i] = 0;
    builder.add_gemm("fc2", {10, kClasses}, pruned);
    return builder.open();
  }

  // LeNet-300-100's kind: weights are stored transposed.
  static OnnxModel perceptron() {
    ModelBuilder builder;
    onnx::GraphProto& graph = *builder.proto().mutable_graph();
    std::size_t inputs = kSide * kSide;
    for (const std::size_t outputs : {std::size_t{8}, kClasses}) {
      const std::string name = "fc" + std::to_string(outputs);
      std::vector<float> weights = test::bell_values(inputs * outputs, 4);
      weights.front() = 0;
      const auto rows = static_cast<std::int64_t>(outputs);
      builder.add_floats(name + ".weight", {rows, static_cast<std::int64_t>(inputs)}, weights);
      builder.add_floats(name + ".bias", {rows}, std::vector<float>(outputs));
      builder.add_node("Gemm", {name + ".weight", name + ".bias"});
      test::add_attribute(*graph.mutable_node(graph.node_size() - 1), "transB",
                          onnx::AttributeProto::INT)
          .set_i(1);
      if (outputs != kClasses) builder.add_node("Relu", {});
      inputs = outputs;
    }
    return builder.open();
  }

  // Trains for an epoch: every tensor learns, and the constraints hold exactly.
  OnnxModel fine_tune(const OnnxModel& model, Keep keep) {
    TuneRequest request;
    request.constraints = find_constraints(model, keep);
    TuneOutcome outcome = HookTuner(options_).tune(model, request);
    EXPECT_EQ(outcome.values.size(), model.tensors().size());
    EXPECT_THAT(enforce(model, request.constraints, outcome.values), IsEmpty());
    return model.edited(outcome.values);
  }

  Score score(const OnnxModel& model) { return HookEvaluator(options_).validate(model); }
};

TEST_F(LenetHookTest, KeepsZeros) {
  ASSERT_TRUE(run_process({.command = "gzip " + quoted("") + "*-ubyte"}).succeeded());
  const Score after = score(fine_tune(perceptron(), Keep::kZeros));
  EXPECT_EQ(after.metric, "top1");
  EXPECT_LE(after.value, 1);
}

TEST_F(LenetHookTest, KeepsSharedValues) {
  EXPECT_GT(score(fine_tune(lenet(), Keep::kShared)).value, 0);
}

}  // namespace
}  // namespace qc
