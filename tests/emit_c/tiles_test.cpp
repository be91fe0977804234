// Convolutions by tiles with random windows and weights, beside sums in double.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "compiled_model.h"
#include "emit/c/operators/window.h"
#include "emit/c/weights.h"
#include "product_kernels.h"
#include "small_model.h"

namespace qc::c {
namespace {

using Random = std::mt19937;

std::int32_t number(std::int32_t least, std::int32_t most, Random& random) {
  return std::uniform_int_distribution<std::int32_t>(least, most)(random);
}

float normal(Random& random) { return std::normal_distribution<float>()(random); }

// What kernels are for.
struct Kind {
  std::vector<float> weights;  // multiples of the scale of a row; empty for any
  bool signs = false;
  unsigned bits = 0;
};

Kind kind_for(const TileForm& form, Random& random) {
  if (form.kernel == "qk_ternary_tiles") return {{-1, 0, 1}};
  if (form.kernel == "qk_xnor_tiles") return {{-1, 1}, true};
  if (form.kernel == "qk_bits_tiles") {
    return {{-1, 1}, false, static_cast<unsigned>(number(1, 8, random))};
  }
  return {};
}

// One to three axes, each with its own window; what does not fit is made larger.
Window random_window(Random& random) {
  Window window;
  for (auto axis = static_cast<std::size_t>(number(0, 2, random)); axis < 3; ++axis) {
    window.kernel[axis] = number(1, 4, random);
    window.stride[axis] = number(0, 2, random) == 0 ? number(2, 3, random) : 1;
    window.dilation[axis] = number(0, 2, random) == 0 ? 2 : 1;
    window.pad[axis] = number(0, 3, random);
    window.pad_end[axis] = number(0, 3, random);
    const std::int32_t reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
    const std::int32_t most = axis == 2 ? 40 : 6;
    window.in[axis] =
        std::max(1, reach - window.pad[axis] - window.pad_end[axis]) + number(0, most, random);
    window.out[axis] =
        (window.in[axis] + window.pad[axis] + window.pad_end[axis] - reach) / window.stride[axis] +
        1;
  }
  return window;
}

struct Convolution {
  Window window;
  std::size_t batch;
  std::size_t groups;
  std::size_t channels;
  std::size_t rows;
  std::vector<float> weights;
  std::vector<float> bias;
  std::vector<float> x;

  std::size_t columns() const { return channels * static_cast<std::size_t>(window.taps()); }
};

Convolution random_convolution(const Kind& kind, Random& random) {
  Convolution conv;
  conv.window = random_window(random);
  conv.batch = static_cast<std::size_t>(number(1, 2, random));
  conv.groups = static_cast<std::size_t>(number(1, 2, random));
  conv.channels = static_cast<std::size_t>(number(1, number(0, 3, random) == 0 ? 70 : 5, random));
  conv.rows = static_cast<std::size_t>(number(1, 9, random));
  std::bernoulli_distribution kept(number(0, 1, random) == 0 ? 0.1 : 0.8);
  for (std::size_t row = 0; row < conv.groups * conv.rows; ++row) {
    const float scale = std::fabs(normal(random)) + 0.01F;
    for (std::size_t column = 0; column < conv.columns(); ++column) {
      const auto count = static_cast<std::int32_t>(kind.weights.size());
      const float other = kept(random) ? normal(random) : 0;
      conv.weights.push_back(
          count == 0
              ? other
              : scale * kind.weights[static_cast<std::size_t>(number(0, count - 1, random))]);
    }
    if (conv.batch == 1) conv.bias.push_back(normal(random));
  }
  const std::size_t inputs =
      conv.batch * conv.groups * conv.channels * static_cast<std::size_t>(conv.window.in_size());
  const auto largest = static_cast<std::int32_t>((1U << kind.bits) - 1);
  for (std::size_t i = 0; i < inputs; ++i) {
    float value = normal(random);
    if (kind.signs) value = static_cast<float>(number(-1, 1, random));
    if (kind.bits != 0) {
      value = static_cast<float>(number(0, largest, random)) / static_cast<float>(largest);
    }
    conv.x.push_back(value);
  }
  return conv;
}

// An input below a window, or 0 in the padding.
double input_at(const Convolution& conv, std::size_t plane, const Window::Axes& place) {
  const Window& window = conv.window;
  std::size_t at = plane;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (place[axis] < 0 || place[axis] >= window.in[axis]) return 0;
    at = at * static_cast<std::size_t>(window.in[axis]) + static_cast<std::size_t>(place[axis]);
  }
  return conv.x[at];
}

// The output of a row at a place, and the sum of the magnitudes of what is added.
std::pair<double, double> expected(const Convolution& conv, std::size_t n, std::size_t row,
                                   const Window::Axes& out) {
  const Window& window = conv.window;
  double sum = conv.bias.empty() ? 0 : conv.bias[row];
  double magnitude = std::fabs(sum);
  const float* weight = conv.weights.data() + row * conv.columns();
  const std::size_t first = (n * conv.groups + row / conv.rows) * conv.channels;
  for (std::size_t channel = 0; channel < conv.channels; ++channel) {
    for (std::int32_t tap = 0; tap < window.taps(); ++tap, ++weight) {
      const Window::Axes taps = {tap / window.kernel[2] / window.kernel[1],
                                 tap / window.kernel[2] % window.kernel[1], tap % window.kernel[2]};
      Window::Axes place;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        place[axis] =
            out[axis] * window.stride[axis] - window.pad[axis] + taps[axis] * window.dilation[axis];
      }
      const double product = *weight * input_at(conv, first + channel, place);
      sum += product;
      magnitude += std::fabs(product);
    }
  }
  return {sum, magnitude};
}

void expect_same(const Convolution& conv, const std::vector<float>& y) {
  const Window& window = conv.window;
  std::size_t at = 0;
  for (std::size_t n = 0; n < conv.batch; ++n) {
    for (std::size_t row = 0; row < conv.groups * conv.rows; ++row) {
      for (std::int32_t p = 0; p < window.out_size(); ++p, ++at) {
        const auto [sum, magnitude] =
            expected(conv, n, row,
                     {p / window.out[2] / window.out[1], p / window.out[2] % window.out[1],
                      p % window.out[2]});
        ASSERT_NEAR(y[at], sum, 2e-6 * magnitude + 1e-30) << "row " << row << ", pixel " << p;
      }
    }
  }
}

class Tiles : public testing::TestWithParam<const TileForm*> {};

TEST_P(Tiles, GiveTheConvolution) {
  const TileForm& form = *GetParam();
  Random random(7);
  for (int i = 0; i < 60; ++i) {
    const Kind kind = kind_for(form, random);
    const Convolution conv = random_convolution(kind, random);
    TileCall call;
    call.window = tile_window(conv.window, conv.channels);
    call.window.bits = kind.bits;
    call.numbers = conv.window.numbers();
    call.batch = conv.batch;
    call.rows = conv.rows;
    call.bias = conv.bias.empty() ? nullptr : conv.bias.data();
    call.x = conv.x.data();
    std::vector<CodedWeights> coded;
    const std::size_t size = conv.rows * conv.columns();
    for (std::size_t group = 0; group < conv.groups; ++group) {
      const auto values = std::span<const float>(conv.weights).subspan(group * size, size);
      const auto weights =
          form.encode({conv.rows, conv.columns(), values, kind.signs, 64, &call.window});
      ASSERT_TRUE(weights) << form.kernel;
      coded.push_back(*weights);
    }
    std::vector<float> y(conv.batch * conv.groups * conv.rows *
                         static_cast<std::size_t>(conv.window.out_size()));
    call.y = y.data();
    run_tiles(form, coded, call);
    SCOPED_TRACE(i);
    expect_same(conv, y);
    if (HasFatalFailure()) return;
  }
}

std::vector<const TileForm*> tile_forms() {
  std::vector<const TileForm*> forms;
  for (const WeightForm& form : weight_forms()) {
    if (form.tiles != nullptr) forms.push_back(form.tiles);
  }
  return forms;
}

INSTANTIATE_TEST_SUITE_P(All, Tiles, testing::ValuesIn(tile_forms()),
                         [](const testing::TestParamInfo<const TileForm*>& each) {
                           return std::string(each.param->kernel.substr(3));
                         });

// Convolutions with weights of every kind, one behind the other: any, ternary, mostly zeros in two
// groups, binary of signs, and binary of numbers of three bits.
test::SmallModel model_of_all_kinds() {
  Random random(3);
  test::SmallModel model;
  model.input("x", {1, 3, 13, 16});
  const auto add = [&](const std::string& name, const std::string& input, std::int64_t rows,
                       std::int64_t channels, const auto& weight) {
    std::vector<float> weights(static_cast<std::size_t>(rows * channels * 9));
    for (float& value : weights) value = weight();
    model.floats(name + "_w", {rows, channels, 3, 3}, weights);
    model.node("Conv", {input, name + "_w"}, {name});
    auto* pads = model.graph().mutable_node(model.graph().node_size() - 1)->add_attribute();
    pads->set_name("pads");
    pads->set_type(onnx::AttributeProto::INTS);
    for (int i = 0; i < 4; ++i) pads->add_ints(1);
  };
  const auto level = [&] {
    return 0.25F * static_cast<float>(number(0, 1, random) * number(-1, 1, random));
  };
  const auto sign = [&] { return number(0, 1, random) == 0 ? -0.25F : 0.25F; };
  add("any", "x", 40, 3, [&] { return normal(random); });
  add("ternary", "any", 40, 40, level);
  add("sparse", "ternary", 40, 20, [&] { return number(0, 6, random) == 0 ? normal(random) : 0; });
  auto* group = model.graph().mutable_node(2)->add_attribute();
  group->set_name("group");
  group->set_type(onnx::AttributeProto::INT);
  group->set_i(2);
  model.node("Sign", {"sparse"}, {"signs"});
  add("xnor", "signs", 33, 40, sign);
  model.floats("zero", {}, {0}).floats("one", {}, {1}).floats("seven", {}, {7});
  model.node("Clip", {"xnor", "zero", "one"}, {"clipped"}).node("Mul", {"clipped", "seven"}, {"m"});
  model.node("Round", {"m"}, {"r"}).node("Div", {"r", "seven"}, {"codes"});
  add("bits", "codes", 5, 33, sign);
  return model.output("bits");
}

TEST(CompiledTiles, GiveTheSameWithAndWithoutVectorInstructions) {
  if (const std::string missing = test::missing_compiler(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const OnnxModel model = model_of_all_kinds().open();
  const PlanOptions fast{.goal = Goal::kSpeed};
  const test::CompiledModel plain(model, fast);
  std::vector<std::string> forms;
  for (const Product& product : plain.plan().products) {
    EXPECT_TRUE(product.tile_input) << product.form;
    forms.push_back(product.form);
  }
  EXPECT_EQ(forms, (std::vector<std::string>{"dense", "ternary", "sparse16", "xnor", "binary"}));
  const test::CompiledModel native(model, fast, test::Checks::kNative);
  const test::CompiledModel small(model, {}, test::Checks::kWarnings);
  Random random(4);
  std::vector<float> values(std::size_t{3} * 13 * 16);
  for (float& value : values) value = normal(random);
  const HostTensor x = test::tensor_of({1, 3, 13, 16}, values);
  const HostTensor result = plain.run({x}).at(0);
  EXPECT_EQ(result.bytes, native.run({x}).at(0).bytes);
  const std::vector<float> ours = test::values_of(result);
  const std::vector<float> others = test::values_of(small.run({x}).at(0));
  ASSERT_EQ(ours.size(), others.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], others[i], 1e-4);
}

// Sums of selected inputs, of sixteen rows at a time and of the last eight.
TEST(CompiledPlanes, GiveTheSameWithAndWithoutVectorInstructions) {
  if (const std::string missing = test::missing_compiler(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  Random random(5);
  std::vector<float> weights(std::size_t{70} * 24);
  for (float& value : weights) value = 0.5F * static_cast<float>(number(-1, 1, random));
  std::vector<float> values(70);
  for (float& value : values) value = normal(random);
  test::SmallModel model;
  model.input("x", {1, 70}).floats("w", {70, 24}, weights);
  const OnnxModel ternary = model.node("MatMul", {"x", "w"}, {"y"}).output("y").open();
  const PlanOptions options{.goal = Goal::kSpeed, .form = "ternary"};
  const test::CompiledModel plain(ternary, options);
  ASSERT_EQ(plain.plan().products.at(0).form, "ternary");
  const test::CompiledModel native(ternary, options, test::Checks::kNative);
  const HostTensor x = test::tensor_of({1, 70}, values);
  EXPECT_EQ(plain.run({x}).at(0).bytes, native.run({x}).at(0).bytes);
}

TEST(TileForms, RefuseWhatTheyAreNotFor) {
  const std::vector<float> values = {1, -1, 0.5F, 2};
  TileWindow window;
  window.channels = 4;
  window.width = 1;
  window.padded = 1;
  for (const WeightForm& form : weight_forms()) {
    if (form.tiles == nullptr) continue;
    const bool any = form.name == "dense" || form.name == "sparse16";
    EXPECT_EQ(form.tiles->encode({1, 4, values, true, 64, &window}).has_value(), any) << form.name;
  }
}

}  // namespace
}  // namespace qc::c
