// Compression without labels: what shrink and eval --against write, print and refuse.
#include <onnx/onnx_pb.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "training_fixture.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;
using harness::RunResult;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class ShrinkTest : public TrainingTest {
 protected:
  void SetUp() override {
    TrainingTest::SetUp();
    if (!IsSkipped()) train();
  }

  // With scores: the sample ends in what stands before a Softmax.
  static Args shrink(Args args) {
    args.insert(args.begin(), {"shrink", "trained.onnx", "--scores", output(), "--metric",
                               "agreement", "--samples", "200"});
    return with_data(std::move(args));
  }

  static std::string output() { return "logits"; }
};

TEST_F(ShrinkTest, TargetSizesAreMetAndCertified) {
  const json document =
      run_json(shrink({"--target-size", "25KB", "-o", "small.qc", "--onnx", "small.onnx"}));
  EXPECT_EQ(document["schema"], "qcompress.shrink/1");
  EXPECT_EQ(document["packed_bytes"], fs::file_size(file("small.qc")));
  EXPECT_LE(document["packed_bytes"], 25000);
  EXPECT_GE(document["packed_bytes"], 24000);
  const json& certificate = document["certificate"];
  EXPECT_EQ(certificate["metric"], "agreement");
  EXPECT_EQ(certificate["samples"], 30);
  EXPECT_EQ(certificate["calibrated_on"], 140);
  EXPECT_GT(certificate["value"], 0.85);
  EXPECT_LE(certificate["interval"][0], certificate["value"]);
  EXPECT_GE(certificate["interval"][1], certificate["value"]);
  // The container holds the same model, and tells of the certificate.
  run_well({"unpack", "small.qc", "-o", "unpacked.onnx"});
  EXPECT_TRUE(content("unpacked.onnx") == content("small.onnx"));
  EXPECT_EQ(
      json::parse(run_json({"inspect", "small.qc"})["metadata"]["certificate"].get<std::string>()),
      certificate);
  EXPECT_THAT(run_well({"inspect", "small.qc"}).out,
              AllOf(HasSubstr("certificate: agreement of output 'logits'"),
                    HasSubstr("calibrated on 140 other samples")));
  const RunResult text =
      run_well(with_data({"eval", "small.qc", "--against", "trained.onnx", "--scores", output()}));
  EXPECT_THAT(text.out, AllOf(HasSubstr("on 300 samples"), HasSubstr("certificate: "),
                              testing::Not(HasSubstr("another model"))));
  EXPECT_THAT(run_well(with_data({"eval", "small.qc", "--against", "model.onnx"})).out,
              HasSubstr("another model"));
  double waited = 0;
  for (const auto& [stage, seconds] : document["stages"].items()) waited += seconds.get<double>();
  EXPECT_GT(waited, 0);
  EXPECT_LE(waited, document["seconds"].get<double>());
  double stored = 0;
  for (const json& layer : document["layers"]) {
    EXPECT_GT(layer["snr_db"], 3) << layer;
    stored += layer["stored_bytes"].get<double>();
  }
  EXPECT_GT(stored, 0.8 * document["packed_bytes"].get<double>());
  EXPECT_THAT(
      run_well(with_data({"eval", "small.qc", "--against", "trained.onnx", "--layers"})).out,
      AllOf(HasSubstr("SNR of its outputs"),
            HasSubstr(document["layers"][0]["tensor"].get<std::string>())));
  EXPECT_THAT(run({"eval", "small.qc", "--layers", "--data", "."}).err, HasSubstr("--against"));
  // On samples that shrink never saw.
  const json judged =
      run_json(with_data({"eval", "small.qc", "--against", "trained.onnx", "--scores", output()}));
  EXPECT_EQ(judged["metric"], "agreement");
  EXPECT_EQ(judged["samples"], 300);
  EXPECT_GT(judged["value"], 0.85);
}

TEST_F(ShrinkTest, BoundsAreKept) {
  const json document = run_json(shrink({"--max-drop", "4", "-o", "close.qc", "--fast"}));
  EXPECT_GE(document["certificate"]["value"], 0.96);
  EXPECT_LT(document["packed_bytes"], 40000);
  const json other = run_json(with_data(
      {"shrink", "trained.onnx", "--samples", "100", "--min-snr", "20", "-o", "snr.qc", "--fast"}));
  EXPECT_EQ(other["certificate"]["metric"], "snr");
  EXPECT_GE(other["certificate"]["value"], 20);
}

TEST_F(ShrinkTest, SameBytesForAnyThreadsAndFromTheCertificate) {
  const json first = run_json(shrink({"--target-size", "25KB", "-o", "a.qc"}));
  run_well({"shrink", "trained.onnx", "--scores", output(), "--samples", "200", "--data", "data",
            "-j", "2", "--target-size", "25KB", "-o", "b.qc"});
  const auto unpacked = [&](const std::string& name) {
    run_well({"unpack", name + ".qc", "-o", name + ".onnx"});
    return content(name + ".onnx");
  };
  EXPECT_TRUE(unpacked("a") == unpacked("b"));
  const json& certificate = first["certificate"];
  run_well(shrink({"--lambda", certificate["lambda"].dump(), "--allocation",
                   certificate["allocation"].dump(), "-o", "c.qc"}));
  EXPECT_TRUE(content("c.qc") == content("a.qc"));
}

TEST_F(ShrinkTest, ExcludedTensorsStay) {
  run_well(shrink(
      {"--lambda", "1e-4", "--fast", "--exclude", "fc1.*", "-o", "a.qc", "--onnx", "a.onnx"}));
  const json document = run_json({"diff", "trained.onnx", "a.onnx"});
  for (const json& tensor : document["changed"]) {
    EXPECT_THAT(tensor["name"].get<std::string>(), testing::Not(testing::StartsWith("fc1")));
  }
  EXPECT_FALSE(document["changed"].empty());
}

TEST_F(ShrinkTest, RefusesWhatCannotBeMeant) {
  expect_refused(shrink({"-o", "a.qc"}), kUsage, {"--target-size", "--max-drop", "--min-snr"});
  expect_refused(shrink({"--target-size", "9KB", "--max-drop", "1"}), kUsage, {"one of"});
  expect_refused({"shrink", "trained.onnx", "--target-size", "9KB"}, kUsage, {"--data"});
  expect_refused(with_data({"shrink", "trained.onnx", "--max-drop", "1"}), kUsage,
                 {"--scores", "--min-snr", output()});
  expect_refused(with_data({"shrink", "trained.onnx", "--max-drop", "1", "--scores", "nothing"}),
                 kUsage, {"nothing", output()});
  expect_refused(shrink({"--target-size", "9KB", "--exclude", "no*"}), kUsage, {"no*"});
  expect_refused(shrink({"--target-size", "100B"}), kUsage, {"target", "100"});
  expect_refused(with_data({"shrink", "trained.onnx", "--samples", "1", "--min-snr", "9"}), kUsage,
                 {"three"});
  expect_refused(shrink({"--target-size", "9KB", "-o", "new", "--onnx", "./new"}), kUsage,
                 {"--onnx", "output itself"});
  expect_refused(shrink({"--target-size", "9KB", "-o", "trained.onnx", "-f"}), kUsage,
                 {"trained.onnx"});
}

TEST_F(ShrinkTest, LabelsDecideWhereThereAreSome) {
  const json document =
      run_json(with_data({"shrink", "trained.onnx", "--scores", output(), "--samples", "300",
                          "--max-drop", "3", "--fast", "--allocation", "0.5", "-o", "a.qc"}));
  const json& certificate = document["certificate"];
  EXPECT_EQ(certificate["metric"], "accuracy");
  EXPECT_GE(certificate["value"].get<double>(), certificate["reference"].get<double>() - 0.03);
  EXPECT_THAT(run_well({"inspect", "a.qc"}).out, HasSubstr("of the original"));
  const json judged =
      run_json(with_data({"eval", "a.qc", "--against", "trained.onnx", "--scores", output()}));
  const json& scores = judged["outputs"][0];
  EXPECT_EQ(scores["labelled"], 300);
  EXPECT_GE(scores["accuracy"].get<double>(), scores["reference_accuracy"].get<double>() - 0.08);
}

TEST_F(ShrinkTest, DistillationMovesSharedValuesTogether) {
  const auto made = [&](Args args, const std::string& name) {
    const bool thorough = !args.empty();
    args.insert(args.end(), {"--lambda", "1e-6", "--allocation", "0.5", "-o", name});
    EXPECT_EQ(run_json(shrink(args))["certificate"]["distilled"], thorough);
    return run_json(with_data(
        {"eval", name, "--against", "trained.onnx", "--scores", output()}))["outputs"][0]["kl"]
        .get<double>();
  };
  const double plain = made({}, "plain.qc");
  EXPECT_LT(made({"--thorough"}, "thorough.qc"), 1.2 * plain);
  EXPECT_FALSE(content("thorough.qc") == content("plain.qc"));
  EXPECT_EQ(weights("thorough.qc", "nonzero"), weights("plain.qc", "nonzero"));
  EXPECT_EQ(weights("thorough.qc", "distinct_nonzero"), weights("plain.qc", "distinct_nonzero"));
  EXPECT_LT(static_cast<double>(fs::file_size(file("thorough.qc"))),
            1.05 * static_cast<double>(fs::file_size(file("plain.qc"))));
}

TEST_F(ShrinkTest, AnInterruptedSearchGoesOn) {
  const Args args = shrink({"--target-size", "25KB"});
  const auto to = [&](const std::string& output, const Args& more = {}) {
    Args all = args;
    all.insert(all.end(), {"-o", output});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  run_well(to("whole.qc"));
  std::string line;
  for (const std::string& arg : to("part.qc")) line += " '" + arg + "'";
  const RunResult result = run_shell(
      "\"$0\"" + line +
      " & p=$!; until [ -e part.qc.checkpoint ]; do kill -0 $p || exit 99; sleep 0.02; done; "
      "kill -INT $p; wait $p");
  EXPECT_EQ(result.exit_code, kInterrupted) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("part.qc is the best"),
                                HasSubstr("--resume goes on from part.qc.checkpoint")));
  EXPECT_TRUE(fs::exists(file("part.qc")));
  expect_refused(to("part.qc"), kFile, {"--resume", "-f"});
  expect_refused(to("part.qc", {"--resume", "--seed", "7"}), kUsage, {"another command"});
  // Over the file that it wrote before.
  EXPECT_THAT(run_well(to("part.qc", {"--resume"})).out, HasSubstr("tried before"));
  EXPECT_TRUE(content("part.qc") == content("whole.qc"));
  EXPECT_FALSE(fs::exists(file("part.qc.checkpoint")));
}

TEST_F(ShrinkTest, SamplesThatGiveNoNumbersAreRefused) {
  onnx::TensorProto tensor;
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : {1, 784}) tensor.add_dims(dim);
  for (int i = 0; i < 784; ++i) tensor.add_float_data(NAN);
  for (int set = 0; set < 6; ++set) {
    const fs::path folder = file("nan/test_data_set_" + std::to_string(set));
    fs::create_directories(folder);
    harness::write_file(folder / "input_0.pb", tensor.SerializeAsString());
  }
  expect_refused({"shrink", "trained.onnx", "--data", "nan", "--min-snr", "9"}, kUnsupported,
                 {"trained.onnx"});
  fs::create_directories(file("empty"));
  expect_refused({"shrink", "trained.onnx", "--data", "empty", "--min-snr", "9"}, kFile,
                 {"no train samples found", "empty"});
}

TEST_F(ShrinkTest, EqualModelsAreEqual) {
  const RunResult result =
      run_well(with_data({"eval", "trained.onnx", "--against", "trained.onnx"}));
  EXPECT_THAT(result.out, AllOf(HasSubstr("snr of output"), HasSubstr("equal"), HasSubstr("300")));
  expect_refused({"eval", "trained.onnx", "--against", "trained.onnx"}, kUsage, {"--data"});
  expect_refused(with_data({"eval", "trained.onnx", "--against", "trained.onnx", "--metric", "kl"}),
                 kUsage, {"--scores"});
}

}  // namespace
}  // namespace qc::test
