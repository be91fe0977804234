// share --biases: short mantissas for biases and norm parameters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "model_builder.h"
#include "model_files.h"
#include "model_values.h"
#include "passes/biases.h"
#include "passes/pass.h"

namespace qc {
namespace {

using test::bell_values;
using test::ModelBuilder;
using test::values_of;
using testing::ElementsAre;

using Flags = std::vector<std::pair<std::string, std::string>>;

Params share_params(const Flags& flags) {
  Params params(kSharePass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return params;
}

PassResult share(const OnnxModel& model, const Flags& flags) {
  return apply_pass(kSharePass, model, share_params(flags), {.threads = 1});
}

std::vector<std::string> changed(const PassReport& report) {
  std::vector<std::string> names;
  for (const TensorReport& tensor : report.changed) names.push_back(tensor.name);
  return names;
}

void fill_net(ModelBuilder& builder) {
  builder.add_conv("conv", {8, 1, 3, 3}, bell_values(72, 1))
      .add_batch_norm("bn", 8)
      .add_gemm("fc", {8, 64}, bell_values(512, 2));
}

// The definition: of all floats with so short a mantissa none is nearer, and of two as near the one
// with an even mantissa.
void expect_rounded(float before, float after, int bits) {
  const auto drop = static_cast<unsigned>(23 - bits);
  const auto pattern = std::bit_cast<std::uint32_t>(after);
  EXPECT_EQ(pattern & ((1U << drop) - 1), 0U) << before;
  for (const std::uint32_t step : {1U << drop, ~(1U << drop) + 1}) {
    const double other = static_cast<double>(std::bit_cast<float>(pattern + step));
    EXPECT_LE(std::fabs(static_cast<double>(after) - static_cast<double>(before)),
              std::fabs(other - static_cast<double>(before)));
  }
}

TEST(Biases, AreRoundedToTheirBits) {
  ModelBuilder builder;
  fill_net(builder);
  const OnnxModel model = builder.open();
  for (const int bits : {1, 4, 12, 22}) {
    const PassResult result = share(model, {{"biases", std::to_string(bits)}});
    EXPECT_THAT(changed(result.report),
                ElementsAre("conv.bias", "bn.scale", "bn.shift", "bn.mean", "bn.var", "fc.bias"));
    const std::vector<float> before = values_of(model, "fc.bias");
    const std::vector<float> after = values_of(result.model(model), "fc.bias");
    double squares = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      expect_rounded(before[i], after[i], bits);
      squares += std::pow(static_cast<double>(after[i]) - static_cast<double>(before[i]), 2);
    }
    EXPECT_NEAR(result.report.changed.back().rmse,
                std::sqrt(squares / static_cast<double>(before.size())), 1e-12);
    EXPECT_EQ(values_of(result.model(model), "fc.weight"), values_of(model, "fc.weight"));
  }
}

TEST(Biases, TakeFewerBytesWhenPacked) {
  ModelBuilder builder;
  builder.add_gemm("fc", {4, 1024}, std::vector<float>(4096, 0.5F));
  const OnnxModel model = builder.open();
  const std::size_t plain = test::pack(model).size();
  std::size_t before = plain;
  for (const int bits : {12, 7, 3}) {
    const PassResult result = share(model, {{"biases", std::to_string(bits)}});
    const std::size_t size = test::pack(result.model(model)).size();
    EXPECT_LT(size, before) << bits;
    before = size;
  }
  // Of 1,024 biases: 13, 16 and 20 bits of each at least are zero.
  EXPECT_LT(before, plain - 1024 * 20 / 8 + 200);
}

TEST(Biases, GoTogetherWithSharedWeights) {
  ModelBuilder builder;
  fill_net(builder);
  const OnnxModel model = builder.open();
  const PassReport report =
      share(model, {{"bits", "3"}, {"biases", "4"}, {"exclude", "bn.*"}}).report;
  EXPECT_THAT(changed(report), ElementsAre("conv.weight", "conv.bias", "fc.weight", "fc.bias"));
  EXPECT_THAT(changed(share(model, {{"bits", "3"}, {"biases", "4"}, {"include", "fc.*"}}).report),
              ElementsAre("fc.weight", "fc.bias"));
  EXPECT_THAT(changed(share(model, {{"bits", "3"}}).report),
              ElementsAre("conv.weight", "fc.weight"));
}

TEST(Biases, ThatCannotBeRoundedStay) {
  ModelBuilder builder;
  const float infinity = std::numeric_limits<float>::infinity();
  builder.add_floats("w", {2, 2}, std::vector<float>{1, 2, 3, 4})
      .add_floats("b", {2}, std::vector<float>{1.1F, infinity})
      .add_node("Gemm", {"w", "b"})
      .add_floats("w2", {2, 2}, std::vector<float>{1, 2, 3, 4}, DataType::kFloat16)
      .add_floats("b2", {2}, std::vector<float>{65504, 1.1F}, DataType::kFloat16)
      .add_node("Gemm", {"w2", "b2"});
  const OnnxModel model = builder.open();
  const PassResult result = share(model, {{"biases", "2"}});
  EXPECT_THAT(changed(result.report), ElementsAre("b2"));
  EXPECT_THAT(values_of(result.model(model), "b2"), ElementsAre(65504, 1));
}

// So that training keeps to them.
TEST(Biases, AreForms) {
  ModelBuilder builder;
  fill_net(builder);
  const OnnxModel model = builder.open();
  const Params params = share_params({{"biases", "4"}});
  const PassResult result = apply_pass(kSharePass, model, params, {.threads = 1});
  const std::vector<FormedTensor> forms = kSharePass.forms(model, params);
  EXPECT_EQ(forms.size(), 6U);
  const OnnxModel after = result.model(model);
  for (const FormedTensor& formed : forms) {
    const TensorInfo& tensor = after.tensors()[formed.tensor];
    EXPECT_TRUE(has_form(formed.form, values_of(after, formed.tensor), {}, tensor.type));
  }
  EXPECT_FALSE(has_form(forms.back().form, values_of(model, "fc.bias"), {}, DataType::kFloat));
}

}  // namespace
}  // namespace qc
