// Steps with samples that have no labels: they keep a network close to what it was.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "training_fixture.h"

namespace qc::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class UnlabelledTest : public TrainingTest {
 protected:
  void SetUp() override {
    TrainingTest::SetUp();
    if (!IsSkipped()) train();
  }

  // The closeness of two models on the test data: the share of noise in the outputs is smaller.
  double snr(const std::string& model) const {
    const json document = run_json(with_data({"eval", model, "--against", "trained.onnx"}));
    return document["value"].get<double>();
  }

  static Args with_random(Args args) {
    args.insert(args.end(), {"--data", "random:40", "-j", "1"});
    return args;
  }
};

TEST_F(UnlabelledTest, ATeacherRepairsWhatSharingBroke) {
  run_well({"share", "trained.onnx", "--bits", "2", "-o", "shared.onnx"});
  const json document =
      run_json(with_data({"finetune", "shared.onnx", "--teacher", "trained.onnx", "--samples",
                          "300", "--epochs", "4", "--lr", "0.001", "-o", "tuned.onnx"}));
  EXPECT_EQ(document["schema"], "qcompress.finetune/1");
  EXPECT_EQ(document["test_before"]["metric"], "noise");
  EXPECT_LT(document["test_after"]["value"], document["test_before"]["value"]);
  EXPECT_GT(snr("tuned.onnx"), snr("shared.onnx") + 1);
  EXPECT_EQ(weights("tuned.onnx", "distinct_nonzero"), weights("shared.onnx", "distinct_nonzero"));
}

TEST_F(UnlabelledTest, PassesAreRepairedAndJudgedWithoutLabels) {
  run_well({"prune", "trained.onnx", "--rate", "0.7", "-o", "pruned.onnx"});
  const json document =
      run_json(with_random({"prune", "trained.onnx", "--rate", "0.7", "--epochs", "5", "--lr",
                            "0.001", "--scores", "logits", "-o", "tuned.onnx"}));
  EXPECT_EQ(document["steps"].back()["validation"]["metric"], "agreement");
  EXPECT_EQ(weights("tuned.onnx", "nonzero"), weights("pruned.onnx", "nonzero"));
  // Within a bound that nothing can keep, the gate closes.
  expect_refused(with_random({"prune", "trained.onnx", "--rate", "0.99", "--epochs", "0",
                              "--max-drop", "0.1", "-o", "no.onnx"}),
                 kGate, {"noise"});
}

// Weights that are chosen by what samples show keep the outputs closer than those chosen by
// themselves.
TEST_F(UnlabelledTest, PassesLookAtSamples) {
  const auto pass = [&](Args args, const std::string& output) {
    args.insert(args.end(), {"-o", output});
    return run_well(args);
  };
  pass({"prune", "trained.onnx", "--rate", "0.9"}, "magnitude.onnx");
  pass(with_data({"prune", "trained.onnx", "--rate", "0.9", "--method", "obs", "--epochs", "0"}),
       "obs.onnx");
  EXPECT_EQ(weights("obs.onnx", "nonzero"), weights("magnitude.onnx", "nonzero"));
  EXPECT_GT(snr("obs.onnx"), snr("magnitude.onnx") + 3);
  pass({"share", "trained.onnx", "--bits", "2"}, "kmeans.onnx");
  for (const std::string method : {"weighted", "rate"}) {
    pass(with_data({"share", "trained.onnx", "--bits", "2", "--method", method, "--epochs", "0"}),
         "shared.onnx");
    EXPECT_GT(snr("shared.onnx"), snr("kmeans.onnx")) << method;
    for (const auto& [name, count] : weights("shared.onnx", "distinct_nonzero")) {
      EXPECT_LE(count, 4U) << name;
    }
    std::filesystem::remove(file("shared.onnx"));
  }
  // The number of threads changes nothing.
  pass({"prune", "trained.onnx", "--rate", "0.9", "--method", "obs", "--epochs", "0", "--data",
        "data", "-j", "2"},
       "again.onnx");
  EXPECT_TRUE(content("again.onnx") == content("obs.onnx"));
  expect_refused({"prune", "trained.onnx", "--rate", "0.9", "--method", "obs"}, kUsage,
                 {"--method obs", "--data"});
}

// What samples showed serves later, and elsewhere: neither samples nor the engine are needed then.
TEST_F(UnlabelledTest, PassesTakeASavedCalibration) {
  const Args prune = {"prune", "trained.onnx", "--rate", "0.9", "--method", "obs"};
  const auto pruned = [&](const Args& flags, const std::string& output) {
    Args args = prune;
    args.insert(args.end(), flags.begin(), flags.end());
    args.insert(args.end(), {"-o", output});
    return args;
  };
  run_well(pruned({"--data", "data", "--epochs", "0", "--save-calibration", "moments"}, "a.onnx"));
  run_well(pruned({"--data", "data", "--epochs", "0"}, "plain.onnx"));
  EXPECT_TRUE(content("a.onnx") == content("plain.onnx"));
  run_well(pruned({"--calibration", "moments"}, "b.onnx"));
  run_well({"prune", "trained.onnx", "--rate", "0.9", "-o", "magnitude.onnx"});
  EXPECT_EQ(weights("b.onnx", "nonzero"), weights("magnitude.onnx", "nonzero"));
  EXPECT_GT(snr("b.onnx"), snr("magnitude.onnx") + 1);
  // A network that was changed since has the same layers.
  run_well({"share", "b.onnx", "--bits", "3", "--method", "weighted", "--calibration", "moments",
            "-o", "shared.onnx"});

  expect_refused(pruned({"--data", "data", "--save-calibration", "moments"}, "c.onnx"), kFile,
                 {"moments", "-f"});
  expect_refused(pruned({"--data", "data", "--save-calibration", "c.onnx"}, "c.onnx"), kUsage,
                 {"c.onnx"});
  expect_refused(pruned({"--calibration", "trained.onnx"}, "c.onnx"), kCorrupt,
                 {"trained.onnx", "calibration file"});
  expect_refused(pruned({"--save-calibration", "other"}, "c.onnx"), kUsage, {"--data"});
  expect_refused({"share", "trained.onnx", "--bits", "3", "--calibration", "moments"}, kUsage,
                 {"--calibration", "--method"});
}

TEST_F(UnlabelledTest, RecipesRunWithoutLabels) {
  write("recipe.toml",
        "[[step]]\ndo = \"prune\"\nrate = 0.5\nepochs = 1\n[[step]]\ndo = \"share\"\nbits = 4\n"
        "epochs = 1\n");
  run_well(with_random({"run", "recipe.toml", "trained.onnx", "-o", "small.qc"}));
  EXPECT_LT(std::filesystem::file_size(file("small.qc")),
            std::filesystem::file_size(file("trained.onnx")) / 8);
}

TEST_F(UnlabelledTest, RefusesWhatNeedsLabels) {
  expect_refused(with_random({"train", "model.onnx", "-o", "a.onnx"}), kUsage, {"labelled"});
  expect_refused(with_random({"finetune", "trained.onnx", "--distill", "0.5"}), kUsage,
                 {"--distill", "labels"});
  expect_refused(with_random({"finetune", "trained.onnx", "--norm", "train"}), kUsage, {"frozen"});
  expect_refused({"finetune", "trained.onnx", "--teacher", "model.onnx"}, kUsage, {"--data"});
  expect_refused(with_random({"finetune", "trained.onnx", "--teacher", "none.onnx"}), kFile,
                 {"none.onnx"});
}

}  // namespace
}  // namespace qc::test
