// Judge: ONNX Runtime, on whole models of many makers, as they are and after passes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "compiled_model.h"
#include "core/random.h"
#include "harness.h"
#include "onnxruntime.h"
#include "passes/pass.h"
#include "random_inputs.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-4;

using Flags = std::vector<std::pair<std::string, std::string>>;

OnnxModel applied(const Pass& pass, const OnnxModel& model, const Flags& flags) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return apply_pass(pass, model, params, {.threads = 1}).model(model);
}

OnnxModel plain(const OnnxModel& model) { return model; }

OnnxModel pruned_and_shared(const OnnxModel& model) {
  return applied(kSharePass, applied(kPrunePass, model, {{"rate", "0.9"}}),
                 {{"conv-bits", "6"}, {"fc-bits", "4"}});
}

OnnxModel ternary(const OnnxModel& model) { return applied(kTernarizePass, model, {}); }

OnnxModel binary(const OnnxModel& model) {
  return applied(kBinarizePass, model, {{"xnor", "true"}});
}

OnnxModel low_bit(const OnnxModel& model) { return applied(kDorefaPass, model, {}); }

struct Treatment {
  const char* name;
  OnnxModel (*apply)(const OnnxModel& model);
};

constexpr Treatment kAll[] = {{"plain", plain},
                              {"pruned and shared", pruned_and_shared},
                              {"ternary", ternary},
                              {"binary", binary},
                              {"few bits", low_bit}};

struct Judged {
  std::string model;
  int inputs;
};

std::string test_name(const testing::TestParamInfo<Judged>& info) {
  std::string name;
  for (const char c : info.param.model)
    name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

class Models : public testing::TestWithParam<Judged> {
 protected:
  static void judge(const fs::path& path, const Treatment& treatment, int inputs) {
    SCOPED_TRACE(treatment.name);
    const harness::TempDir folder;
    const OnnxModel model = treatment.apply(OnnxModel::open(path));
    const fs::path file = folder / "m.onnx";
    model.write(file, {}, Overwrite::kRefuse);
    const test::CompiledModel compiled(model);
    SplitMix64 random(1);
    std::vector<test::Case> cases;
    for (int i = 0; i < inputs; ++i) {
      test::Case& one = cases.emplace_back();
      one.model = file;
      one.inputs = model.graph()->main.inputs;
      for (std::size_t k = 0; k < one.inputs.size(); ++k) {
        GraphValue& input = one.inputs[k];
        input.dims = compiled.plan().values[compiled.plan().inputs[k]].shape;
        one.values.push_back(test::random_tensor(input, random));
      }
    }
    const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      ASSERT_EQ(verdicts[i].error, "");
      const std::vector<HostTensor> outputs = compiled.run(cases[i].values);
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        EXPECT_EQ(
            test::difference(c::as_float32(verdicts[i].outputs.at(k)), outputs[k], kTolerance), "");
      }
    }
  }

  void SetUp() override {
    for (const std::string& missing : {test::missing_compiler(), test::missing_runtime()}) {
      if (!missing.empty()) GTEST_SKIP() << missing;
    }
  }
};

using Samples = Models;
using SharedModels = Models;

TEST_P(Samples, AgreeWithOnnxRuntimeAfterEveryPass) {
  const fs::path path = harness::source_dir() / "samples" / "models" / GetParam().model;
  for (const Treatment& treatment : kAll) judge(path, treatment, GetParam().inputs);
}

INSTANTIATE_TEST_SUITE_P(Models, Samples,
                         testing::Values(Judged{"lenet-300-100-mnist.onnx", 20},
                                         Judged{"lenet-5-mnist.onnx", 20},
                                         Judged{"lenet-300-100.onnx", 2},
                                         Judged{"lenet-5.onnx", 2}),
                         test_name);

TEST_P(SharedModels, AgreeWithOnnxRuntime) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs ../shared";
  judge(*shared / "models" / GetParam().model, kAll[0], GetParam().inputs);
}

INSTANTIATE_TEST_SUITE_P(
    Models, SharedModels,
    testing::Values(
        Judged{"chineseocr_angle/angle_net.onnx", 4},
        Judged{"converted/may0324_lenet5_constant_nodes.onnx", 4},
        Judged{"converted/resnet20_cifar10.onnx", 4}, Judged{"converted/resnet56_cifar10.onnx", 2},
        Judged{"converted/resnet20_cifar10_external/model.onnx", 2}, Judged{"dtln/model_1.onnx", 4},
        Judged{"dtln/model_2.onnx", 4}, Judged{"fastestdet/FastestDet.onnx", 1},
        Judged{"fsanet/fsanet-1x1.onnx", 2}, Judged{"hyperlpr/litemodel_cls_96x_r1.onnx", 2},
        Judged{"mnist_8/model.onnx", 20}, Judged{"mnist_burn/mnist.onnx", 4},
        Judged{"mnist_onnxmlir/mnist.onnx", 20},
        Judged{"mnist_pytorch_java/cnn_mnist_pytorch.onnx", 4},
        Judged{"mobilenet_v2_035_128/mobilenet_v2_0.35_128_tfs_channel_first.onnx", 2},
        Judged{"mobilenet_v2_128_05/mobilenet_v2_128_0.5.onnx", 2},
        Judged{"pfld_106_lite/pfld-106-lite.onnx", 2}, Judged{"ssrnet/ssrnet.onnx", 2},
        Judged{"super_resolution/super_resolution.onnx", 1}, Judged{"ten_vad/ten-vad.onnx", 4},
        Judged{"ultraface/version-RFB-320.onnx", 1},
        Judged{"ultraface/version-slim-320_simplified.onnx", 1},
        Judged{"yamnet_256/yamnet_256_64x96_tl.onnx", 2}, Judged{"yolox_nano/yolox_nano.onnx", 1},
        Judged{"yunet/yunet_n_320_320.onnx", 1}, Judged{"edge/nhwc_conv_clip_relu.onnx", 4},
        Judged{"edge/onnx_node/test_ConvTranspose2d.onnx", 4},
        Judged{"edge/onnx_node/test_Conv3d_groups.onnx", 4}),
    test_name);

}  // namespace
}  // namespace qc
