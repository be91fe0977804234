// The hardware view: counts beside loops that multiply one product at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "model_builder.h"
#include "model_files.h"
#include "report/hardware.h"

namespace qc {
namespace {

using test::bell_values;
using test::ModelBuilder;

void set_input(ModelBuilder& builder, const std::vector<std::int64_t>& dims) {
  auto& type = *builder.proto().mutable_graph()->mutable_input(0)->mutable_type();
  auto& shape = *type.mutable_tensor_type()->mutable_shape();
  for (const std::int64_t dim : dims) {
    auto& added = *shape.add_dim();
    if (dim >= 0) added.set_dim_value(dim);
  }
}

HardwareView whole_view_of(const OnnxModel& model, const std::vector<std::int64_t>& input) {
  const Bytes packed = test::pack(model);
  return hardware_view(model, break_down(QcReader::from_bytes(packed), 1), input, 1);
}

std::vector<LayerWork> view_of(const OnnxModel& model, const std::vector<std::int64_t>& input) {
  return whole_view_of(model, input).layers;
}

std::vector<LayerWork> view_of(const ModelBuilder& builder,
                               const std::vector<std::int64_t>& input = {}) {
  return view_of(builder.open(), input);
}

// `count` values of {-limit, ..., limit} times a scale, with some of each and without -0.
std::vector<float> multiples(std::size_t count, int limit, float scale) {
  const auto most = static_cast<float>(limit);
  std::vector<float> values = bell_values(count, 7, 1);
  for (float& value : values) value = std::clamp(std::round(value), -most, most) * scale + 0.0F;
  return values;
}

// What a loop over outputs, channels and taps of a padded convolution multiplies.
Products convolve(const std::vector<float>& weights, std::size_t outputs, std::size_t inputs,
                  std::size_t size, std::size_t image, std::size_t pad, std::size_t stride,
                  float scale) {
  Products found;
  const std::size_t positions = (image + 2 * pad - size) / stride + 1;
  for (std::size_t out = 0; out < outputs; ++out) {
    for (std::size_t at = 0; at < positions * positions; ++at) {
      if (scale != 1) ++found.scalings;
      for (std::size_t tap = 0; tap < inputs * size * size; ++tap) {
        const float weight = std::abs(weights[out * inputs * size * size + tap]);
        if (weight == 0) ++found.skipped;
        if (weight == scale) ++found.sign_flips;
        if (weight == 2 * scale) ++found.shifts;
      }
    }
  }
  return found;
}

void expect_products(const std::optional<Products>& found, const Products& expected) {
  ASSERT_TRUE(found);
  EXPECT_EQ(found->skipped, expected.skipped);
  EXPECT_EQ(found->sign_flips, expected.sign_flips);
  EXPECT_EQ(found->shifts, expected.shifts);
  EXPECT_EQ(found->lookups, expected.lookups);
  EXPECT_EQ(found->xnors, expected.xnors);
  EXPECT_EQ(found->multiplied, expected.multiplied);
  EXPECT_EQ(found->scalings, expected.scalings);
}

TEST(HardwareView, CountsWhatAConvolutionMultiplies) {
  for (const int limit : {1, 2}) {
    for (const float scale : {1.0F, 0.25F}) {
      const std::vector<float> weights = multiples(std::size_t{6} * 4 * 9, limit, scale);
      ModelBuilder builder;
      set_input(builder, {-1, 4, 11, 11});
      builder.add_conv("conv", {6, 4, 3, 3}, weights).set_ints("pads", {1, 1, 1, 1});
      builder.set_ints("strides", {2, 2});
      const auto layers = view_of(builder);
      ASSERT_EQ(layers.size(), 1U);
      EXPECT_EQ(layers[0].name, "conv.weight");
      expect_products(layers[0].products, convolve(weights, 6, 4, 3, 11, 1, 2, scale));
    }
  }
}

TEST(HardwareView, TellsCodebooksFromOtherWeights) {
  std::vector<float> shared(512);
  for (std::size_t i = 0; i < shared.size(); ++i) shared[i] = 0.1F * static_cast<float>(i % 9);
  ModelBuilder builder;
  set_input(builder, {3, 16});
  builder.add_gemm("shared", {16, 32}, shared).add_gemm("plain", {32, 40}, bell_values(1280, 3));
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 2U);
  // Each weight once for each of the three rows; every ninth is zero.
  expect_products(layers[0].products, {.skipped = 171, .lookups = 1365});
  expect_products(layers[1].products, {.multiplied = 3840});
}

TEST(HardwareView, LookupsCostNoMoreThanTheProductsTheyReplace) {
  std::vector<float> shared(1024);
  for (std::size_t i = 0; i < shared.size(); ++i) shared[i] = 0.1F * static_cast<float>(i % 7 + 1);
  ModelBuilder builder;
  set_input(builder, {1, 32});
  builder.add_gemm("fc", {32, 32}, shared);
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  expect_products(layers[0].products, {.lookups = 1024});
  EXPECT_LE(layers[0].energy.arithmetic, layers[0].energy_dense.arithmetic);
}

TEST(HardwareView, BinaryActivationsLeaveXnorsAndSignFlips) {
  ModelBuilder builder;
  set_input(builder, {1, 8, 4, 4});
  builder.add_node("Sign", {}).add_node("MaxPool", {}).set_ints("kernel_shape", {2, 2});
  builder.set_ints("strides", {2, 2}).add_node("Flatten", {});
  std::vector<float> signs = multiples(std::size_t{32} * 16, 1, 0.5F);
  const auto zeros = static_cast<std::uint64_t>(std::ranges::count(signs, 0.0F));
  builder.add_gemm("binary", {32, 16}, signs);
  // What comes out is no longer binary.
  builder.add_gemm("plain", {16, 8}, bell_values(128, 3));
  builder.add_node("Sign", {}).add_gemm("floats", {8, 8}, bell_values(64, 4));
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 3U);
  expect_products(layers[0].products, {.skipped = zeros, .xnors = 512 - zeros, .scalings = 16});
  expect_products(layers[1].products, {.multiplied = 128});
  expect_products(layers[2].products, {.sign_flips = 64});
  // An XNOR with its integer sum takes less than the float sum of a sign flip.
  const auto of = [](std::uint64_t count) { return static_cast<double>(count); };
  EXPECT_DOUBLE_EQ(layers[0].energy.arithmetic, 0.1 * of(512 - zeros) + 3.7 * 16);
  EXPECT_DOUBLE_EQ(layers[2].energy.arithmetic, 0.9 * 64);
}

TEST(HardwareView, EnergyIsThatOfTheTable) {
  ModelBuilder builder;
  set_input(builder, {1, 64});
  const std::vector<float> weights = multiples(std::size_t{64} * 64, 2, 0.5F);
  builder.add_gemm("fc", {64, 64}, weights);
  const OnnxModel model = builder.open();
  const Bytes packed = test::pack(model);
  const Breakdown stored = break_down(QcReader::from_bytes(packed), 1);
  const auto layers = hardware_view(model, stored, {}, 1).layers;
  ASSERT_EQ(layers.size(), 1U);
  ASSERT_TRUE(layers[0].products);
  const Products& products = *layers[0].products;
  const auto of = [](std::uint64_t count) { return static_cast<double>(count); };
  EXPECT_DOUBLE_EQ(layers[0].energy.arithmetic,
                   0.9 * of(products.sign_flips) + 1.0 * of(products.shifts) + 3.7 * 64);
  EXPECT_DOUBLE_EQ(layers[0].energy_dense.arithmetic, (3.7 + 0.9) * 4096);
  EXPECT_DOUBLE_EQ(layers[0].energy_dense.weights, 640.0 * 4096);
  EXPECT_DOUBLE_EQ(layers[0].energy.weights, 160.0 * of(stored.tensors[0].stored_bytes));
  EXPECT_GT(stored.tensors[0].stored_bytes, 0U);
}

TEST(HardwareView, KernelsAreUniqueUpToScaleAndSign) {
  // Four kernels: one, its negative, another, and the first with another channel's scale.
  const std::array<float, 9> first = {1, 1, -1, 1, -1, -1, 1, 1, 1};
  std::vector<float> weights(first.begin(), first.end());
  for (const float value : first) weights.push_back(-value);
  for (std::size_t i = 0; i < 9; ++i) weights.push_back(i == 4 ? 3 : -3);
  for (const float value : first) weights.push_back(3 * value);
  ModelBuilder builder;
  set_input(builder, {1, 2, 5, 5});
  builder.add_conv("conv", {2, 2, 3, 3}, weights);
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  ASSERT_TRUE(layers[0].kernels);
  EXPECT_EQ(layers[0].kernels->count, 4U);
  EXPECT_EQ(layers[0].kernels->distinct, 3U);
  EXPECT_EQ(layers[0].kernels->distinct_up_to_sign, 2U);
}

TEST(HardwareView, UnknownSizesAreNotGuessed) {
  ModelBuilder builder;
  set_input(builder, {-1, 2, -1, -1});
  builder.add_conv("conv", {4, 2, 3, 3}, bell_values(72, 1)).add_node("Flatten", {});
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  EXPECT_FALSE(layers[0].products);
  EXPECT_EQ(layers[0].energy_dense.total(), 0);
  const auto sized = view_of(builder, {1, 2, 8, 10});
  ASSERT_EQ(sized.size(), 1U);
  expect_products(sized[0].products, {.multiplied = 3456});
  EXPECT_THROW(view_of(builder, {8, 10}), Error);
}

TEST(HardwareView, SizesComputedInTheGraphAreFollowed) {
  // x: [1, 4, 6] is reshaped to [shape(x)[1], 6], as exporters write flatten and view.
  ModelBuilder builder;
  set_input(builder, {-1, 4, 6});
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  const auto add_integers = [&](const char* name, std::vector<std::int64_t> dims,
                                std::vector<std::int64_t> values) {
    builder.add_initializer(name, DataType::kInt64, dims,
                            {reinterpret_cast<const std::uint8_t*>(values.data()),
                             values.size() * sizeof(std::int64_t)});
  };
  add_integers("one", {}, {1});
  add_integers("axes", {1}, {0});
  add_integers("six", {1}, {6});
  const auto add_node = [&](const char* op, const std::vector<const char*>& inputs,
                            const char* output) {
    auto& node = *graph.add_node();
    node.set_op_type(op);
    for (const char* input : inputs) node.add_input(input);
    node.add_output(output);
  };
  add_node("Shape", {"x"}, "sizes");
  add_node("Gather", {"sizes", "one"}, "rows");
  add_node("Unsqueeze", {"rows", "axes"}, "list");
  add_node("Concat", {"list", "six"}, "wanted");
  auto& axis = *graph.mutable_node(3)->add_attribute();
  axis.set_name("axis");
  axis.set_type(onnx::AttributeProto::INT);
  axis.set_i(0);
  builder.add_floats("w", {6, 10}, bell_values(60, 1));
  builder.add_node("Reshape", {"wanted"}).add_node("MatMul", {"w"});
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  expect_products(layers[0].products, {.multiplied = 240});
}

TEST(HardwareView, SizesInVarintsAreRead) {
  ModelBuilder builder;
  set_input(builder, {-1, 4, 6});
  auto& shape = *builder.proto().mutable_graph()->add_initializer();
  shape.set_name("shape");
  shape.set_data_type(onnx::TensorProto::INT64);
  shape.add_dims(2);
  shape.add_int64_data(-1);
  shape.add_int64_data(6);
  builder.add_floats("w", {6, 10}, bell_values(60, 1));
  builder.add_node("Reshape", {"shape"}).add_node("MatMul", {"w"});
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  expect_products(layers[0].products, {.multiplied = 240});
}

TEST(HardwareView, WithdrawnOperatorsThatKeepShapesAreFollowed) {
  ModelBuilder builder;
  set_input(builder, {1, 2, 8, 10});
  builder.add_node("ImageScaler", {}).add_conv("conv", {4, 2, 3, 3}, bell_values(72, 1));
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  expect_products(layers[0].products, {.multiplied = 3456});
}

// Behind an operator that ONNX does not know, with sizes that the exporter wrote down.
TEST(HardwareView, StatedShapesHoldWhereNothingIsInferred) {
  for (const std::int64_t batch : {1, -1}) {
    ModelBuilder builder;
    set_input(builder, {batch, 2, 8, 10});
    builder.add_node("NobodyKnows", {});
    onnx::GraphProto& graph = *builder.proto().mutable_graph();
    auto& stated = *graph.add_value_info();
    stated.set_name(graph.node(0).output(0));
    auto& type = *stated.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const int dim : {7, 16}) type.mutable_shape()->add_dim()->set_dim_value(dim);
    builder.add_floats("w", {16, 3}, bell_values(48, 1)).add_node("MatMul", {"w"});
    auto& output = *graph.add_value_info();
    output = stated;
    output.set_name(graph.node(1).output(0));
    output.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(3);
    const auto layers = view_of(builder);
    ASSERT_EQ(layers.size(), 1U);
    // For an open batch they would be those of another one.
    EXPECT_EQ(layers[0].products.has_value(), batch > 0);
    if (batch > 0) expect_products(layers[0].products, {.multiplied = 336});
  }
}

TEST(HardwareView, OpenInputsAreNamed) {
  ModelBuilder builder;
  set_input(builder, {-1, 2, -1, 10});
  builder.add_conv("conv", {4, 2, 3, 3}, bell_values(72, 1));
  const HardwareView view = whole_view_of(builder.open(), {});
  ASSERT_EQ(view.open_inputs.size(), 1U);
  EXPECT_EQ(view.open_inputs[0].name, "x");
  EXPECT_THAT(view.open_inputs[0].dims, testing::ElementsAre(1, 2, -1, 10));
  EXPECT_TRUE(view.open_inputs[0].first);
  EXPECT_TRUE(whole_view_of(builder.open(), {1, 2, 10, 10}).open_inputs.empty());
}

TEST(HardwareView, ImpossibleSizesAreNotCounted) {
  ModelBuilder builder;
  set_input(builder, {1, 2, std::int64_t{1} << 40, std::int64_t{1} << 40});
  builder.add_conv("conv", {4, 2, 3, 3}, bell_values(72, 1));
  const auto layers = view_of(builder);
  ASSERT_EQ(layers.size(), 1U);
  EXPECT_FALSE(layers[0].products);
}

TEST(HardwareView, TransposedProductsAndRecurrencesAreCounted) {
  ModelBuilder builder;
  set_input(builder, {1, 8, 6, 6});
  builder.add_floats("up", {8, 5, 2, 2}, bell_values(160, 1)).add_node("ConvTranspose", {"up"});
  builder.set_ints("strides", {2, 2});
  const auto transposed = view_of(builder);
  ASSERT_EQ(transposed.size(), 1U);
  expect_products(transposed[0].products, {.multiplied = 5760});

  ModelBuilder matmul;
  set_input(matmul, {2, 7, 10});
  matmul.add_floats("w", {10, 12}, bell_values(120, 1)).add_node("MatMul", {"w"});
  const auto rows = view_of(matmul);
  ASSERT_EQ(rows.size(), 1U);
  expect_products(rows[0].products, {.multiplied = 1680});

  ModelBuilder recurrent;
  set_input(recurrent, {9, 1, 4});
  recurrent.add_floats("w", {1, 12, 4}, bell_values(48, 1));
  recurrent.add_floats("r", {1, 12, 3}, bell_values(36, 2)).add_node("GRU", {"w", "r"});
  auto& hidden = *recurrent.proto().mutable_graph()->mutable_node(0)->add_attribute();
  hidden.set_name("hidden_size");
  hidden.set_type(onnx::AttributeProto::INT);
  hidden.set_i(3);
  const auto steps = view_of(recurrent);
  ASSERT_EQ(steps.size(), 2U);
  expect_products(steps[0].products, {.multiplied = 432});
  expect_products(steps[1].products, {.multiplied = 324});
}

}  // namespace
}  // namespace qc
