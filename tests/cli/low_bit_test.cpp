// ternarize, binarize and dorefa as commands: with data, with a user's command, and packed.
#include <nlohmann/json.hpp>
#include <string>

#include "training_fixture.h"

namespace qc::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Pair;

class LowBitCommands : public TrainingTest {};

TEST_F(LowBitCommands, TrainedTernaryWeightsPackAsLevels) {
  train();
  const json document =
      run_json(with_data({"ternarize", "trained.onnx", "--epochs", "2", "-o", "ternary.onnx"}));
  EXPECT_EQ(document["schema"], "qcompress.ternarize/1");
  EXPECT_GT(document["test_after"]["value"], 0.85);
  EXPECT_THAT(weights("ternary.onnx", "distinct_nonzero"), Each(Pair(testing::_, 2U)));
  run_well({"pack", "ternary.onnx", "-o", "ternary.qc"});
  EXPECT_LT(18 * content("ternary.qc").size(), content("ternary.onnx").size());
  run_well({"unpack", "ternary.qc", "-o", "back.onnx"});
  EXPECT_TRUE(content("back.onnx") == content("ternary.onnx"));
}

TEST_F(LowBitCommands, SignsOfActivationsAreTrainedThrough) {
  train();
  const json document = run_json(with_data(
      {"binarize", "trained.onnx", "--activations", "sign", "--epochs", "6", "-o", "binary.onnx"}));
  EXPECT_GT(document["test_after"]["value"], 0.7);
  // The exported network is the one that was trained: it evaluates alike by itself.
  const json evaluated = run_json(with_data({"eval", "binary.onnx"}));
  EXPECT_EQ(evaluated["value"], document["test_after"]["value"]);
  EXPECT_THAT(run_well(with_data({"binarize", "trained.onnx", "--activations", "sign", "--epochs",
                                  "0", "-o", "plain.onnx"}))
                  .out,
              AllOf(HasSubstr("reads the network's input"), HasSubstr("taken out")));
}

TEST_F(LowBitCommands, RecipesTakeLowBitSteps) {
  train();
  write(
      "recipe.toml",
      "[[step]]\ndo = \"prune\"\nrate = 0.5\nepochs = 1\n"
      "[[step]]\ndo = \"dorefa\"\nwbits = 1\nabits = 3\ngbits = 6\nkeep = \"last\"\nepochs = 8\n");
  const json document =
      run_json(with_data({"run", "recipe.toml", "trained.onnx", "-o", "model.qc"}));
  EXPECT_EQ(document["steps"][1]["step"], "dorefa");
  EXPECT_GT(document["test_after"]["value"], 0.8);
  EXPECT_THAT(weights("model.qc", "distinct_nonzero"), Contains(Pair("fc1.weight", 2U)));
}

TEST_F(LowBitCommands, InspectShowsWhatHardwareSaves) {
  run_well({"binarize", "model.onnx", "--keep", "none", "-o", "binary.onnx"});
  EXPECT_THAT(run_well({"inspect", "--hardware", "binary.onnx"}).out,
              AllOf(HasSubstr("flip %"), HasSubstr("an estimate"), HasSubstr("kern. %")));
  const json hardware = run_json({"inspect", "--hardware", "binary.onnx"})["hardware"];
  EXPECT_EQ(hardware["total"]["sign_flips"], hardware["total"]["multiplications"]);
  EXPECT_EQ(hardware["unknown_layers"], 0);
  EXPECT_LT(hardware["total"]["estimated_picojoules"]["weights"],
            hardware["total"]["estimated_picojoules_dense"]["weights"].get<double>() / 10);
  EXPECT_FALSE(run_json({"inspect", "binary.onnx"}).contains("hardware"));
}

// With a scale per channel the distinct values of a tensor say little of its entropy.
TEST_F(LowBitCommands, InspectHasNoFloorForScalesOfChannels) {
  for (const std::string scale : {"layer", "channel"}) {
    run_well({"binarize", "model.onnx", "--keep", "none", "--scale", scale, "-o", scale + ".onnx"});
    const json document = run_json({"inspect", scale + ".onnx"});
    for (const json& tensor : document["tensors"]) {
      if (tensor["role"] != "weight") continue;
      EXPECT_EQ(tensor["floor_bytes"].is_null(), scale == "channel") << tensor["name"];
    }
    EXPECT_THAT(document["warnings"], Each(testing::Not(HasSubstr("ordinary floats"))));
  }
}

TEST_F(LowBitCommands, WhatAUserTrainsTakesTheForm) {
  const std::string copy = "cp {model} {out}";
  run_well({"ternarize", "model.onnx", "--finetune-cmd", copy, "--epochs", "1", "-o", "a.onnx"});
  run_well({"ternarize", "model.onnx", "-o", "b.onnx"});
  EXPECT_TRUE(content("a.onnx") == content("b.onnx"));
}

TEST_F(LowBitCommands, MistakesAreNamed) {
  expect_refused({"ternarize", "model.onnx", "--epochs", "3"}, kUsage, {"--epochs", "--data"});
  expect_refused({"dorefa", "model.onnx", "--include", "fc1*"}, kUsage, {"--keep first,last"});
  expect_refused({"inspect", "model.onnx", "--input-shape", "1x784"}, kUsage, {"--hardware"});
  expect_refused({"inspect", "model.onnx", "--hardware", "--input-shape", "1x"}, kUsage,
                 {"--input-shape 1x", "1x3x224x224"});
  expect_refused({"binarize", "model.onnx", "--scale", "row"}, kUsage, {"--scale", "channel"});
}

}  // namespace
}  // namespace qc::test
