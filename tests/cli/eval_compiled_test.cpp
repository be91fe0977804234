// qcompress eval --compiled: models judged as the programs in C that they become.
#include "training_fixture.h"

namespace qc::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class EvalCompiled : public TrainingTest {
 protected:
  // Scores differ too little by what an untrained network says to tell programs apart.
  void SetUp() override {
    TrainingTest::SetUp();
    if (IsSkipped()) return;
    run_well(with_data({"train", "model.onnx", "-o", "trained.onnx", "--epochs", "1", "-q"}));
    run_well({"prune", "--rate", "0.9", "trained.onnx", "-o", "pruned.onnx", "-q"});
    run_well({"share", "--bits", "3", "pruned.onnx", "-o", "small.onnx", "-q"});
    run_well({"pack", "small.onnx", "-q"});
  }
};

TEST_F(EvalCompiled, ScoresWhatTheEngineScores) {
  for (const char* model : {"trained.onnx", "small.qc"}) {
    const json engine = run_json(with_data({"eval", model}));
    for (const Args& more : std::vector<Args>{
             {}, {"--optimize", "speed"}, {"--form", "sparse"}, {"--shape", "image=7x784"}}) {
      Args args = with_data({"eval", model, "--compiled"});
      args.insert(args.end(), more.begin(), more.end());
      const json in_c = run_json(args);
      EXPECT_EQ(in_c["samples"], engine["samples"]);
      EXPECT_EQ(in_c["value"], engine["value"]);
      EXPECT_NEAR(in_c["loss"].get<double>(), engine["loss"].get<double>(), 1e-4);
    }
  }
}

TEST_F(EvalCompiled, ComparesWithTheEngine) {
  const json same = run_json(
      with_data({"eval", "small.qc", "--compiled", "--against", "small.onnx", "--metric", "snr"}));
  EXPECT_GT(same["value"], 100);  // dB
  const json other = run_json(with_data(
      {"eval", "small.qc", "--compiled", "--against", "trained.onnx", "--metric", "snr"}));
  EXPECT_LT(other["value"], 40);
}

TEST_F(EvalCompiled, SaysWhatItCannotDo) {
  expect_refused(with_data({"eval", "small.qc", "--optimize", "size"}), kUsage, {"--compiled"});
  expect_refused(
      with_data({"eval", "small.qc", "--compiled", "--against", "small.onnx", "--layers"}), kUsage,
      {"--layers"});
  expect_refused(with_data({"eval", "small.qc", "--compiled", "--shape", "image=784"}), kUsage,
                 {"small.qc", "2 axes"});
  options_.env["CC"] = "no-such-compiler";
  expect_refused(with_data({"eval", "small.qc", "--compiled"}), kFile, {"no-such-compiler", "$CC"});
}

}  // namespace
}  // namespace qc::test
