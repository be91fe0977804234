// Pipelines that end early: gates that are missed, signals, and going on with --resume. Commands of
// the user's stand in for training, so no engine is needed.
#include <algorithm>
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
using testing::Not;

constexpr const char* kTwoSteps = R"([[step]]
do = "prune"
rate = 0.8
steps = 2
max-drop = 2
[[step]]
do = "share"
bits = 3
max-drop = 2
)";

class EarlyEndTest : public ToolsTest {
 protected:
  /// An evaluation that prints these values, one each time it is run, and notes its calls.
  Args scored(Args args, const std::vector<std::string>& values, const std::string& more = "",
              const std::string& metric = "top1") const {
    std::string script = "echo >> calls; n=$(wc -l < calls); set --";
    for (const std::string& value : values) script += " " + value;
    write("score.sh", script + "; shift $((n - 1)); echo '{\"metric\": \"" + metric +
                          "\", \"value\": '$1'" + more + "}'\n");
    fs::remove(file("calls"));
    args.insert(args.end(), {"--eval-cmd", "sh score.sh"});
    return args;
  }
  std::size_t calls() const {
    const std::string text = content("calls");
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
};

TEST_F(EarlyEndTest, AGateMissedLaterKeepsWhatPassed) {
  write("recipe.toml", kTwoSteps);
  const RunResult result = run(scored({"run", "recipe.toml", "model.onnx", "--onnx", "small.onnx"},
                                      {"0.9", "0.895", "0.89", "0.8"}));
  EXPECT_EQ(result.exit_code, kGate) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("share lost 10.00 points of top1 (90.00 % -> 80.00 %), more than "
                        "--max-drop 2; model.qc has the model after prune 2/2"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("passed"), HasSubstr("missed: taken back")));
  EXPECT_EQ(weights("small.onnx", "nonzero").at("fc1.weight"), 47040U);
  const json metadata = run_json({"inspect", "model.qc"})["metadata"];
  EXPECT_THAT(metadata["ran"].get<std::string>(),
              AllOf(HasSubstr("prune: 2 of 2 steps"), HasSubstr("share: nothing")));
  EXPECT_THAT(metadata["recipe"].get<std::string>(), Not(HasSubstr("share")));
  EXPECT_EQ(calls(), 4U);  // none for what was evaluated already
  EXPECT_FALSE(fs::exists(file("model.qc.checkpoint")));
}

TEST_F(EarlyEndTest, WhereNothingPassedNothingIsWritten) {
  write("recipe.toml", kTwoSteps);
  for (const Args& args :
       {Args{"run", "recipe.toml", "model.onnx", "-o", "out"},
        Args{"share", "model.onnx", "--bits", "3", "--max-drop", "2", "-o", "out"},
        Args{"prune", "model.onnx", "--rate", "0.8", "--steps", "2", "--max-drop", "2", "-o",
             "out"}}) {
    SCOPED_TRACE(command_line(args));
    const RunResult result = run(scored(args, {"0.9", "0.5"}));
    EXPECT_EQ(result.exit_code, kGate);
    EXPECT_THAT(result.err, HasSubstr("no step passed, so nothing was written"));
    EXPECT_THAT(result.out, HasSubstr("missed: taken back"));
    Args as_json = scored(args, {"0.9", "0.5"});
    as_json.emplace_back("--json");
    const json document = json::parse(run(as_json).out);
    EXPECT_TRUE(document["output"].is_null());
    EXPECT_THAT(document["gate_missed"].get<std::string>(), HasSubstr("40.00 points"));
    EXPECT_FALSE(fs::exists(file("out")));
    EXPECT_FALSE(fs::exists(file("out.checkpoint")));
  }
}

TEST_F(EarlyEndTest, AnOutputThatCannotBeWrittenLeavesTheCheckpointAndSaysSo) {
  write("recipe.toml", kTwoSteps);
  for (const Args& args :
       {Args{"run", "recipe.toml", "model.onnx", "-o", "out"},
        Args{"prune", "model.onnx", "--rate", "0.8", "--max-drop", "2", "-o", "out"}}) {
    SCOPED_TRACE(command_line(args));
    Args fails = scored(args, std::vector<std::string>(10, "0.9"));
    fails.back() = "sh block.sh; sh score.sh";
    write("block.sh", "mkdir -p out\n");
    const RunResult failed = run(fails);
    EXPECT_EQ(failed.exit_code, kFile) << failed.err;
    EXPECT_THAT(failed.err, HasSubstr("--resume goes on from out.checkpoint"));
    EXPECT_TRUE(fs::exists(file("out.checkpoint")));
    write("block.sh", "");
    fs::remove(file("out"));
    fails.emplace_back("--resume");
    run_well(fails);
    EXPECT_TRUE(fs::is_regular_file(file("out")));
    fs::remove(file("out"));
  }
}

TEST_F(EarlyEndTest, ANameTooLongForAFileIsAnErrorOfFiles) {
  const std::string name(300, 'n');
  const Args prune = {"prune", "model.onnx", "--rate", "0.8", "--eval-cmd", "echo 0.9"};
  for (const Args& output : {Args{"--checkpoint", name}, Args{"-o", name}}) {
    Args args = prune;
    args.insert(args.end(), output.begin(), output.end());
    expect_refused(args, kFile, {name, "too long"});
  }
}

TEST_F(EarlyEndTest, ScoresInPercentAreCountedInPoints) {
  const Args prune = {"prune", "model.onnx", "--rate", "0.8", "--max-drop", "0.5", "-f"};
  const RunResult well = run_well(scored(prune, {"97.5", "97.3"}));
  EXPECT_THAT(well.out, AllOf(HasSubstr("97.50 % -> 97.30 %"), HasSubstr("(-0.20)"),
                              HasSubstr("top1: higher is better, in percent (by its name)")));
  EXPECT_THAT(run(scored(prune, {"97.5", "96.5"})).err, HasSubstr("lost 1.00 points of top1"));
}

TEST_F(EarlyEndTest, OfALossLowerIsBetter) {
  const Args prune = {"prune", "model.onnx", "--rate", "0.8", "--max-drop", "0.1", "-f"};
  const RunResult well = run_well(scored(prune, {"0.3", "0.1"}, "", "loss"));
  EXPECT_THAT(well.out, AllOf(HasSubstr("loss 0.3 -> 0.1  (-0.2)"), Not(HasSubstr(", error")),
                              HasSubstr("loss: lower is better")));
  EXPECT_THAT(run(scored(prune, {"0.3", "0.5"}, "", "loss")).err, HasSubstr("lost 0.2 of loss"));
  const std::string declared = R"(, "higher_is_better": true, "unit": "dB")";
  const RunResult other = run_well(scored(prune, {"3", "5"}, declared, "loss"));
  EXPECT_THAT(other.out, AllOf(HasSubstr("loss 3 dB -> 5 dB"),
                               HasSubstr("loss: higher is better, in dB (as declared)")));
}

TEST_F(EarlyEndTest, NoModelIsEvaluatedTwice) {
  run_well(scored({"prune", "model.onnx", "--rate", "0.8", "-f"}, {"0.9", "0.8"}));
  EXPECT_EQ(calls(), 2U);  // before and after
}

TEST_F(EarlyEndTest, OutputOfACommandThatFailsIsShownOnce) {
  for (const Args& flags : {Args{}, Args{"-q"}}) {
    Args args = {"prune", "model.onnx", "--rate", "0.9", "--eval-cmd", "echo br''oken; exit 9"};
    args.insert(args.end(), flags.begin(), flags.end());
    const std::string err = run(args).err;
    EXPECT_THAT(err, HasSubstr("exit status 9"));
    EXPECT_NE(err.find("broken"), std::string::npos) << err;
    EXPECT_EQ(err.find("broken"), err.rfind("broken")) << err;
  }
}

// A fine-tuning that hangs the second time it is run, until there is a file "go".
constexpr const char* kTune = R"sh(cp "$1" "$2"
echo >> tunings
if [ ! -e go ] && [ "$(wc -l < tunings)" = 2 ]; then touch started; sleep 1000; fi
)sh";

class InterruptionTest : public ToolsTest {
 protected:
  InterruptionTest() {
    write("tune.sh", kTune);
    write("recipe.toml", R"([[step]]
do = "prune"
rate = 0.8
steps = 3
[[step]]
do = "share"
bits = 3
)");
  }

  static Args tuned(Args args) {
    args.insert(args.end(), {"--finetune-cmd", "sh tune.sh {model} {out}"});
    return args;
  }

  /// Runs a command until its second fine-tuning hangs, and sends a signal.
  RunResult interrupt(const Args& args, const std::string& signal) const {
    std::string line;
    for (const std::string& arg : tuned(args)) line += " '" + arg + "'";
    return run_shell("\"$0\"" + line +
                     " & p=$!; until [ -e started ]; do kill -0 $p || exit 99; "
                     "sleep 0.02; done; kill -" +
                     signal + " $p; wait $p");
  }
};

TEST_F(InterruptionTest, ARunSaysWhatItIsAndGoesOn) {
  write("go", "");
  run_well(tuned({"run", "recipe.toml", "model.onnx", "-o", "whole.qc", "-q"}));
  for (const auto& [signal, status] :
       {std::pair("INT", 130), std::pair("TERM", 143), std::pair("HUP", 129)}) {
    for (const char* name : {"go", "started", "tunings", "model.qc"}) fs::remove(file(name));
    const RunResult result = interrupt({"run", "recipe.toml", "model.onnx"}, signal);
    EXPECT_EQ(result.exit_code, status) << result.err;
    EXPECT_THAT(result.err, HasSubstr("interrupted in prune 2/3; model.qc has the best model so "
                                      "far; --resume goes on from model.qc.checkpoint"));
    EXPECT_THAT(result.out, AllOf(HasSubstr("interrupted"), HasSubstr("not run")));
    const json metadata = run_json({"inspect", "model.qc"})["metadata"];
    EXPECT_THAT(metadata["ran"].get<std::string>(),
                AllOf(HasSubstr("prune: 2 of 3 steps, the last one interrupted"),
                      HasSubstr("share: nothing")));
    EXPECT_THAT(metadata["recipe"].get<std::string>(), Not(HasSubstr("share")));

    // Refused before anything is done: another run, and other steps, models and commands.
    const Args resume = {"run", "recipe.toml", "model.onnx", "--resume"};
    expect_refused(tuned({"run", "recipe.toml", "model.onnx"}), kFile, {"--resume", "-f"});
    expect_refused(
        {"run", "recipe.toml", "model.onnx", "--resume", "--finetune-cmd", "cp {model} {out}"},
        kUsage, {"another fine-tuning command"});
    Args seeded = tuned(resume);
    seeded.insert(seeded.end(), {"--seed", "7"});
    expect_refused(seeded, kUsage, {"model.qc.checkpoint", "another recipe"});
    expect_refused(tuned({"run", "recipe.toml", "whole.onnx", "--resume", "-o", "model.qc"}), kFile,
                   {"whole.onnx"});

    write("go", "");
    const json document = run_json(tuned(resume));
    EXPECT_EQ(document["steps"].size(), 4U);
    EXPECT_EQ(document["interrupted"], false);
    EXPECT_TRUE(content("model.qc") == content("whole.qc"));
    EXPECT_EQ(content("tunings"), std::string(5, '\n'));  // the second one twice
    EXPECT_FALSE(fs::exists(file("model.qc.checkpoint")));
  }
}

TEST_F(InterruptionTest, StepsOfPruningGoOn) {
  for (const Args& prune :
       {Args{"prune", "model.onnx", "--rate", "0.8", "--steps", "3"},
        Args{"prune", "model.onnx", "--structured", "channels", "--rate", "0.5", "--steps", "3"}}) {
    SCOPED_TRACE(command_line(prune));
    write("go", "");
    Args whole = tuned(prune);
    whole.insert(whole.end(), {"-o", "whole.onnx", "-f", "--json"});
    const std::string report = run_well(whole).out;
    fs::remove(file("go"));
    fs::remove(file("tunings"));
    fs::remove(file("model.pruned.onnx"));
    fs::remove(file("started"));
    EXPECT_EQ(interrupt(prune, "INT").exit_code, kInterrupted);
    write("go", "");
    Args resume = tuned(prune);
    resume.emplace_back("--resume");
    const json resumed = run_json(resume);
    EXPECT_TRUE(content("model.pruned.onnx") == content("whole.onnx"));
    EXPECT_EQ(resumed.value("channels", json()), json::parse(report).value("channels", json()));
    fs::remove(file("tunings"));
  }
}

TEST_F(InterruptionTest, AfterAnErrorARunGoesOn) {
  write("tune.sh", "cp $1 $2; echo >> tunings; [ -e go ] || [ $(wc -l < tunings) != 3 ]\n");
  const Args args = tuned({"run", "recipe.toml", "model.onnx"});
  EXPECT_EQ(run(args).exit_code, kFile);
  EXPECT_FALSE(fs::exists(file("model.qc")));
  write("go", "");
  Args resume = args;
  resume.emplace_back("--resume");
  run_well(resume);
  EXPECT_EQ(content("tunings"), std::string(5, '\n'));
}

TEST_F(InterruptionTest, ResumingIsForTraining) {
  expect_refused({"run", "recipe.toml", "model.onnx", "--resume"}, kUsage, {"--resume", "--data"});
  expect_refused({"prune", "model.onnx", "--rate", "0.5", "--resume"}, kUsage,
                 {"--resume", "--data"});
}

}  // namespace
}  // namespace qc::test
