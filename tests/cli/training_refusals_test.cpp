// What the commands that evaluate and train refuse, and their work with commands of the user's.
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training_fixture.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;
using harness::RunResult;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(TrainingTest, EvaluationNeedsNoTrainingData) {
  fs::create_directory(file("test"));
  for (const char* name : {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    fs::rename(file("data") / name, file("test") / name);
  }
  EXPECT_EQ(run_json({"eval", "model.onnx", "--data", "test"})["samples"], 300);
  expect_refused({"train", "model.onnx", "--data", "test"}, kFile, {"test", "train"});
  expect_refused({"train", "model.onnx", "--data", "data"}, kFile, {"data", "test"});
}

TEST_F(TrainingTest, FilesThatAreNoModelsAreNamedOnce) {
  write("broken.onnx", "no model");
  const RunResult result = run(with_data({"eval", "broken.onnx"}));
  EXPECT_EQ(result.exit_code, kCorrupt);
  EXPECT_EQ(result.err.find("broken.onnx"), result.err.rfind("broken.onnx")) << result.err;
}

TEST_F(TrainingTest, WrongDataIsAFileError) {
  expect_refused({"eval", "model.onnx", "--data", "nowhere"}, kFile, {"nowhere"});
  fs::create_directory(file("empty"));
  expect_refused({"train", "model.onnx", "--data", "empty"}, kFile, {"empty", "idx"});
  expect_refused({"train", "model.onnx", "--data", "data", "--data-config", "none.toml"}, kFile,
                 {"none.toml"});
}

TEST_F(TrainingTest, FilesOfTheDataAreNoOutputs) {
  write("scaling.toml", "classes = 10\n");
  write("recipe.toml", kRecipe);
  for (const char* target : {"data/train-labels-idx1-ubyte", "data/../scaling.toml", "data"}) {
    expect_refused(
        with_data({"finetune", "model.onnx", "--data-config", "scaling.toml", "-f", "-o", target}),
        kUsage, {target});
  }
  expect_refused(
      with_data({"run", "recipe.toml", "model.onnx", "-f", "-o", "data/train-images-idx3-ubyte"}),
      kUsage, {"data/train-images-idx3-ubyte"});
}

TEST_F(TrainingTest, DataOfAnotherShapeIsAUsageError) {
  write("crop.toml", "crop = 20\n");
  for (const char* command : {"eval", "train"}) {
    expect_refused(with_data({command, "model.onnx", "--data-config", "crop.toml"}), kUsage,
                   {"model.onnx", "784", "20"});
  }
  write("broken.toml", "crop = 20\nresise = 20\n");
  expect_refused(with_data({"eval", "model.onnx", "--data-config", "broken.toml"}), kUsage,
                 {"broken.toml", "resise"});
}

TEST_F(TrainingTest, TooManyClassesAreAUsageError) {
  write("many.toml", "classes = 11\n");
  expect_refused(with_data({"eval", "model.onnx", "--data-config", "many.toml"}), kUsage,
                 {"10", "11"});
}

TEST_F(TrainingTest, OperatorsThatCannotRunAreNamed) {
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(content("model.onnx")));
  onnx::NodeProto& node = *model.mutable_graph()->mutable_node(1);
  node.set_op_type("Frobnicate");
  node.set_name("strange");
  write("strange.onnx", model.SerializeAsString());
  for (const char* command : {"eval", "train"}) {
    expect_refused(with_data({command, "strange.onnx"}), kUnsupported,
                   {"strange.onnx", "Frobnicate", "'strange'", "opset 13"});
  }
}

TEST_F(TrainingTest, ADeviceThatIsNotThereIsNamed) {
  expect_refused(with_data({"eval", "model.onnx", "--device", "tpu"}), kUnsupported, {"tpu"});
}

TEST_F(TrainingTest, ExistingOutputsAreKeptWithoutForce) {
  write("taken", "precious");
  write("recipe.toml", kRecipe);
  expect_refused(with_data({"train", "model.onnx", "-o", "taken"}), kFile, {"taken", "-f"});
  expect_refused(with_data({"run", "recipe.toml", "model.onnx", "-o", "taken"}), kFile,
                 {"taken", "-f"});
  expect_refused(with_data({"run", "recipe.toml", "model.onnx", "--onnx", "taken"}), kFile,
                 {"taken", "-f"});
  expect_refused(with_data({"prune", "--sensitivity", "model.onnx", "-o", "taken"}), kFile,
                 {"taken", "-f"});
}

TEST_F(ToolsTest, InputsAreNeverOutputs) {
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.5\n");
  const Args run = {"run", "recipe.toml", "model.onnx", "-f"};
  for (const Args& more :
       {Args{"-o", "model.onnx"}, Args{"-o", "recipe.toml"}, Args{"--onnx", "./model.onnx"},
        Args{"--onnx", "recipe.toml"}, Args{"-o", "same", "--onnx", "./same"}}) {
    Args args = run;
    args.insert(args.end(), more.begin(), more.end());
    expect_refused(args, kUsage, {"name another"});
  }
  expect_refused(
      {"prune", "--sensitivity", "model.onnx", "-f", "-o", "model.onnx", "--eval-cmd", "true"},
      kUsage, {"model.onnx"});
}

TEST_F(ToolsTest, TrainingNeedsData) {
  for (const char* command : {"train", "finetune", "eval"}) {
    expect_refused({command, "model.onnx"}, kUsage, {"--data"});
  }
  expect_refused({"prune", "model.onnx", "--sensitivity"}, kUsage, {"--data"});
  const Args prune = {"prune", "model.onnx", "--rate", "0.5"};
  for (const Args& more :
       {Args{"--epochs", "3"}, Args{"--steps", "3"}, Args{"--max-drop", "1"}, Args{"--lr", "0.1"},
        Args{"--flip"}, Args{"--device", "cpu"}, Args{"--data-config", "x.toml"}}) {
    Args args = prune;
    args.insert(args.end(), more.begin(), more.end());
    expect_refused(args, kUsage, {more.front(), "--data"});
  }
  expect_refused({"share", "model.onnx", "--bits", "4", "--epochs", "3"}, kUsage, {"--data"});
  write("recipe.toml", kRecipe);
  expect_refused({"run", "recipe.toml", "model.onnx"}, kUsage, {"train", "--data"});
}

TEST_F(ToolsTest, EvaluationAloneFineTunesNothing) {
  expect_refused({"prune", "model.onnx", "--rate", "0.5", "--epochs", "3", "--eval-cmd", "true"},
                 kUsage, {"--epochs", "--finetune-cmd"});
}

TEST_F(ToolsTest, RecipesWithoutDataOnlyRunPasses) {
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.9\nepochs = 2\n");
  const RunResult result = run_well({"run", "recipe.toml", "model.onnx"});
  EXPECT_THAT(result.err, AllOf(HasSubstr("warning"), HasSubstr("--data")));
  write("passes.toml", "[[step]]\ndo = \"prune\"\nrate = 0.9\n");
  EXPECT_THAT(run_well({"run", "passes.toml", "model.onnx", "-f", "-j", "1"}).err, IsEmpty());
}

TEST_F(ToolsTest, MistakesInRecipesAreLocated) {
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 1.5\n");
  expect_refused({"run", "recipe.toml", "model.onnx"}, kUsage, {"recipe.toml:3:8: ", "rate"});
  expect_refused({"run", "none.toml", "model.onnx"}, kFile, {"none.toml"});
}

TEST_F(ToolsTest, ResolvingNeedsNoModel) {
  write("recipe.toml", kRecipe);
  EXPECT_THAT(run_well({"run", "recipe.toml", "--resolve", "--seed", "9"}).out,
              HasSubstr("seed = 9"));
  expect_refused({"run", "recipe.toml", "--resolve", "--json"}, kUsage, {"--json"});
  expect_refused({"run", "recipe.toml"}, kUsage, {"model"});
}

constexpr const char* kScore = R"(printf 'noise\n{"metric": "top1", "value": 0.75}\n')";

TEST_F(ToolsTest, CommandsOfTheUserEvaluateAndFineTune) {
  const json document =
      run_json({"prune", "model.onnx", "--rate", "0.9", "--steps", "2", "--finetune-cmd",
                "cp {model} {out}", "--eval-cmd", kScore, "-o", "pruned.onnx"});
  ASSERT_THAT(document["steps"], SizeIs(2));
  EXPECT_EQ(document["test_after"], json::parse(R"({"metric": "top1", "value": 0.75,
                                                "unit": "fraction", "higher_is_better": true})"));
  EXPECT_EQ(document["validation_before"]["value"], 0.75);
  EXPECT_EQ(document["steps"][1]["nonzero"], 26620);
  EXPECT_EQ(run_json({"eval", "pruned.onnx", "--eval-cmd", kScore})["value"], 0.75);
}

TEST_F(ToolsTest, WhatACommandRevivesIsRepairedAloud) {
  const RunResult result =
      run_well({"prune", "model.onnx", "--rate", "0.9", "--finetune-cmd",
                "cp \"" + file("model.onnx").string() + "\" {out}", "-o", "pruned.onnx"});
  EXPECT_THAT(result.err, AllOf(HasSubstr("warning"), HasSubstr("revived 211676 pruned weights"),
                                HasSubstr("fc1.weight")));
  EXPECT_EQ(weights("pruned.onnx", "nonzero").at("fc1.weight"), 23520U);
}

TEST_F(ToolsTest, CommandsThatFailAreShown) {
  const Args prune = {"prune", "model.onnx", "--rate", "0.9", "-o", "pruned.onnx"};
  struct Failure {
    const char* flag;
    const char* command;
    int exit_code;
    std::vector<std::string> words;
  };
  for (const Failure& failure : std::vector<Failure>{
           {"--finetune-cmd",
            "echo broken >&2; : {out}; exit 9",
            kFile,
            {"exit status 9", "broken"}},
           {"--finetune-cmd", ": {out}", kFile, {"{out}"}},
           {"--finetune-cmd", "echo no model > {out}", kCorrupt, {}},
           {"--finetune-cmd", "cp {model} other", kUsage, {"{out}"}},
           {"--finetune-cmd", "cp {modle} {out}", kUsage, {"{modle}", "{model}"}},
           {"--eval-cmd", "echo fine", kFile, {"fine", "metric"}},
           {"--eval-cmd", "exit 4", kFile, {"exit status 4"}},
           {"--eval-cmd", "kill -9 $$", kFile, {"signal 9"}},
           {"--eval-cmd", R"(echo '{"metric": "top1", "value": "high"}')", kFile, {"high"}}}) {
    Args args = prune;
    args.insert(args.end(), {failure.flag, failure.command});
    expect_refused(args, failure.exit_code, failure.words);
  }
}

TEST_F(ToolsTest, CommandsThatHangAreEnded) {
  expect_refused({"eval", "model.onnx", "--eval-cmd", "sleep 1000", "--cmd-timeout", "1"}, kFile,
                 {"sleep 1000", "1 s"});
}

TEST_F(ToolsTest, WithoutLibtorchTheRestWorks) {
  options_.env["QCOMPRESS_ENGINE"] = "/nonexistent/engine.so";
  fs::create_directory(file("data"));
  for (const char* command : {"eval", "train", "finetune"}) {
    expect_refused({command, "model.onnx", "--data", "data"}, kUnsupported,
                   {"libtorch", "apt-get install"});
  }
  run_well({"prune", "model.onnx", "--rate", "0.9", "-o", "pruned.onnx"});
  run_well({"pack", "pruned.onnx", "-o", "pruned.qc"});
  run_well({"inspect", "pruned.qc"});
  run_well({"test", "pruned.qc"});
  run_json({"eval", "pruned.qc", "--eval-cmd", kScore});
}

TEST_F(ToolsTest, AnEngineThatIsNoModuleIsRefused) {
  write("engine.so", "no module");
  options_.env["QCOMPRESS_ENGINE"] = file("engine.so").string();
  fs::create_directory(file("data"));
  expect_refused({"eval", "model.onnx", "--data", "data"}, kUnsupported, {"libtorch"});
}

}  // namespace
}  // namespace qc::test
