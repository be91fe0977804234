// Training, evaluating and running recipes on small data: what the commands print and write.
#include <algorithm>
#include <filesystem>
#include <map>
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

TEST_F(TrainingTest, AGateThatIsMissedAtOnceLeavesNothing) {
  train();
  expect_refused(with_data({"prune", "trained.onnx", "--rate", "0.999", "--epochs", "0",
                            "--max-drop", "1", "-o", "gate.onnx"}),
                 kGate, {"trained.onnx", "prune lost", "--max-drop 1", "nothing was written"});
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
  const json metadata = run_json({"inspect", "model.qc"})["metadata"];
  EXPECT_THAT(metadata["engine"].get<std::string>(), HasSubstr("libtorch"));
  EXPECT_THAT(run_well({"inspect", "-v", "model.qc"}).out, HasSubstr("do = \"prune\""));
  write("again.toml", metadata["recipe"]);
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
  EXPECT_FALSE(fs::exists(file("whole.onnx.checkpoint")));

  // Ctrl-C as soon as there is a checkpoint.
  const RunResult interrupted = run_shell(
      "\"$0\" train model.onnx --epochs 6 --data data -j 1 -o part.onnx -q & p=$!; "
      "until [ -e part.onnx.checkpoint ]; do kill -0 $p || exit 99; sleep 0.02; done; "
      "kill -INT $p; wait $p");
  EXPECT_EQ(interrupted.exit_code, kInterrupted) << interrupted.err;
  EXPECT_FALSE(content("part.onnx") == content("whole.onnx"));

  // The output of the interrupted command may be replaced, for which others need -f.
  Args resumed = train;
  resumed.insert(resumed.end(), {"--resume", "-o", "part.onnx"});
  const json document = run_json(resumed);
  EXPECT_EQ(document["steps"][0]["epochs"], 6);
  EXPECT_TRUE(content("part.onnx") == content("whole.onnx"));
  EXPECT_FALSE(fs::exists(file("part.onnx.checkpoint")));
}

TEST_F(TrainingTest, CheckpointsAreCheckedFirst) {
  const Args train = with_data({"train", "model.onnx", "--epochs", "1"});
  const auto with = [&](const Args& more) {
    Args args = train;
    args.insert(args.end(), more.begin(), more.end());
    return args;
  };
  expect_refused(with({"--resume"}), kFile, {"model.trained.onnx.checkpoint"});
  expect_refused(with({"--resume", "--checkpoint", "none"}), kFile, {"none"});
  write("state", "no checkpoint");
  expect_refused(with({"--resume", "--checkpoint", "state"}), kCorrupt, {"state"});
  expect_refused(with({"--checkpoint", "state"}), kFile, {"state", "--resume", "-f"});
  expect_refused(with({"--checkpoint", "model.onnx"}), kUsage, {"model.onnx"});
  expect_refused(with({"--checkpoint", "out.onnx", "-o", "./out.onnx"}), kUsage, {"out.onnx"});
}

TEST_F(TrainingTest, CtrlCKeepsTheBestModelSoFar) {
  const RunResult result = run_shell(
      "\"$0\" train model.onnx --epochs 10000 --data data -j 1 --checkpoint state -o part.onnx "
      "--json & p=$!; until [ -e state ]; do kill -0 $p || exit 99; sleep 0.02; done; "
      "kill -INT $p; wait $p");
  EXPECT_EQ(result.exit_code, kInterrupted) << result.err;
  EXPECT_EQ(result.err,
            "qcompress: interrupted in train; part.onnx has the best model so far; --resume goes "
            "on from state\n");
  EXPECT_EQ(json::parse(result.out)["interrupted"], true);
  EXPECT_GT(run_json(with_data({"eval", "part.onnx"}))["value"], 0.3);
}

}  // namespace
}  // namespace qc::test
