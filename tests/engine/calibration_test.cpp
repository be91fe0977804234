// What the engine says of weights: moments of their inputs against the outputs that the operators
// compute with them, and gradients against differences.
#include "passes/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "engine_fixture.h"
#include "graph/matrix_form.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

using test::index_of;

using Dims = std::vector<std::int64_t>;

std::size_t count_of(const Dims& dims) {
  return static_cast<std::size_t>(
      std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>()));
}

HostTensor floats(const Dims& dims, std::uint64_t seed) {
  const std::vector<float> values = test::bell_values(count_of(dims), seed, 1.0F);
  HostTensor tensor{DataType::kFloat, dims, Bytes(values.size() * sizeof(float))};
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

std::vector<float> values_in(const HostTensor& tensor) {
  return load_floats(tensor.type, tensor.bytes);
}

// One product without a bias.
struct Product {
  std::string name;
  std::string op;
  Dims x;
  Dims w;
  std::map<std::string, Dims> ints = {};
  bool weight_first = false;
  std::int64_t flag = 0;  // transB, or transA where the weight is first
};

std::ostream& operator<<(std::ostream& out, const Product& product) { return out << product.name; }

OnnxModel model_of(const Product& product, std::uint64_t seed) {
  test::ModelBuilder builder;
  builder.add_floats("w", product.w, test::bell_values(count_of(product.w), seed, 0.5F));
  builder.add_node(product.op, {"w"});
  onnx::NodeProto& node = *builder.proto().mutable_graph()->mutable_node(0);
  if (product.weight_first) node.mutable_input()->SwapElements(0, 1);
  for (const auto& [name, values] : product.ints) builder.set_ints(name, values);
  const auto add_int = [&](const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  };
  const bool fused = product.op.starts_with("Fused");
  if (fused) node.set_domain("com.microsoft");
  if (product.flag != 0 && (product.op == "Gemm" || fused)) {
    add_int(product.weight_first ? "transA" : "transB", 1);
  }
  if (product.flag > 1) add_int("group", product.flag);
  return builder.open();
}

RunInputs inputs_of(const std::vector<std::vector<HostTensor>>& samples) {
  return {samples.size(), [&samples](std::size_t i) { return samples[i]; }};
}

Calibration calibrated(Network& network, const RunInputs& inputs,
                       const std::vector<std::size_t>& tensors,
                       std::uint64_t memory = std::uint64_t{1} << 30) {
  Calibration result;
  CalibrationJob job;
  job.inputs = inputs;
  job.tensors = tensors;
  job.memory = memory;
  job.visit = [&](std::size_t tensor, const Moments& moments) -> PayloadEdits {
    result[tensor] = moments;
    return {};
  };
  network.calibrate(job);
  return result;
}

class Products : public test::EngineTest, public testing::WithParamInterface<Product> {};

// The energy and the sum of all outputs follow from the moments and the weights: so the columns and
// the matrices are those that the operator multiplies, whatever its attributes.
TEST_P(Products, MomentsExplainTheOutputs) {
  const Product& product = GetParam();
  const OnnxModel model = model_of(product, 1);
  const auto network = load(model);
  std::vector<std::vector<HostTensor>> samples;
  for (std::uint64_t i = 0; i < 3; ++i) samples.push_back({floats(product.x, 10 + i)});
  const std::size_t tensor = index_of(model, "w");
  const Moments moments = calibrated(*network, inputs_of(samples), {tensor}).at(tensor);

  const Node& node = model.graph()->main.nodes.front();
  const MatrixForm form =
      matrix_form(node, product.weight_first ? 0 : 1, model.tensors()[tensor].dims).value();
  ASSERT_EQ(form.size(), count_of(product.w));
  const std::vector<float> matrices = form.gather(test::values_of(model, std::string("w")));
  double energy = 0;
  double sum = 0;
  for (std::size_t row = 0; row < form.groups * form.rows; ++row) {
    const float* w = &matrices[row * form.columns];
    const std::size_t group = row / form.rows;
    for (std::size_t i = 0; i < form.columns; ++i) {
      sum += w[i] * moments.mean[group * form.columns + i];
      for (std::size_t j = 0; j < form.columns; ++j) {
        energy += w[i] * w[j] * moments.second[(group * form.columns + i) * form.columns + j];
      }
    }
  }
  double wanted_energy = 0;
  double wanted_sum = 0;
  for (const auto& sample : samples) {
    for (const float y : values_in(network->run(sample).front())) {
      wanted_energy += static_cast<double>(y) * y;
      wanted_sum += y;
    }
  }
  const auto count = static_cast<double>(moments.count);
  EXPECT_NEAR(energy * count / wanted_energy, 1, 1e-4);
  EXPECT_NEAR(sum * count, wanted_sum, 1e-3 * std::sqrt(wanted_energy * count));
  EXPECT_NEAR(
      moments.trace(),
      [&] {
        double trace = 0;
        for (std::size_t g = 0; g < form.groups; ++g) {
          for (std::size_t i = 0; i < form.columns; ++i) {
            trace += moments.second[(g * form.columns + i) * form.columns + i];
          }
        }
        return trace;
      }(),
      1e-9);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Products,
    testing::Values(
        Product{"Conv1d", "Conv", {2, 3, 9}, {4, 3, 3}},
        Product{"Conv2d", "Conv", {1, 3, 8, 7}, {5, 3, 3, 2}},
        Product{"Conv2dPadsStridesDilations",
                "Conv",
                {2, 2, 9, 9},
                {3, 2, 3, 3},
                {{"pads", {1, 2, 0, 1}}, {"strides", {2, 1}}, {"dilations", {1, 2}}}},
        Product{
            "Conv2dGroups", "Conv", {1, 4, 6, 6}, {6, 2, 3, 3}, {{"pads", {1, 1, 1, 1}}}, false, 2},
        Product{"Conv2dDepthwise", "Conv", {1, 4, 6, 6}, {4, 1, 3, 3}, {}, false, 4},
        Product{"Conv3d", "Conv", {1, 2, 4, 5, 4}, {3, 2, 2, 3, 2}, {{"strides", {1, 2, 1}}}},
        Product{"ConvTranspose2d",
                "ConvTranspose",
                {1, 3, 4, 5},
                {3, 4, 3, 2},
                {{"strides", {2, 3}}, {"pads", {1, 0, 0, 1}}, {"dilations", {2, 1}}}},
        Product{"ConvTransposeOutputPadding",
                "ConvTranspose",
                {2, 2, 5},
                {2, 3, 3},
                {{"strides", {2}}, {"pads", {1, 1}}, {"output_padding", {1}}}},
        Product{"ConvTransposeGroups",
                "ConvTranspose",
                {1, 4, 4, 4},
                {4, 3, 2, 2},
                {{"strides", {2, 2}}},
                false,
                2},
        Product{"GemmRight", "Gemm", {3, 6}, {6, 4}},
        Product{"GemmRightTransposed", "Gemm", {3, 6}, {4, 6}, {}, false, 1},
        Product{"GemmLeft", "Gemm", {6, 3}, {4, 6}, {}, true},
        Product{"GemmLeftTransposed", "Gemm", {6, 3}, {6, 4}, {}, true, 1},
        Product{"MatMulRight", "MatMul", {2, 5, 6}, {6, 4}},
        Product{"MatMulRightVector", "MatMul", {6}, {6, 4}},
        Product{"MatMulLeft", "MatMul", {2, 6, 5}, {4, 6}, {}, true},
        Product{"MatMulLeftVector", "MatMul", {6}, {4, 6}, {}, true},
        Product{"MatMulBatch", "MatMul", {3, 5, 6}, {3, 6, 4}},
        Product{"MatMulBatchInnermost", "MatMul", {2, 3, 5, 6}, {3, 6, 4}},
        Product{"MatMulBatchBroadcast", "MatMul", {5, 6}, {3, 6, 4}},
        Product{"FusedGemmRight", "FusedGemm", {3, 6}, {6, 4}},
        Product{"FusedGemmRightTransposed", "FusedGemm", {3, 6}, {4, 6}, {}, false, 1},
        Product{"FusedGemmLeftTransposed", "FusedGemm", {6, 3}, {6, 4}, {}, true, 1},
        Product{"FusedMatMulRight", "FusedMatMul", {2, 5, 6}, {6, 4}},
        Product{"FusedMatMulRightTransposed", "FusedMatMul", {2, 5, 6}, {4, 6}, {}, false, 1},
        Product{"FusedMatMulLeftTransposed", "FusedMatMul", {2, 6, 5}, {6, 4}, {}, true, 1},
        Product{"FusedMatMulBatchTransposed", "FusedMatMul", {3, 5, 6}, {3, 4, 6}, {}, false, 1},
        Product{"MatMulBatchLeft", "MatMul", {3, 6, 5}, {3, 4, 6}, {}, true}),
    [](const auto& test) { return test.param.name; });

using LargeProducts = test::EngineTest;

// Windows of a large picture are thinned to a grid: of a 1x1 convolution, every second pixel here.
TEST_F(LargeProducts, AreThinned) {
  const Product product{"Large", "Conv", {1, 1, 300, 301}, {1, 1, 1, 1}};
  const OnnxModel model = model_of(product, 1);
  const auto network = load(model);
  const std::vector<std::vector<HostTensor>> samples = {{floats(product.x, 10)}};
  const std::size_t tensor = index_of(model, "w");
  const Moments moments = calibrated(*network, inputs_of(samples), {tensor}).at(tensor);

  const std::vector<float> pixels = values_in(samples.front().front());
  double sum = 0;
  for (std::size_t row = 0; row < 300; row += 2) {
    for (std::size_t column = 0; column < 301; column += 2) sum += pixels[row * 301 + column];
  }
  EXPECT_EQ(moments.count, 150U * 151U);
  EXPECT_NEAR(moments.mean[0], sum / (150 * 151), 1e-6);
}

class CalibrationTest : public test::EngineTest {
 protected:
  // Conv, norm, ReLU, Conv, pool: the second layer's inputs depend on the first one's weights.
  static OnnxModel two_layers() {
    test::ModelBuilder builder;
    builder.add_conv("a", {4, 2, 3, 3}, test::bell_values(72, 1, 0.5F));
    builder.add_node("Relu", {});
    builder.add_conv("b", {3, 4, 3, 3}, test::bell_values(108, 2, 0.5F));
    builder.add_node("GlobalAveragePool", {});
    return builder.open();
  }

  static std::vector<std::vector<HostTensor>> pictures(std::size_t count) {
    std::vector<std::vector<HostTensor>> samples;
    for (std::size_t i = 0; i < count; ++i) samples.push_back({floats({1, 2, 8, 8}, 50 + i)});
    return samples;
  }
};

TEST_F(CalibrationTest, MemoryDoesNotMatter) {
  const OnnxModel model = two_layers();
  const auto network = load(model);
  const auto samples = pictures(5);
  const std::vector<std::size_t> tensors = {index_of(model, "a.weight"),
                                            index_of(model, "b.weight")};
  const Calibration kept = calibrated(*network, inputs_of(samples), tensors);
  const Calibration again = calibrated(*network, inputs_of(samples), tensors, 0);
  ASSERT_EQ(kept.size(), 2);
  for (const std::size_t tensor : tensors) {
    EXPECT_EQ(kept.at(tensor).second, again.at(tensor).second);
    EXPECT_EQ(kept.at(tensor).mean, again.at(tensor).mean);
    EXPECT_TRUE(kept.at(tensor).cross.empty());
  }
}

// What the visitor changes, later layers see, and the reference does not.
TEST_F(CalibrationTest, LockstepComparesWithTheUnchangedNetwork) {
  const OnnxModel model = two_layers();
  const auto network = load(model);
  const auto samples = pictures(4);
  const std::size_t a = index_of(model, "a.weight");
  const std::size_t b = index_of(model, "b.weight");
  std::vector<float> changed = test::values_of(model, std::string("a.weight"));
  for (float& value : changed) value = std::round(value * 2) / 2;
  const PayloadEdits edits = {{a, test::encode(DataType::kFloat, changed)}};

  Calibration lockstep;
  CalibrationJob job;
  job.inputs = inputs_of(samples);
  job.tensors = {a, b};
  job.lockstep = true;
  job.visit = [&](std::size_t tensor, const Moments& moments) {
    lockstep[tensor] = moments;
    return tensor == a ? edits : PayloadEdits();
  };
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{0}}) {
    job.memory = memory;
    lockstep.clear();
    network->calibrate(job);
    const OnnxModel other = model.edited(edits);
    const Moments before = calibrated(*network, inputs_of(samples), {b}).at(b);
    const Moments after = calibrated(*load(other), inputs_of(samples), {b}).at(b);
    EXPECT_TRUE(lockstep.at(a).cross.empty());
    EXPECT_EQ(lockstep.at(b).second, after.second);
    EXPECT_EQ(lockstep.at(b).mean, after.mean);
    EXPECT_EQ(lockstep.at(b).reference_mean, before.mean);
    // Close networks: E[x y^T] is between the two, nearer than they are to each other.
    double apart = 0;
    double to_cross = 0;
    for (std::size_t i = 0; i < after.second.size(); ++i) {
      apart += std::fabs(after.second[i] - before.second[i]);
      to_cross += std::fabs(lockstep.at(b).cross[i] - (after.second[i] + before.second[i]) / 2);
    }
    EXPECT_GT(apart, 0);
    EXPECT_LT(to_cross, apart);
  }
}

// A tensor that two nodes read has the moments of both.
TEST_F(CalibrationTest, UsesOfATensorAreAddedUp) {
  test::ModelBuilder builder;
  builder.add_floats("w", {4, 4}, test::bell_values(16, 1, 0.5F));
  builder.add_node("MatMul", {"w"});
  builder.add_node("Relu", {});
  builder.add_node("MatMul", {"w"});
  const OnnxModel model = builder.open();
  const auto network = load(model);
  const std::vector<std::vector<HostTensor>> samples = {{floats({6, 4}, 3)}};
  const std::size_t w = index_of(model, "w");
  const Moments moments = calibrated(*network, inputs_of(samples), {w}).at(w);
  EXPECT_EQ(moments.count, 12);
  const std::vector<float> x = values_in(samples[0][0]);
  const std::vector<float> weights = test::values_of(model, std::string("w"));
  for (std::size_t j = 0; j < 4; ++j) {
    double sum = 0;
    for (std::size_t r = 0; r < 6; ++r) {
      sum += x[r * 4 + j];
      double y = 0;
      for (std::size_t k = 0; k < 4; ++k) y += x[r * 4 + k] * weights[k * 4 + j];
      sum += std::max(y, 0.0);
    }
    EXPECT_NEAR(moments.mean[j], sum / 12, 1e-5);
  }
}

// Queries, keys and values are one product, whatever becomes of them.
TEST_F(CalibrationTest, AttentionMultipliesItsInput) {
  const auto moments_of = [](const std::string& op) {
    test::ModelBuilder builder;
    builder.add_floats("w", {6, 12}, test::bell_values(72, 1, 0.5F));
    builder.add_node(op, {"w"});
    onnx::NodeProto& node = *builder.proto().mutable_graph()->mutable_node(0);
    if (op == "Attention") {
      node.set_domain("com.microsoft");
      onnx::AttributeProto& heads = *node.add_attribute();
      heads.set_name("num_heads");
      heads.set_type(onnx::AttributeProto::INT);
      heads.set_i(2);
    }
    const OnnxModel model = builder.open();
    const std::vector<std::vector<HostTensor>> samples = {{floats({2, 5, 6}, 3)}};
    const std::size_t w = index_of(model, "w");
    return calibrated(*load(model), inputs_of(samples), {w}).at(w);
  };
  const Moments attention = moments_of("Attention");
  const Moments product = moments_of("MatMul");
  EXPECT_EQ(attention.count, product.count);
  EXPECT_EQ(attention.second, product.second);
  EXPECT_EQ(attention.mean, product.mean);
}

TEST_F(CalibrationTest, TablesCountTheirEntries) {
  test::ModelBuilder builder;
  builder.add_floats("table", {5, 3}, test::bell_values(15, 1, 0.5F));
  builder.add_node("Gather", {"table"});
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  graph.mutable_node(0)->mutable_input()->SwapElements(0, 1);
  graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::INT64);
  const OnnxModel model = builder.open();
  HostTensor indices{DataType::kInt64, {4}, Bytes(32)};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t index = std::array<std::int64_t, 4>{1, 1, -1, 3}[i];
    std::memcpy(&indices.bytes[i * 8], &index, 8);
  }
  const std::size_t table = index_of(model, "table");
  const std::vector<std::vector<HostTensor>> samples = {{indices}};
  const Moments moments = calibrated(*load(model), inputs_of(samples), {table}).at(table);
  EXPECT_TRUE(moments.is_table);
  EXPECT_THAT(moments.second, testing::ElementsAre(0, 0.5, 0, 0.25, 0.25));
}

// W and R of recurrent networks in both directions: inputs, and the states before each step.
TEST_F(CalibrationTest, RecurrentNetworksTellInputsAndStates) {
  for (const std::string op : {"RNN", "GRU", "LSTM"}) {
    SCOPED_TRACE(op);
    const std::int64_t gates = op == "RNN" ? 1 : op == "GRU" ? 3 : 4;
    const auto weights = static_cast<std::size_t>(2 * gates * 3);
    test::ModelBuilder builder;
    builder.add_floats("w", {2, gates * 3, 5}, test::bell_values(weights * 5, 1, 0.5F));
    builder.add_floats("r", {2, gates * 3, 3}, test::bell_values(weights * 3, 2, 0.5F));
    builder.add_node(op, {"w", "r"});
    onnx::NodeProto& node = *builder.proto().mutable_graph()->mutable_node(0);
    onnx::AttributeProto& hidden = *node.add_attribute();
    hidden.set_name("hidden_size");
    hidden.set_type(onnx::AttributeProto::INT);
    hidden.set_i(3);
    onnx::AttributeProto& direction = *node.add_attribute();
    direction.set_name("direction");
    direction.set_type(onnx::AttributeProto::STRING);
    direction.set_s("bidirectional");
    const OnnxModel model = builder.open();
    const auto network = load(model);
    const std::vector<std::vector<HostTensor>> samples = {{floats({4, 2, 5}, 9)}};
    const std::size_t w = index_of(model, "w");
    const std::size_t r = index_of(model, "r");
    const Calibration calibration = calibrated(*network, inputs_of(samples), {w, r});
    const std::vector<float> x = values_in(samples[0][0]);
    const std::vector<float> y = values_in(network->run(samples[0]).front());  // {4, 2, 2, 3}
    for (std::size_t d = 0; d < 2; ++d) {
      for (std::size_t i = 0; i < 5; ++i) {
        double energy = 0;
        for (std::size_t row = 0; row < 8; ++row) energy += x[row * 5 + i] * x[row * 5 + i] / 8.0;
        EXPECT_NEAR(calibration.at(w).second[(d * 5 + i) * 5 + i], energy, 1e-5);
      }
      for (std::size_t i = 0; i < 3; ++i) {
        // The state before the first step is zero; the other direction starts at the end.
        double energy = 0;
        for (std::size_t t = 0; t < 3; ++t) {
          for (std::size_t b = 0; b < 2; ++b) {
            const float state = y[(((d == 0 ? t : t + 1) * 2 + d) * 2 + b) * 3 + i];
            energy += state * state / 8.0;
          }
        }
        EXPECT_NEAR(calibration.at(r).second[(d * 3 + i) * 3 + i], energy, 1e-5);
      }
    }
  }
}

// Of one sample and a loss that is the output times known numbers, the gradient squared.
TEST_F(CalibrationTest, SensitivityOfScoresIsTheFisherInformation) {
  test::ModelBuilder builder;
  builder.add_gemm("fc", {3, 2}, test::bell_values(6, 1, 0.7F));
  builder.add_node("Softmax", {});
  const OnnxModel model = builder.open();
  const auto network = load(model);
  // Many copies of one sample: labels are drawn, so that the mean goes to the expectation.
  constexpr std::size_t kCopies = 4000;
  const std::vector<HostTensor> one = {floats({1, 3}, 4)};
  SensitivityJob job;
  job.inputs = {kCopies, [&](std::size_t) { return one; }};
  job.tensors = {index_of(model, "fc.weight"), index_of(model, "fc.bias")};
  job.outputs = {{0, -1}};
  const auto sensitivity = network->sensitivity(job);
  ASSERT_EQ(sensitivity.size(), 2);
  // d(-log p_y)/dz_o = p_o - [y = o], whose mean square is p_o (1 - p_o).
  const std::vector<float> x = values_in(one[0]);
  const std::vector<float> p = values_in(network->run(one).front());
  for (std::size_t o = 0; o < 2; ++o) {
    const double wanted = p[o] * (1 - p[o]);
    // Five standard deviations of the mean of (p - [y = o])^2.
    const double allowed =
        5 * std::sqrt(wanted / static_cast<double>(kCopies)) * std::fabs(1 - 2 * p[o]) + 1e-6;
    EXPECT_NEAR(sensitivity[1].squares[o], wanted, allowed);
    for (std::size_t i = 0; i < 3; ++i) {
      const double squared = x[i] * x[i];
      EXPECT_NEAR(sensitivity[0].squares[i * 2 + o], wanted * squared, (allowed + 1e-6) * squared);
    }
  }
  // The same draws for the same seed.
  EXPECT_EQ(network->sensitivity(job)[0].squares, sensitivity[0].squares);
  job.seed = 1;
  EXPECT_NE(network->sensitivity(job)[0].squares, sensitivity[0].squares);
}

TEST_F(CalibrationTest, SensitivityReachesNormalisations) {
  test::ModelBuilder builder;
  builder.add_conv("conv", {3, 1, 3, 3}, test::bell_values(27, 1, 0.5F));
  builder.add_batch_norm("norm", 3);
  builder.add_node("GlobalAveragePool", {});
  const OnnxModel model = builder.open();
  SensitivityJob job;
  const std::vector<std::vector<HostTensor>> samples = {{floats({1, 1, 6, 6}, 4)}};
  job.inputs = inputs_of(samples);
  for (const char* name : {"norm.scale", "norm.shift", "norm.mean", "norm.var"}) {
    job.tensors.push_back(index_of(model, name));
  }
  job.outputs = {{0, std::nullopt}};
  const auto sensitivity = load(model)->sensitivity(job);
  ASSERT_EQ(sensitivity.size(), 4);
  for (const TensorSensitivity& each : sensitivity) {
    EXPECT_THAT(each.squares, testing::Each(testing::Gt(0)));
  }
}

}  // namespace
}  // namespace qc
