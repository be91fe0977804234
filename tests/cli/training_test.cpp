// The commands that evaluate and train, on small data and with a user's commands: what they print,
// write and refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "formats/qc_reader.h"
#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::RunOptions;
using harness::RunResult;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::SizeIs;

constexpr int kUsage = 2;
constexpr int kFile = 3;
constexpr int kCorrupt = 4;
constexpr int kUnsupported = 5;
constexpr int kGate = 7;

using Args = std::vector<std::string>;

std::string command_line(const Args& args) {
  std::string text = "qcompress";
  for (const std::string& arg : args) text += " " + arg;
  return text;
}

/// A folder with model.onnx (LeNet-300-100, untrained), in which the commands run.
class ToolsTest : public testing::Test {
 protected:
  ToolsTest() {
    options_.cwd = folder_.path();
    make(QC_MAKE_SAMPLE, {"lenet-300-100", "model.onnx"});
  }

  void make(const char* program, const Args& args) const {
    RunOptions options = options_;
    options.program = program;
    const RunResult result = harness::run(args, options);
    ASSERT_EQ(result.exit_code, 0) << program << result.err;
  }

  fs::path file(const std::string& name) const { return folder_ / name; }
  std::string content(const std::string& name) const { return harness::read_file(file(name)); }
  void write(const std::string& name, const std::string& text) const {
    harness::write_file(file(name), text);
  }

  RunResult run(const Args& args) const { return harness::run(args, options_); }

  RunResult run_well(const Args& args) const {
    RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0) << command_line(args) << "\n" << result.out << result.err;
    return result;
  }

  /// Runs a command that must succeed with --json; standard output is one document.
  json run_json(Args args) const {
    args.emplace_back("--json");
    const RunResult result = run_well(args);
    const json document = json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(document.is_discarded()) << command_line(args) << "\n" << result.out;
    return document;
  }

  /// Expects a command to end with `exit_code` and a message on standard error that holds every one
  /// of `words`, to print nothing else, and to leave every file as it was.
  void expect_refused(const Args& args, int exit_code,
                      const std::vector<std::string>& words) const {
    SCOPED_TRACE(command_line(args));
    const auto before = harness::snapshot(folder_.path());
    const RunResult result = run(args);
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    for (const std::string& word : words) EXPECT_THAT(result.err, HasSubstr(word));
    EXPECT_THAT(result.err, Not(HasSubstr("internal error")));
    EXPECT_TRUE(harness::snapshot(folder_.path()) == before) << "files changed";
  }

  /// A shell script with the program as $0.
  RunResult run_shell(const std::string& script) const {
    RunOptions options = options_;
    options.program = "sh";
    return harness::run({"-c", script, QC_BINARY}, options);
  }

  /// What inspect counts for each of the weights.
  std::map<std::string, std::size_t> weights(const std::string& model, const char* what) const {
    std::map<std::string, std::size_t> counts;
    const json document = run_json({"inspect", model});
    for (const json& tensor : document["tensors"]) {
      if (tensor["role"] == "weight") counts[tensor["name"]] = tensor[what];
    }
    EXPECT_THAT(counts, SizeIs(3));
    return counts;
  }

  harness::TempDir folder_;
  RunOptions options_;
};

/// With data/ too, which needs the engine.
class TrainingTest : public ToolsTest {
 protected:
  void SetUp() override {
    if (!fs::exists(fs::path(QC_BINARY).parent_path() / "qcompress_torch.so")) {
      GTEST_SKIP() << "the engine was not built: libtorch is not installed";
    }
    make(QC_MAKE_DIGITS, {"data", "--train", "2000", "--test", "300"});
  }

  static Args with_data(Args args) {
    args.insert(args.end(), {"--data", "data", "-j", "1"});
    return args;
  }

  /// Writes trained.onnx.
  json train() const {
    return run_json(with_data({"train", "model.onnx", "--epochs", "2", "--batch", "32", "--lr",
                               "0.05", "-o", "trained.onnx"}));
  }
};

TEST_F(TrainingTest, TrainingReachesNineOfTen) {
  const json document = train();
  EXPECT_EQ(document["schema"], "qcompress.train/1");
  EXPECT_EQ(document["input"], "model.onnx");
  EXPECT_EQ(document["output"], "trained.onnx");
  EXPECT_EQ(document["interrupted"], false);
  EXPECT_EQ(document["original_bytes"], fs::file_size(file("model.onnx")));
  EXPECT_GT(document["test_after"]["value"], 0.9);
  EXPECT_EQ(document["test_after"]["metric"], "top1");
  EXPECT_EQ(document["test_after"]["samples"], 300);
  EXPECT_FALSE(document.contains("test_before"));
  ASSERT_THAT(document["steps"], SizeIs(1));
  const json& step = document["steps"][0];
  EXPECT_EQ(step["step"], "train");
  EXPECT_EQ(step["epochs"], 2);
  EXPECT_EQ(step["weights"], 266200);
  EXPECT_EQ(step["validation"]["samples"], 200);
  // Nothing but the weights has changed.
  EXPECT_EQ(fs::file_size(file("trained.onnx")), fs::file_size(file("model.onnx")));
}

TEST_F(TrainingTest, TextSaysWhatWasUsedAndWritten) {
  const RunResult result = run_well(with_data({"train", "model.onnx", "--epochs", "1"}));
  EXPECT_THAT(result.out, AllOf(HasSubstr("libtorch"), HasSubstr("idx files in data"),
                                HasSubstr("1800 samples to train on, 200 held out, 300 to test"),
                                HasSubstr("test data: top1"), HasSubstr("model.trained.onnx")));
  EXPECT_THAT(result.err, IsEmpty());
  const RunResult verbose = run_well(with_data({"train", "model.onnx", "--epochs", "1", "-vf"}));
  EXPECT_THAT(verbose.err, HasSubstr("train  epoch 1/1"));
  EXPECT_THAT(run_well(with_data({"eval", "model.trained.onnx"})).out,
              AllOf(HasSubstr("model.trained.onnx"), HasSubstr("top1"), HasSubstr("300")));
}

TEST_F(TrainingTest, SameSeedSameBytes) {
  const auto train_with = [&](const char* seed, const char* output) {
    run_well(with_data({"train", "model.onnx", "--epochs", "1", "--seed", seed, "-o", output}));
    return content(output);
  };
  const std::string first = train_with("1", "a.onnx");
  EXPECT_TRUE(first == train_with("1", "b.onnx"));
  EXPECT_FALSE(first == train_with("2", "c.onnx"));
}

TEST_F(TrainingTest, PackedAndUnpackedModelsAreAsGood) {
  train();
  run_well({"pack", "trained.onnx", "-o", "packed.qc"});
  run_well({"unpack", "packed.qc", "-o", "unpacked.onnx"});
  json first = run_json(with_data({"eval", "trained.onnx"}));
  EXPECT_EQ(first["schema"], "qcompress.eval/1");
  EXPECT_GT(first["value"], 0.9);
  for (const char* key : {"metric", "value", "samples", "loss", "top5"}) {
    EXPECT_TRUE(first.contains(key)) << key;
  }
  for (const char* other : {"packed.qc", "unpacked.onnx"}) {
    json second = run_json(with_data({"eval", other}));
    EXPECT_EQ(second["input"], other);
    second["input"] = first["input"];
    EXPECT_EQ(first, second);
  }
  const json both = run_json(with_data({"eval", "packed.qc", "--baseline", "trained.onnx"}));
  EXPECT_EQ(both["change"], 0);
  EXPECT_EQ(both["baseline"]["value"], first["value"]);
  EXPECT_EQ(both["baseline"]["input"], "trained.onnx");
}

TEST_F(TrainingTest, StructureIsKeptFromStepToStep) {
  train();
  const json pruned = run_json(with_data({"prune", "trained.onnx", "--rate", "0.8", "--steps", "2",
                                          "--epochs", "1", "-o", "pruned.onnx"}));
  EXPECT_EQ(pruned["schema"], "qcompress.prune/1");
  ASSERT_THAT(pruned["steps"], SizeIs(2));
  EXPECT_EQ(pruned["steps"][1]["repetition"], 2);
  EXPECT_EQ(pruned["steps"][1]["nonzero"], 53240);
  EXPECT_EQ(pruned["steps"][1]["revived"], 0);
  EXPECT_THAT(pruned["steps"][1]["pass"]["changed"], SizeIs(3));
  EXPECT_THAT(pruned["changed"], SizeIs(3));
  for (const char* key : {"validation_before", "test_before", "test_after"}) {
    EXPECT_GT(pruned[key]["value"], 0.8) << key;
  }
  const auto nonzero = weights("pruned.onnx", "nonzero");
  EXPECT_EQ(nonzero.at("fc1.weight"), 47040U);
  EXPECT_EQ(nonzero.at("fc2.weight"), 6000U);
  EXPECT_EQ(nonzero.at("fc3.weight"), 200U);
  // Fine-tuning has changed what is left, and the biases.
  const json changes = run_json({"diff", "trained.onnx", "pruned.onnx"});
  EXPECT_THAT(changes["changed"], SizeIs(6));
  for (const json& tensor : changes["changed"]) {
    EXPECT_GT(tensor["changed"].get<double>(), 0.85 * tensor["elements"].get<double>())
        << tensor["name"];
  }

  const json shared = run_json(
      with_data({"share", "pruned.onnx", "--bits", "3", "--epochs", "1", "-o", "shared.onnx"}));
  EXPECT_EQ(shared["schema"], "qcompress.share/1");
  EXPECT_EQ(shared["steps"][0]["split"], 0);
  EXPECT_GT(shared["test_after"]["value"], 0.8);
  EXPECT_EQ(weights("shared.onnx", "nonzero"), nonzero);
  for (const auto& [name, count] : weights("shared.onnx", "distinct_nonzero")) {
    EXPECT_LE(count, 8U) << name;
  }

  const json tuned = run_json(
      with_data({"finetune", "shared.onnx", "--epochs", "1", "--lr", "0.001", "-o", "tuned.onnx"}));
  EXPECT_EQ(tuned["schema"], "qcompress.finetune/1");
  EXPECT_EQ(weights("tuned.onnx", "nonzero"), nonzero);
  EXPECT_EQ(weights("tuned.onnx", "distinct_nonzero"), weights("shared.onnx", "distinct_nonzero"));

  run_well({"pack", "tuned.onnx", "-o", "tuned.qc"});
  // But for the name of the file in it.
  EXPECT_NEAR(static_cast<double>(fs::file_size(file("tuned.qc"))),
              tuned["steps"][0]["packed_bytes"].get<double>(), 16);
}

TEST_F(TrainingTest, AGateThatIsMissedLeavesNothing) {
  train();
  expect_refused(with_data({"prune", "trained.onnx", "--rate", "0.999", "--epochs", "0",
                            "--max-drop", "1", "-o", "gate.onnx"}),
                 kGate, {"trained.onnx", "prune lost", "--max-drop 1"});
}

TEST_F(TrainingTest, AGateEndsTheStepsInTime) {
  train();
  const json document =
      run_json(with_data({"prune", "trained.onnx", "--rate", "0.999", "--steps", "3", "--epochs",
                          "0", "--schedule", "linear", "--max-drop", "5", "-o", "gate.onnx"}));
  const json& last = document["steps"].back();
  EXPECT_EQ(last["kept"], false);
  const json& before = document["steps"][document["steps"].size() - 2];
  EXPECT_EQ(before["kept"], true);
  std::size_t nonzero = 0;
  for (const auto& [name, count] : weights("gate.onnx", "nonzero")) nonzero += count;
  EXPECT_EQ(nonzero, before["nonzero"]);
}

TEST_F(TrainingTest, SensitivityWritesARecipeThatRuns) {
  train();
  const json document = run_json(with_data(
      {"prune", "trained.onnx", "--sensitivity", "--include", "fc[23]*", "--max-drop", "3"}));
  EXPECT_EQ(document["schema"], "qcompress.sensitivity/1");
  EXPECT_EQ(document["input"], "trained.onnx");
  EXPECT_EQ(document["output"], "trained.sensitivity.toml");
  EXPECT_GT(document["baseline"]["value"], 0.8);
  ASSERT_THAT(document["layers"], SizeIs(2));
  for (const json& layer : document["layers"]) {
    EXPECT_EQ(layer["scores"].size(), document["rates"].size());
    EXPECT_GE(layer["chosen_rate"], 0);
  }
  run_well({"run", "trained.sensitivity.toml", "trained.onnx", "-q"});
  EXPECT_TRUE(fs::exists(file("trained.qc")));
}

TEST_F(TrainingTest, SensitivityWithoutARateWritesNothing) {
  write("score.sh",
        "n=$(cat count 2>/dev/null || echo 9); n=$((n - 1)); echo $n > count; "
        "echo \"{\\\"metric\\\": \\\"top1\\\", \\\"value\\\": 0.$n}\"");
  const RunResult result = run({"prune", "model.onnx", "--sensitivity", "--include", "fc3*",
                                "--eval-cmd", "sh score.sh", "--json"});
  EXPECT_EQ(result.exit_code, kGate) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--max-drop"));
  EXPECT_TRUE(json::parse(result.out)["output"].is_null());
  EXPECT_FALSE(fs::exists(file("model.sensitivity.toml")));
}

constexpr const char* kRecipe = R"(
name = "all of it"
seed = 3
validation = 0.2
[defaults]
epochs = 1
[[step]]
do = "train"
lr = 0.05
[[step]]
do = "prune"
rate = 0.8
[[step]]
do = "share"
bits = 4
[pack]
huffman = true
)";

TEST_F(TrainingTest, ARecipeRunsFromTrainingToContainer) {
  write("recipe.toml", kRecipe);
  const json document =
      run_json(with_data({"run", "recipe.toml", "model.onnx", "--onnx", "small.onnx"}));
  EXPECT_EQ(document["schema"], "qcompress.run/1");
  EXPECT_EQ(document["recipe"], "recipe.toml");
  EXPECT_EQ(document["output"], "model.qc");
  EXPECT_EQ(document["packed_bytes"], fs::file_size(file("model.qc")));
  ASSERT_THAT(document["steps"], SizeIs(3));
  EXPECT_EQ(document["steps"][0]["validation"]["samples"], 400);
  EXPECT_EQ(document["steps"][0]["validation"], document["validation_before"]);
  EXPECT_EQ(document["inspect"]["schema"], "qcompress.inspect/1");
  EXPECT_EQ(document["inspect"]["totals"]["packed_bytes"], document["packed_bytes"]);
  EXPECT_GT(document["test_before"]["value"], 0.6);
  EXPECT_GT(document["test_after"]["value"], 0.5);

  // What is packed is the model that was measured.
  run_well({"unpack", "model.qc", "-o", "back.onnx"});
  EXPECT_TRUE(content("back.onnx") == content("small.onnx"));
  EXPECT_EQ(run_json(with_data({"eval", "model.qc"}))["value"], document["test_after"]["value"]);

  // The recipe is in the container, and with the defaults filled in it is the same run.
  const QcReader packed = QcReader::open(file("model.qc"));
  write("again.toml", packed.manifest().metadata.at("recipe"));
  write("resolved.toml", run_well({"run", "recipe.toml", "--resolve"}).out);
  EXPECT_THAT(content("resolved.toml"), AllOf(HasSubstr("lr = 0.05"), HasSubstr("momentum = ")));
  run_well(with_data({"run", "again.toml", "model.onnx", "-o", "again.qc", "-q"}));
  EXPECT_TRUE(content("again.qc") == content("model.qc"));
  run_well(with_data({"run", "resolved.toml", "model.onnx", "-o", "resolved.qc", "--onnx",
                      "resolved.onnx", "-q"}));
  EXPECT_TRUE(content("resolved.onnx") == content("small.onnx"));
  run_well(with_data({"run", "recipe.toml", "model.onnx", "--seed", "4", "-o", "other.qc", "-q"}));
  EXPECT_FALSE(content("other.qc") == content("model.qc"));
}

TEST_F(TrainingTest, ResumedTrainingEndsAsIfItHadNotBeenInterrupted) {
  const Args train = with_data({"train", "model.onnx", "--epochs", "6"});
  Args whole = train;
  whole.insert(whole.end(), {"-o", "whole.onnx", "-q"});
  run_well(whole);

  // Ctrl-C as soon as there is a checkpoint.
  const RunResult interrupted = run_shell(
      "\"$0\" train model.onnx --epochs 6 --data data -j 1 --checkpoint state -o part.onnx -q & "
      "p=$!; until [ -e state ]; do kill -0 $p || exit 99; sleep 0.02; done; kill -INT $p; wait "
      "$p");
  EXPECT_EQ(interrupted.exit_code, 0) << interrupted.err;
  EXPECT_FALSE(content("part.onnx") == content("whole.onnx"));

  Args resumed = train;
  resumed.insert(resumed.end(), {"--checkpoint", "state", "--resume", "-o", "resumed.onnx", "-q"});
  run_well(resumed);
  EXPECT_TRUE(content("resumed.onnx") == content("whole.onnx"));
}

TEST_F(TrainingTest, CheckpointsAreCheckedFirst) {
  const Args train = with_data({"train", "model.onnx", "--epochs", "1", "-f"});
  const auto with = [&](const Args& more) {
    Args args = train;
    args.insert(args.end(), more.begin(), more.end());
    return args;
  };
  expect_refused(with({"--resume"}), kUsage, {"--checkpoint"});
  expect_refused(with({"--resume", "--checkpoint", "none"}), kFile, {"none"});
  write("state", "no checkpoint");
  expect_refused(with({"--resume", "--checkpoint", "state"}), kCorrupt, {"checkpoint"});
  Args kept = with({"--checkpoint", "state"});
  std::erase(kept, "-f");
  expect_refused(kept, kFile, {"state", "-f"});
  expect_refused(with({"--checkpoint", "model.onnx"}), kUsage, {"model.onnx"});
}

TEST_F(TrainingTest, CtrlCKeepsTheBestModelSoFar) {
  const RunResult result = run_shell(
      "\"$0\" train model.onnx --epochs 10000 --data data -j 1 --checkpoint state -o part.onnx "
      "--json & p=$!; until [ -e state ]; do kill -0 $p || exit 99; sleep 0.02; done; "
      "kill -INT $p; wait $p");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "warning: interrupted: the best model so far is kept\n");
  EXPECT_EQ(json::parse(result.out)["interrupted"], true);
  EXPECT_GT(run_json(with_data({"eval", "part.onnx"}))["value"], 0.3);
}

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
  EXPECT_EQ(document["test_after"], json::parse(R"({"metric": "top1", "value": 0.75})"));
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
}  // namespace qc
