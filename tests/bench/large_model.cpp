#include "large_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "harness.h"
#include "model_builder.h"

namespace qc::bench {
namespace {

constexpr std::size_t kLayers = 4;
constexpr std::int64_t kOutputs = 2500;
constexpr float kDeviation = 0.02F;
// 10% of a normal distribution lie further out.
constexpr float kThreshold = 1.645F * kDeviation;
// 16 magnitudes of either sign up to 3.5 deviations.
constexpr int kMagnitudes = 16;
constexpr float kStep = (3.5F - 1.645F) * kDeviation / kMagnitudes;

float shared_value(float weight) {
  const float magnitude = std::fabs(weight);
  if (magnitude < kThreshold) return 0;
  const int step = std::min(static_cast<int>((magnitude - kThreshold) / kStep), kMagnitudes - 1);
  return std::copysign(kThreshold + (static_cast<float>(step) + 0.5F) * kStep, weight);
}

}  // namespace

void write_large_model(const std::filesystem::path& path, std::size_t weights) {
  test::ModelBuilder model;
  const auto inputs = static_cast<std::int64_t>(weights / kLayers) / kOutputs;
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    const std::string name = fmt::format("layer{}.weight", layer);
    const auto count = static_cast<std::size_t>(inputs * kOutputs);
    std::vector<float> values = test::bell_values(count, layer + 1, kDeviation);
    std::ranges::transform(values, values.begin(), shared_value);
    model.add_floats(name, {inputs, kOutputs}, values).add_node("MatMul", {name});
  }
  const Bytes bytes = model.bytes();
  harness::write_file(path, std::string(as_text(bytes)));
}

}  // namespace qc::bench
