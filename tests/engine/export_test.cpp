// Judge: ONNX Runtime decodes exported weights, and computes the same bits as from plain floats.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "emit/export_model.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "onnxruntime.h"
#include "passes/pass.h"
#include "random_inputs.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr int kInputs = 4;  // random ones for each model

using Flags = std::vector<std::pair<std::string, std::string>>;

OnnxModel applied(const Pass& pass, const OnnxModel& model, const Flags& flags) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return apply_pass(pass, model, params, {.threads = 2}).model(model);
}

OnnxModel pruned_and_shared(const OnnxModel& model) {
  return applied(kSharePass, applied(kPrunePass, model, {{"rate", "0.85"}}),
                 {{"conv-bits", "8"}, {"fc-bits", "5"}});
}

OnnxModel ternary(const OnnxModel& model) { return applied(kTernarizePass, model, {}); }

OnnxModel ternary_channels(const OnnxModel& model) {
  return applied(kTernarizePass, model, {{"scale", "channel"}});
}

struct Treatment {
  const char* name;
  OnnxModel (*apply)(const OnnxModel& model);
};

constexpr Treatment kTreatments[] = {{"pruned and shared", pruned_and_shared},
                                     {"ternary", ternary},
                                     {"ternary by channel", ternary_channels}};

// Small ones of many makers; all of them are in `qc_bench export`.
const std::vector<std::string> kModels = {
    "samples/lenet-300-100-mnist.onnx",
    "samples/lenet-5-mnist.onnx",
    "converted/resnet20_cifar10.onnx",
    "converted/resnet20_cifar10_external/model.onnx",
    "converted/squeezenet_f32_from_fp16.onnx",
    "mnist_burn/mnist.onnx",
    "edge/scan_1.onnx",
    "ten_vad/ten-vad.onnx",
    "yunet/yunet_n_320_320.onnx",
};

fs::path path_of(const std::string& model, const fs::path& shared) {
  constexpr std::string_view kSamples = "samples/";
  if (!model.starts_with(kSamples)) return shared / "models" / model;
  return harness::source_dir() / "samples" / "models" / model.substr(kSamples.size());
}

// The model with random inputs, once for each.
std::vector<test::Case> cases_of(const OnnxModel& model, const fs::path& path) {
  fs::create_directories(path.parent_path());
  model.write(path, {}, Overwrite::kRefuse);
  std::vector<test::Case> cases;
  SplitMix64 random(7);
  for (int i = 0; i < kInputs; ++i) {
    test::Case one;
    one.model = path;
    one.inputs = model.graph()->main.inputs;
    for (const GraphValue& input : one.inputs) {
      one.values.push_back(test::random_tensor(input, random));
    }
    one.optimized = true;
    cases.push_back(std::move(one));
  }
  return cases;
}

TEST(Export, OnnxRuntimeComputesTheSameBits) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const harness::TempDir temp;
  std::size_t folder = 0;
  std::vector<test::Case> cases;
  std::vector<std::string> names;  // empty for the float model, which comes first
  std::map<std::string_view, int> forms;
  for (const std::string& file : kModels) {
    const OnnxModel model = OnnxModel::open(path_of(file, *shared));
    for (const Treatment& treatment : kTreatments) {
      const OnnxModel before = treatment.apply(model);
      const auto add = [&](const OnnxModel& each, const std::string& name) {
        for (test::Case& one : cases_of(each, temp / fmt::format("{}", folder) / "m.onnx")) {
          cases.push_back(std::move(one));
          names.push_back(name);
        }
        ++folder;
      };
      add(before, "");
      for (const auto& [family, name] : {std::pair(FormFamily::kCompact, "compact"),
                                         std::pair(FormFamily::kCodebook, "codebook"),
                                         std::pair(FormFamily::kQdq, "qdq")}) {
        const ExportedModel exported = export_model(before, {.family = family});
        EXPECT_LE(exported.model.total_size(), before.total_size()) << file;
        for (const ExportedTensor& tensor : exported.tensors) ++forms[tensor.form];
        add(exported.model, fmt::format("{}, {}, {}", file, treatment.name, name));
      }
    }
  }
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  std::size_t expected = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (names[i].empty()) {
      if (i % kInputs == 0) expected = i;
      EXPECT_EQ(verdicts[i].error, "");
      continue;
    }
    const test::Verdict& wanted = verdicts[expected + i % kInputs];
    ASSERT_EQ(verdicts[i].error, "") << names[i];
    ASSERT_EQ(verdicts[i].outputs.size(), wanted.outputs.size()) << names[i];
    for (std::size_t k = 0; k < wanted.outputs.size(); ++k) {
      EXPECT_EQ(verdicts[i].outputs[k].bytes, wanted.outputs[k].bytes) << names[i];
    }
  }
  for (const auto& [form, count] : forms) fmt::print("{} tensors as {}\n", count, form);
}

// Deep Compression's densities and bits of LeNet-5 (arXiv 1510.00149, table 3).
TEST(Export, DeepCompressionsLenet5IsAFileOfAThirtiethPart) {
  const OnnxModel model =
      OnnxModel::open(harness::source_dir() / "samples" / "models" / "lenet-5-mnist.onnx");
  Params prune(kPrunePass.params);
  for (const char* rate :
       {"conv1.weight=0.34", "conv2.weight=0.88", "fc1.weight=0.92", "fc2.weight=0.81"}) {
    prune.set("layer", rate);
  }
  const OnnxModel pruned = apply_pass(kPrunePass, model, prune, {.threads = 2}).model(model);
  const OnnxModel shared = applied(kSharePass, pruned, {{"conv-bits", "8"}, {"fc-bits", "5"}});
  const OnnxModel exported = export_model(shared, {}).model;
  fmt::print("LeNet-5: {} -> {} bytes\n", model.total_size(), exported.total_size());
  EXPECT_LT(30 * exported.total_size(), model.total_size());
}

}  // namespace
}  // namespace qc
