// Judge: ONNX Runtime on low-bit networks that the passes export, with a thousand test images.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"
#include "harness.h"
#include "onnxruntime.h"
#include "passes/pass.h"
#include "tensor_values.h"

namespace qc {
namespace {

constexpr std::size_t kImages = 1000;
constexpr double kTolerance = 1e-4;
// A sum that lies on the edge of a step goes either way where it is rounded in another order: then
// one activation differs by a whole step. Images in which that may happen.
constexpr std::size_t kMostOnEdges = kImages / 100;

struct Method {
  std::string name;
  const Pass* pass;
  std::vector<std::pair<std::string, std::string>> flags;
};

const std::vector<Method>& methods() {
  static const std::vector<Method> kAll = {
      {"TWN", &kTernarizePass, {}},
      {"five levels", &kTernarizePass, {{"levels", "5"}, {"scale", "channel"}}},
      {"BNN", &kBinarizePass, {{"activations", "sign"}, {"scale", "none"}}},
      {"BNN, 2 bits", &kBinarizePass, {{"activations", "sign"}, {"abits", "2"}}},
      {"XNOR-Net", &kBinarizePass, {{"xnor", "true"}}},
      {"DoReFa W1A3", &kDorefaPass, {{"abits", "3"}}},
      {"DoReFa W2A2", &kDorefaPass, {{"wbits", "2"}, {"abits", "2"}, {"keep", "none"}}},
  };
  return kAll;
}

OnnxModel converted(const OnnxModel& model, const Method& method) {
  Params params(method.pass->params);
  for (const auto& [name, value] : method.flags) params.set(name, value);
  return apply_pass(*method.pass, model, params, {.threads = 1}).model(model);
}

HostTensor test_images(const std::filesystem::path& folder) {
  const auto data = open_dataset({folder, {}}, Split::kTest);
  HostTensor images{DataType::kFloat, data->sample_shape(), {}};
  std::vector<float> sample(element_count(images.dims).value_or(0));
  images.dims.insert(images.dims.begin(), static_cast<std::int64_t>(kImages));
  for (std::size_t i = 0; i < kImages; ++i) {
    data->load(i, sample);
    for (const float value : sample) append_le(images.bytes, value);
  }
  return images;
}

struct Agreement {
  std::size_t apart = 0;          // images whose scores differ by more than the tolerance
  std::size_t other_classes = 0;  // images of another class among those that do not
};

Agreement compare(const HostTensor& expected, const HostTensor& actual) {
  EXPECT_EQ(expected.dims, actual.dims);
  const std::vector<double> wanted = test::float_values(expected);
  const std::vector<double> got = test::float_values(actual);
  const std::size_t classes = wanted.size() / kImages;
  Agreement agreement;
  for (std::size_t begin = 0; begin < wanted.size(); begin += classes) {
    const auto row = [&](const std::vector<double>& values) {
      return std::span(values).subspan(begin, classes);
    };
    double largest = 0;
    double worst = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      largest = std::max(largest, std::abs(row(wanted)[k]));
      worst = std::max(worst, std::abs(row(wanted)[k] - row(got)[k]));
    }
    if (!(worst <= kTolerance * largest + test::kAbsoluteTolerance)) {
      ++agreement.apart;
      continue;
    }
    const auto best = [&](std::span<const double> scores) {
      return std::ranges::max_element(scores) - scores.begin();
    };
    std::vector<double> sorted(row(wanted).begin(), row(wanted).end());
    std::ranges::sort(sorted);
    const bool tie = sorted[classes - 1] - sorted[classes - 2] <= 2 * worst;
    if (!tie && best(row(wanted)) != best(row(got))) ++agreement.other_classes;
  }
  return agreement;
}

TEST(LowBitOnnxRuntime, AgreesOnExportedNetworks) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const HostTensor images = test_images(*shared / "data" / "mnist");
  const OnnxModel model =
      OnnxModel::open(harness::source_dir() / "samples" / "models" / "lenet-5.onnx");
  const auto engine = open_engine({.threads = 2});
  const harness::TempDir temp;
  std::vector<test::Case> cases;
  for (const Method& method : methods()) {
    test::Case one;
    one.model = temp / fmt::format("{}.onnx", cases.size());
    converted(model, method).write(one.model, {}, Overwrite::kRefuse);
    const OnnxModel written = OnnxModel::open(one.model);
    one.inputs = written.graph()->main.inputs;
    one.values = {images};
    one.outputs = engine->load(load_model(written))->run(one.values);
    cases.push_back(std::move(one));
  }
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(methods()[i].name);
    ASSERT_EQ(verdicts[i].error, "");
    const Agreement agreement = compare(verdicts[i].outputs.front(), cases[i].outputs.front());
    fmt::print("  {}: {} of {} images within {}\n", methods()[i].name, kImages - agreement.apart,
               kImages, kTolerance);
    EXPECT_LE(agreement.apart, kMostOnEdges);
    EXPECT_EQ(agreement.other_classes, 0U);
  }
}

}  // namespace
}  // namespace qc
