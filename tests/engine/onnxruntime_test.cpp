// Judge: ONNX Runtime on every shared model, with the same made-up samples. What either refuses is
// listed with the reason.
#include "onnxruntime.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/feed_source.h"
#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// Made up, the same on every machine.
constexpr const char* kSamples = "random:2";
// Models of which one sample takes seconds.
const std::set<std::string> kSlow = {"fns_candy/fns-candy.onnx"};

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
    // Float16 in between, of which this is a unit in the last place.
    {"edge/conv_add_fp16.onnx", 0x1p-10},
};

// What stands in the message with which a model is refused.
using Reasons = std::map<std::string, std::string>;

// Models that the engine refuses.
const Reasons kRefused = {
    {"edge/custom_op_gpt2tok.onnx", "operator ai.onnx.contrib.GPT2Tokenizer"},
    {"edge/generic_sparse_to_dense_matmul.onnx", "operator com.microsoft.SparseToDenseMatMul"},
    // Its file of external data is missing.
    {"edge/model_with_external_initializer_come_from_user.onnx", "external data: cannot open"},
    {"edge/onnx_node/test_if_seq.onnx", "If 'res' (opset 13): it makes res, an output"},
    {"edge/openai_whisper_transcriptions.onnx",
     "operator com.microsoft.extensions.OpenAIAudioToText"},
    {"edge/superres_prepost_op18.onnx", "operator com.microsoft.extensions.DecodeImage"},
    {"edge/tiny_gpt2_beamsearch.onnx", "operator com.microsoft.BeamSearch"},
    {"mnist_winml/model.onnx", "operator ai.onnx.ml.ZipMap"},
    {"pcb_aoi/pcb-aoi.onnx", "operator com.microsoft.LegacyPadding"},
    {"squeezenet_tensor_input/squeezenet_tensor_input.onnx", "operator ai.onnx.ml.ZipMap"},
    // Its shapes contradict each other.
    {"starry_night_fp16/starry-night-fp16.onnx", "Add '65' (opset 7): The size of tensor"},
};

// Models that the engine executes and ONNX Runtime does not, or of whose values its package for
// node has no type.
const Reasons kUnjudged = {
    {"converted/lenet5_bfloat16.onnx", "Type 'tensor(bfloat16)' of input parameter"},
    {"edge/bias_softmax_fusion_bfloat16.onnx", "Could not find an implementation for Add(13)"},
    {"edge/dup_qdq_bfloat16.onnx", "Could not find an implementation for DequantizeLinear(19)"},
    {"edge/java-fp32-to-bf16.onnx", "Tensor type (16) is not supported"},
    {"edge/onnx_node/test_Linear.onnx", "Could not find an implementation for Gemm(6)"},
    {"edge/sparse_initializer_as_output.onnx", "Non tensor type"},
    {"mnist_cntk/model.onnx", "Could not find an implementation for Add(1)"},
};

// A model with its samples, and what the engine makes of them.
struct ModelRun {
  std::string name;
  std::vector<test::Case> cases;  // one for each sample
};

// ONNX Runtime knows models up to this version of the format. Newer ones are judged as copies that
// claim to be older: what a later version added, they do not use.
constexpr int kJudgedFormat = 10;

fs::path judged_file(const fs::path& path, const fs::path& copy) {
  onnx::ModelProto model;
  if (!model.ParseFromString(harness::read_file(path))) return path;
  if (model.ir_version() <= kJudgedFormat) return path;
  model.set_ir_version(kJudgedFormat);
  harness::write_file(copy, model.SerializeAsString());
  return copy;
}

// Throws Error where the engine refuses the model.
std::vector<test::Case> run_engine(Engine& engine, const fs::path& path, const fs::path& copy,
                                   bool slow) {
  const OnnxModel model = OnnxModel::open(path);
  const auto network = engine.load(load_model(model));
  const Graph& graph = model.graph()->main;
  const auto feeds = open_feeds({slow ? "random:1" : kSamples, {}}, Split::kTest, graph);
  const fs::path judged = judged_file(path, copy);
  std::vector<test::Case> cases;
  for (std::size_t i = 0; i < feeds->size(); ++i) {
    test::Case one{judged, graph.inputs, feeds->load(i).inputs, {}};
    one.outputs = network->run(one.values);
    cases.push_back(std::move(one));
  }
  return cases;
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

// The reason that a table gives for a model; empty without one.
std::string reason_for(const Reasons& reasons, const std::string& name) {
  const auto found = reasons.find(name);
  return found == reasons.end() ? std::string() : found->second;
}

// Runs all models; those that are refused must be in the table, for the reason that stands there.
std::vector<ModelRun> run_all(const fs::path& folder, const fs::path& copies) {
  const auto engine = open_engine({.threads = 2});
  std::vector<ModelRun> runs;
  for (const std::string& file : harness::list_models(folder)) {
    const std::string reason = reason_for(kRefused, file);
    try {
      runs.push_back(
          {file, run_engine(*engine, folder / file, copies / fmt::format("{}.onnx", runs.size()),
                            kSlow.contains(file))});
      EXPECT_EQ(reason, "") << file << " is executed";
    } catch (const Error& error) {
      fmt::print("  refused: {}: {}\n", file, error.what());
      EXPECT_NE(reason, "") << file << ": " << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(reason)) << file;
    }
  }
  return runs;
}

enum class Agreement { kAgrees, kRoughly, kNotJudged, kWrong };

Agreement judge(const ModelRun& run, std::span<const test::Verdict> verdicts) {
  const std::string reason = reason_for(kUnjudged, run.name);
  Agreement result = Agreement::kAgrees;
  for (std::size_t i = 0; i < run.cases.size(); ++i) {
    const test::Case& one = run.cases[i];
    if (!verdicts[i].error.empty()) {
      fmt::print("  refused by onnxruntime: {}: {}\n", run.name, verdicts[i].error);
      EXPECT_NE(reason, "") << run.name << ": " << verdicts[i].error;
      EXPECT_THAT(verdicts[i].error, testing::HasSubstr(reason)) << run.name;
      return Agreement::kNotJudged;
    }
    EXPECT_EQ(reason, "") << run.name << " is judged";
    if (test::saturates_on_this_processor(one.model)) {
      fmt::print("  not judged, products of bytes saturate here: {}\n", run.name);
      return Agreement::kNotJudged;
    }
    const std::string apart = difference(one, kTolerance, verdicts[i].outputs);
    if (apart.empty()) continue;
    const double tolerance = tolerance_for(one, run.name);
    const std::string text = difference(one, tolerance, verdicts[i].outputs);
    EXPECT_EQ(text, "") << run.name << ", sample " << i;
    if (!text.empty()) return Agreement::kWrong;
    fmt::print("  agrees only within {}: {}: {}\n", tolerance, run.name, apart);
    result = Agreement::kRoughly;
  }
  return result;
}

TEST(OnnxRuntime, AgreesOnEverySharedModel) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const harness::TempDir copies;
  const std::vector<ModelRun> runs = run_all(*shared / "models", copies.path());
  std::vector<test::Case> cases;
  for (const ModelRun& run : runs) cases.insert(cases.end(), run.cases.begin(), run.cases.end());
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  std::map<Agreement, std::size_t> counts;
  std::size_t begin = 0;
  for (const ModelRun& run : runs) {
    ++counts[judge(run, std::span(verdicts).subspan(begin, run.cases.size()))];
    begin += run.cases.size();
  }
  fmt::print(
      "onnxruntime: {} models: {} agree within {}, {} within a wider bound of their own, {} wrong, "
      "{} refused by us, {} not judged\n",
      harness::list_models(*shared / "models").size(), counts[Agreement::kAgrees], kTolerance,
      counts[Agreement::kRoughly], counts[Agreement::kWrong],
      harness::list_models(*shared / "models").size() - runs.size(), counts[Agreement::kNotJudged]);
}

}  // namespace
}  // namespace qc
