// What tidy leaves computes the same: by the engine, number for number, and by ONNX Runtime.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "core/random.h"
#include "core/zeros.h"
#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"
#include "formats/onnx/negative_zeros.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "onnxruntime.h"
#include "passes/pass.h"
#include "random_inputs.h"
#include "tensor_values.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

OnnxModel tidied(const OnnxModel& model) {
  return apply_pass(kTidyPass, model, Params(kTidyPass.params), {.threads = 2}).model(model);
}

// The model with a third of the values of its float tensors zero, of either sign.
OnnxModel with_signed_zeros(const OnnxModel& model, std::uint64_t seed) {
  SplitMix64 random(seed);
  PayloadEdits edits;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (!tensor.has_values() || tensor.count() < 2 || tensor.role == Role::kOther) continue;
    const ByteView payload = model.payload(tensor);
    Bytes bytes(payload.begin(), payload.end());
    for (std::uint64_t element = 0; element < tensor.count(); ++element) {
      const double draw = random.uniform();
      if (draw > 1.0 / 3) continue;
      store_value(tensor.type, bytes, element, draw < 1.0 / 6 ? -0.0 : 0.0);
    }
    edits[i] = std::move(bytes);
  }
  return model.edited(edits);
}

// Empty when every element is the same number.
std::string difference(const std::vector<HostTensor>& a, const std::vector<HostTensor>& b) {
  if (a.size() != b.size()) return "another number of outputs";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].type != b[i].type || a[i].dims != b[i].dims) return "another type or shape";
    if (!test::is_float(a[i].type)) {
      if (a[i].bytes != b[i].bytes) return fmt::format("output {}", i);
      continue;
    }
    const std::vector<double> x = test::float_values(a[i]);
    const std::vector<double> y = test::float_values(b[i]);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const bool same = x[k] == y[k] || (std::isnan(x[k]) && std::isnan(y[k]));
      if (!same) return fmt::format("output {}, element {}: {} became {}", i, k, x[k], y[k]);
    }
  }
  return {};
}

// A model and what the engine makes of it; throws Error when it is refused.
test::Case run_engine(Engine& engine, const OnnxModel& model, const fs::path& path) {
  model.write(path, {}, Overwrite::kRefuse);
  const Graph& graph = model.graph()->main;
  test::Case result{path, graph.inputs, {}, {}};
  SplitMix64 random(7);
  for (const GraphValue& input : result.inputs) {
    if (data_type_bits(input.type) == 0) throw Error(ErrorCode::kUnsupported, "input of strings");
    result.values.push_back(test::random_tensor(input, random));
  }
  result.outputs = engine.load(load_model(model))->run(result.values);
  return result;
}

TEST(Tidy, SharedModelsComputeTheSame) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  const auto engine = open_engine({.threads = 2});
  const harness::TempDir temp;
  std::vector<test::Case> cases;  // before and after, in turn
  std::uint64_t removed = 0;
  std::uint64_t left = 0;
  for (const std::string& file : harness::list_models(*shared / "models")) {
    SCOPED_TRACE(file);
    const fs::path folder = temp / fmt::format("{}", cases.size());
    fs::create_directories(folder / "after");
    std::optional<test::Case> before;
    std::optional<OnnxModel> model;
    try {
      model = with_signed_zeros(OnnxModel::open(*shared / "models" / file), cases.size());
      before = run_engine(*engine, *model, folder / "m.onnx");
    } catch (const Error&) {
      fs::remove_all(folder);
      continue;  // refused, as it is by every other command that executes
    }
    const OnnxModel after = tidied(*model);
    double cost = 0;
    const auto found = find_negative_zeros(*model, 2);
    removed += removable_zeros(found, cost).negative;
    const auto rest = find_negative_zeros(after, 2);
    for (const NegativeZeros& one : rest) {
      left += one.zeros.negative;
      EXPECT_FALSE(one.reader.empty()) << after.tensors()[one.tensor].name;
    }
    test::Case run = run_engine(*engine, after, folder / "after" / "m.onnx");
    EXPECT_EQ(difference(before->outputs, run.outputs), "");
    cases.push_back(std::move(*before));
    cases.push_back(std::move(run));
  }
  fmt::print("{} models; {} negative zeros taken out, {} left\n", cases.size() / 2, removed, left);
  EXPECT_GE(cases.size(), 80U);
  EXPECT_GT(removed, 100 * left) << "hardly any output can tell";

  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  std::size_t judged = 0;
  for (std::size_t i = 0; i < cases.size(); i += 2) {
    if (!verdicts[i].error.empty()) continue;
    SCOPED_TRACE(cases[i].model.string());
    EXPECT_EQ(verdicts[i + 1].error, "");
    EXPECT_EQ(difference(verdicts[i].outputs, verdicts[i + 1].outputs), "");
    ++judged;
  }
  EXPECT_GE(judged, 40U);
}

// A network that PyTorch pruned, with its masks in the graph and with prune.remove.
TEST(Tidy, PyTorchMasksComputeTheSame) {
  if (std::system("/usr/bin/python3 -c 'import torch, onnx' 2>/dev/null") != 0) {
    GTEST_SKIP() << "PyTorch and ONNX for /usr/bin/python3 are not installed (python3-torch, "
                    "python3-onnx)";
  }
  const fs::path source = harness::source_dir();
  const harness::TempDir temp;
  harness::RunOptions python_options;
  python_options.program = "/usr/bin/python3";
  const auto python = harness::run({(source / "tests/bench/mask_pytorch.py").string(),
                                    (source / "samples/models/lenet-5.onnx").string(),
                                    temp.path().string(), "250", "1500", "1900", "327"},
                                   python_options);
  ASSERT_EQ(python.exit_code, 0) << python.err;
  const auto engine = open_engine({.threads = 2});
  std::vector<test::Case> cases;
  for (const std::string name : {"masked", "removed"}) {
    const OnnxModel model = OnnxModel::open(temp / (name + ".onnx"));
    cases.push_back(run_engine(*engine, model, temp / (name + ".copy.onnx")));
    const OnnxModel after = tidied(model);
    EXPECT_TRUE(find_negative_zeros(after, 1).empty()) << name;
    std::uint64_t kept = 0;
    for (const TensorInfo& tensor : after.tensors()) {
      if (tensor.role != Role::kWeight) continue;
      EXPECT_TRUE(tensor.name.ends_with(".weight")) << tensor.name;
      kept += tensor.count() - count_zeros(tensor.type, after.payload(tensor)).zeros;
    }
    EXPECT_EQ(kept, 3977U) << name;
    cases.push_back(run_engine(*engine, after, temp / (name + ".tidy.onnx")));
  }
  for (const test::Case& one : cases) EXPECT_EQ(difference(cases[0].outputs, one.outputs), "");
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  for (const test::Verdict& verdict : verdicts) ASSERT_EQ(verdict.error, "");
  // It adds up in another order where weights are computed.
  constexpr double kAnotherOrder = 1e-6;
  EXPECT_EQ(
      test::difference(verdicts[0].outputs.front(), verdicts[1].outputs.front(), kAnotherOrder),
      "");
  EXPECT_EQ(difference(verdicts[1].outputs, verdicts[2].outputs), "");
  EXPECT_EQ(difference(verdicts[2].outputs, verdicts[3].outputs), "");
}

}  // namespace
}  // namespace qc
