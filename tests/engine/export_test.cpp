// Judge: ONNX Runtime decodes exported weights, and computes the same bits as from plain floats.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "emit/export_model.h"
#include "emit/runtimes.h"
#include "formats/onnx/onnx_model.h"
#include "formats/onnx/tensor_elements.h"
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

// Makes the decoded tensors of the main graph the outputs of a file. Gives what they should be.
std::vector<HostTensor> expose_weights(const ExportedModel& exported, const OnnxModel& before,
                                       const fs::path& file) {
  onnx::ModelProto proto;
  if (!proto.ParseFromString(harness::read_file(file))) throw std::runtime_error("no model");
  onnx::GraphProto& graph = *proto.mutable_graph();
  std::set<std::string> made;
  for (const onnx::NodeProto& node : graph.node()) {
    if (node.op_type() != "Constant") made.insert(node.output().begin(), node.output().end());
  }
  graph.clear_output();
  std::vector<HostTensor> expected;
  for (const ExportedTensor& tensor : exported.tensors) {
    if (tensor.form == kPlainForm || !made.contains(tensor.name)) continue;
    const auto info = std::ranges::find(before.tensors(), tensor.name, &TensorInfo::name);
    if (info == before.tensors().end()) continue;
    onnx::ValueInfoProto& output = *graph.add_output();
    output.set_name(tensor.name);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(static_cast<int>(info->type));
    expected.push_back({info->type, info->dims, tensor_elements(*info, before.payload(*info))});
  }
  harness::write_file(file, proto.SerializeAsString());
  return expected;
}

struct Kind {
  const char* name;
  ExportOptions options;
  bool same_outputs = true;
};

// Not for DequantizeLinear, which ONNX Runtime leaves in the graph: it adds products with weights
// that are computed in another order.
std::vector<Kind> kinds() {
  return {{"compact", {.family = FormFamily::kCompact}},
          {"codebook", {.family = FormFamily::kCodebook}},
          {"qdq", {.family = FormFamily::kQdq}, false},
          {"qdq for it", {.family = FormFamily::kQdq, .allows = forms_for("onnxruntime:1.20")}}};
}

// Calls body(name, float model, exported model, kind) for each model, treatment and kind.
void for_each_export(const fs::path& shared, const auto& body) {
  for (const std::string& file : kModels) {
    const OnnxModel model = OnnxModel::open(path_of(file, shared));
    for (const Treatment& treatment : kTreatments) {
      const OnnxModel before = treatment.apply(model);
      for (const Kind& kind : kinds()) {
        body(fmt::format("{}, {}, {}", file, treatment.name, kind.name), before,
             export_model(before, kind.options), kind);
      }
    }
  }
}

TEST(Export, OnnxRuntimeComputesTheSameBits) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const harness::TempDir temp;
  std::vector<test::Case> cases;  // of the float model, then of the exported one, in turn
  std::vector<std::string> names;
  for_each_export(*shared, [&](const std::string& name, const OnnxModel& before,
                               const ExportedModel& exported, const Kind& kind) {
    EXPECT_LE(exported.model.total_size(), before.total_size()) << name;
    if (!kind.same_outputs) return;
    const fs::path folder = temp / fmt::format("{}", names.size());
    for (test::Case& one : cases_of(before, folder / "before" / "m.onnx")) {
      cases.push_back(std::move(one));
    }
    for (test::Case& one : cases_of(exported.model, folder / "after" / "m.onnx")) {
      cases.push_back(std::move(one));
    }
    names.push_back(name);
  });
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(names[i / (2 * kInputs)]);
    ASSERT_EQ(verdicts[i].error, "");
    if (i % (2 * kInputs) < kInputs) continue;
    const test::Verdict& expected = verdicts[i - kInputs];
    ASSERT_EQ(verdicts[i].outputs.size(), expected.outputs.size());
    for (std::size_t k = 0; k < expected.outputs.size(); ++k) {
      EXPECT_TRUE(verdicts[i].outputs[k].bytes == expected.outputs[k].bytes) << "output " << k;
    }
  }
}

// As written, with nothing folded.
TEST(Export, OnnxRuntimeDecodesTheSameWeights) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const harness::TempDir temp;
  std::vector<test::Case> cases;
  std::vector<std::string> names;
  std::vector<std::vector<HostTensor>> expected;
  std::map<std::string_view, int> forms;
  int exports = 0;
  for_each_export(*shared, [&](const std::string& name, const OnnxModel& before,
                               const ExportedModel& exported, const Kind& /*kind*/) {
    for (const ExportedTensor& tensor : exported.tensors) ++forms[tensor.form];
    const fs::path folder = temp / fmt::format("{}", exports++);
    test::Case all = cases_of(exported.model, folder / "m.onnx").front();
    const auto decoded = expose_weights(exported, before, all.model);
    if (decoded.empty()) return;
    all.optimized = false;
    cases.push_back(std::move(all));
    names.push_back(name);
    expected.push_back(decoded);
  });
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(names[i]);
    ASSERT_EQ(verdicts[i].error, "");
    ASSERT_EQ(verdicts[i].outputs.size(), expected[i].size());
    for (std::size_t k = 0; k < expected[i].size(); ++k) {
      EXPECT_EQ(verdicts[i].outputs[k].type, expected[i][k].type) << "tensor " << k;
      EXPECT_EQ(verdicts[i].outputs[k].dims, expected[i][k].dims) << "tensor " << k;
      EXPECT_TRUE(verdicts[i].outputs[k].bytes == expected[i][k].bytes) << "tensor " << k;
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
