// Judge: ONNX Runtime on every shared model that the engine executes, with the same random inputs.
#include "onnxruntime.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "random_inputs.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-4;
// ONNX Runtime computes float16 graphs in float32, rounding where it likes to.
constexpr double kHalfTolerance = 2e-2;

// Models on which two runtimes that are both right differ by more.
const std::map<std::string, double> kLooser = {
    // Instance normalisation of flat images: float and double differ by 5e-4 themselves.
    {"fns_candy/fns-candy.onnx", 2e-3},
    // Where float sums are quantised, one that lies between two steps goes either way.
    {"edge/qdq_with_multi_consumer_dq_nodes.onnx", 0.1},
    {"maui_model/model.onnx", 0.1},
};

bool has_float_weights(const OnnxModel& model) {
  return std::ranges::any_of(model.tensors(), [](const TensorInfo& tensor) {
    return tensor.has_values() && tensor.count() > 0;
  });
}

// Loads and runs a model with the engine. Throws Error(kUnsupported) when it is refused; nothing
// for a model without float weights.
std::optional<test::Case> run_engine(Engine& engine, const fs::path& path, std::uint64_t seed) {
  const OnnxModel model = OnnxModel::open(path);
  const Graph& graph = model.graph()->main;
  if (!has_float_weights(model)) return std::nullopt;
  const auto network = engine.load(load_model(model));
  test::Case result{path, graph.inputs, {}, {}};
  SplitMix64 random(seed);
  for (const GraphValue& input : result.inputs) {
    if (data_type_bits(input.type) == 0) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("input {} of {}", input.name, data_type_name(input.type)));
    }
    result.values.push_back(test::random_tensor(input, random));
  }
  result.outputs = network->run(result.values);
  return result;
}

// How far apart, relative to an output's largest value, two runtimes may be on a model.
double tolerance_for(const test::Case& one, const std::string& name) {
  if (const auto looser = kLooser.find(name); looser != kLooser.end()) return looser->second;
  const bool half = std::ranges::any_of(
      one.values, [](const HostTensor& value) { return value.type == DataType::kFloat16; });
  return half ? kHalfTolerance : kTolerance;
}

// Empty when all outputs agree.
std::string difference(const test::Case& one, double tolerance,
                       const std::vector<HostTensor>& expected) {
  if (expected.size() != one.outputs.size()) return "another number of outputs";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string text = test::difference(expected[i], one.outputs[i], tolerance);
    if (!text.empty()) return fmt::format("output {}: {}", i, text);
  }
  return {};
}

TEST(OnnxRuntime, AgreesOnEverySharedModel) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }

  const fs::path folder = *shared / "models";
  const auto engine = open_engine({.threads = 2});
  std::vector<test::Case> cases;
  std::size_t refused = 0;
  std::uint64_t seed = 0;
  for (const std::string& file : harness::list_models(folder)) {
    try {
      if (auto one = run_engine(*engine, folder / file, ++seed)) {
        cases.push_back(std::move(*one));
      } else {
        fmt::print("  no float weights: {}\n", file);
      }
    } catch (const Error& error) {
      // Some lack a file on purpose, or have their nodes in an order that ONNX forbids.
      EXPECT_NE(error.code(), ErrorCode::kInternal) << file << ": " << error.what();
      fmt::print("  refused: {}: {}\n", file, error.what());
      ++refused;
    }
  }

  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  std::size_t agree = 0;
  std::size_t looser = 0;
  std::size_t unjudged = 0;
  std::vector<std::string> disagree;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string name = fs::relative(cases[i].model, folder);
    if (!verdicts[i].error.empty()) {
      fmt::print("  refused by onnxruntime: {}: {}\n", name, verdicts[i].error);
      ++unjudged;
      continue;
    }
    if (test::saturates_on_this_processor(cases[i].model)) {
      fmt::print("  not judged, products of bytes saturate here: {}\n", name);
      ++unjudged;
      continue;
    }
    if (difference(cases[i], kTolerance, verdicts[i].outputs).empty()) {
      ++agree;
      continue;
    }
    const double tolerance = tolerance_for(cases[i], name);
    const std::string text = difference(cases[i], tolerance, verdicts[i].outputs);
    if (text.empty()) {
      fmt::print("  agrees only within {}: {}\n", tolerance, name);
      ++looser;
    } else {
      disagree.push_back(fmt::format("{}: {}", name, text));
    }
  }
  fmt::print(
      "onnxruntime: {} agree within {}, {} within a wider bound of their own, {} disagree, {} "
      "refused by us, {} refused by onnxruntime\n",
      agree, kTolerance, looser, disagree.size(), refused, unjudged);
  EXPECT_TRUE(disagree.empty()) << fmt::format("{}", fmt::join(disagree, "\n"));
  EXPECT_GE(agree, 40U);
}

}  // namespace
}  // namespace qc
