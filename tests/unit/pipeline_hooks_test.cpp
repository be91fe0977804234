// Commands of the user's: placeholders, scores, masks, and what is taken over from their output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "harness.h"
#include "hook_fixture.h"
#include "model_builder.h"
#include "model_files.h"
#include "pipeline/constraints.h"
#include "pipeline/hooks.h"
#include "pipeline/npz_writer.h"
#include "system/process.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::read_file;
using harness::write_file;
using test::encode;
using test::ModelBuilder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

template <typename Action>
Error error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::kInternal, ""};
}

// The error that an action must end with; its message is for more expectations.
template <typename Action>
std::string message_of(ErrorCode code, const Action& action) {
  const Error error = error_of(action);
  EXPECT_EQ(error.code(), code) << error.what();
  return error.what();
}

// The elements of an .npy file of version 1.0 with this header.
std::string npy(const std::string& header, std::string_view elements) {
  std::string text = "\x93NUMPY\x01";
  text += '\0';
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  return text + header + std::string(elements);
}

const std::string kName = "it's a model.onnx";

class HooksTest : public test::HookFixture {
 protected:
  // A model of one Gemm.
  static ModelBuilder& gemm(ModelBuilder& builder, std::vector<float> weights = kWeights) {
    return builder.add_gemm("fc", {2, 3}, weights);
  }
  static OnnxModel gemm_model(const std::vector<float>& weights = kWeights) {
    ModelBuilder builder;
    return OnnxModel::from_memory({{kName, gemm(builder, weights).bytes()}});
  }

  /// A model that commands may copy to {out}.
  void save(const std::string& name, const ModelBuilder& builder) const {
    write_file(folder_ / name, std::string(as_text(builder.bytes())));
  }

  Score evaluate(const std::string& command) {
    options_.eval_command = command;
    return HookEvaluator(options_).validate(gemm_model());
  }

  TuneOutcome tune(const OnnxModel& model, const std::string& command,
                   std::vector<Constraint> constraints = {}) {
    options_.finetune_command = command;
    TuneRequest request;
    request.number = 3;
    request.constraints = std::move(constraints);
    return HookTuner(options_).tune(model, request);
  }

  std::string tune_error(ErrorCode code, const std::string& command) {
    return message_of(code, [&] { tune(gemm_model(), command); });
  }

  void check(const std::string& finetune, const std::string& eval = "") {
    HookOptions options;
    options.finetune_command = finetune;
    options.eval_command = eval;
    check_hook_options(options);
  }

  static inline const std::vector<float> kWeights = {0, 0.5F, -0.25F, 0.5F, 0, 1};
};

TEST_F(HooksTest, KnowsItsPlaceholders) {
  EXPECT_NO_THROW(check("", ""));
  EXPECT_NO_THROW(check("t {model} {out} {masks} {step}", "e {model} {step}"));
  EXPECT_NO_THROW(check("t $QCOMPRESS_OUT"));
  EXPECT_NO_THROW(check(R"(t {out} --json '{"a":{"b":1}}' ${HOME} {a1} {} { x } {{foo}} {{{)"));
  EXPECT_THAT(
      message_of(ErrorCode::kUsage, [&] { check("t {out} {foo}"); }),
      AllOf(HasSubstr("{foo}"), HasSubstr("{model} {out} {masks} {step}"), HasSubstr("{{foo}}")));
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { check("", "e {model} {out}"); }),
              AllOf(HasSubstr("{out}"), HasSubstr("there are {model} {step};")));
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { check("t {model}"); }), HasSubstr("{out}"));
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { check("t {{out}}"); }), HasSubstr("{out}"));
}

TEST_F(HooksTest, ChecksBeforeAnythingRuns) {
  options_.timeout = std::chrono::seconds(-1);
  message_of(ErrorCode::kUsage, [&] { check_hook_options(options_); });
  options_.timeout = {};
  message_of(ErrorCode::kUsage, [&] { HookEvaluator{options_}; });
  message_of(ErrorCode::kUsage, [&] { HookTuner{options_}; });
  options_.eval_command = "touch " + quoted("ran") + " {foo}";
  options_.finetune_command = options_.eval_command;
  message_of(ErrorCode::kUsage, [&] { HookEvaluator{options_}; });
  message_of(ErrorCode::kUsage, [&] { HookTuner{options_}; });
  EXPECT_FALSE(fs::exists(folder_ / "ran"));
}

TEST_F(HooksTest, TheLastScoreCounts) {
  const Score score = evaluate(R"(echo loading; echo '{"metric": "top1", "value": 0.5}'
      echo '  {"value": 0.75, "metric": "f1", "more": [1]}  '; echo '{"epoch": 1}'
      echo '{"history": {"metric": "x", "value": 1}}'; echo 'done {"metric": "x", "value": 1}')");
  EXPECT_EQ(score.metric, "f1");
  EXPECT_EQ(score.value, 0.75);
  EXPECT_FALSE(score.details.has_value());
  EXPECT_EQ(evaluate(R"(printf '{"metric": "m", "value": -3}')").value, -3);
}

TEST_F(HooksTest, AScoreIsNeeded) {
  const auto refused = [&](const std::string& command) {
    return message_of(ErrorCode::kFile, [&] { evaluate(command); });
  };
  EXPECT_THAT(refused("echo accuracy 0.9"),
              AllOf(HasSubstr("no line"), HasSubstr("echo accuracy"), HasSubstr("  accuracy 0.9")));
  EXPECT_THAT(refused("true"), HasSubstr("printed nothing"));
  EXPECT_THAT(refused(R"(echo '{"metric": "top1", "value": 0.9}' >&2)"), HasSubstr("no line"));
  for (const std::string value : {"NaN", "Infinity", "1e999", "\"0.9\"", "null", "true"}) {
    EXPECT_THAT(refused(R"(echo '{"metric": "top1", "value": 1}'
                           echo '{"metric": "top1", "value": )" +
                        value + "}'"),
                HasSubstr("finite"))
        << value;
  }
  EXPECT_THAT(refused(R"(echo '{"metric": 1, "value": 1}')"), HasSubstr("string"));
}

TEST_F(HooksTest, ShowsHowEvaluationFailed) {
  const auto refused = [&](const std::string& command) {
    return message_of(ErrorCode::kFile, [&] { evaluate(command); });
  };
  const std::string score = R"(echo '{"metric": "top1", "value": 0.9}'; )";
  EXPECT_THAT(refused(score + "echo no data >&2; exit 9"),
              AllOf(HasSubstr("exit status 9"), HasSubstr("  no data")));
  EXPECT_THAT(refused(score + "kill -TERM $$"), HasSubstr("signal 15"));
  options_.timeout = std::chrono::seconds(1);
  EXPECT_THAT(refused(score + "sleep 1000"), HasSubstr("time-out of 1 s"));
}

TEST_F(HooksTest, EvaluationGetsTheModel) {
  evaluate("cp {model} " + quoted("seen") +
           R"(; test {model} = "$QCOMPRESS_MODEL" && test {step} = "$QCOMPRESS_STEP" || exit 1
              echo '{"metric": "{{model}}", "value": 1}')");
  ModelBuilder builder;
  EXPECT_EQ(read_file(folder_ / "seen"), as_text(gemm(builder).bytes()));
  options_.eval_command = R"(echo '{"metric": "call", "value": '{step}'}')";
  HookEvaluator evaluator(options_);
  EXPECT_EQ(evaluator.validate(gemm_model()).value, 1);
  EXPECT_EQ(evaluator.test(gemm_model({1, 2, 3, 4, 5, 6})).value, 2);
}

TEST_F(HooksTest, NoModelIsEvaluatedTwice) {
  options_.eval_command = "echo >> " + quoted("calls") + R"(; echo '{"metric": "m", "value": 1}')";
  HookEvaluator evaluator(options_);
  for (int i = 0; i < 3; ++i) {
    evaluator.validate(gemm_model());
    evaluator.test(gemm_model());
  }
  EXPECT_EQ(read_file(folder_ / "calls"), "\n");
  evaluator.test(gemm_model({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read_file(folder_ / "calls"), "\n\n");
}

TEST_F(HooksTest, ScoresSayWhatTheyCount) {
  const Score declared =
      evaluate(R"(echo '{"metric": "m", "value": 7, "unit": "dB", "higher_is_better": false}')");
  EXPECT_EQ(declared.unit, Unit::kOwn);
  EXPECT_EQ(declared.unit_name, "dB");
  EXPECT_FALSE(declared.higher_is_better);
  EXPECT_EQ(declared.basis, Basis::kDeclared);
  for (const char* wrong : {R"("unit": 1)", R"("higher_is_better": "no")"}) {
    EXPECT_THAT(
        message_of(
            ErrorCode::kFile,
            [&] { evaluate(std::string(R"(echo '{"metric": "m", "value": 7, )") + wrong + "}'"); }),
        AllOf(HasSubstr("\"unit\""), HasSubstr("\"higher_is_better\"")));
  }
}

// 0.9 after 97.5 is a percentage as well, and what was declared once holds.
TEST_F(HooksTest, TheFirstScoreSaysWhatAllCount) {
  options_.eval_command = R"(if [ {step} = 1 ]; then
      echo '{"metric": "acc", "value": 97.5, "higher_is_better": false}'
      else echo '{"metric": "acc", "value": 0.9}'; fi)";
  HookEvaluator evaluator(options_);
  EXPECT_EQ(evaluator.validate(gemm_model()).unit, Unit::kPercent);
  const Score second = evaluator.validate(gemm_model({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(second.unit, Unit::kPercent);
  EXPECT_FALSE(second.higher_is_better);
}

TEST_F(HooksTest, OneMetricIsCompared) {
  options_.eval_command = R"(echo '{"metric": "m{step}", "value": 1}')";
  HookEvaluator evaluator(options_);
  evaluator.validate(gemm_model());
  EXPECT_THAT(message_of(ErrorCode::kFile,
                         [&] {
                           evaluator.validate(gemm_model({1, 2, 3, 4, 5, 6}));
                         }),
              HasSubstr("the metric m2 after m1"));
}

TEST_F(HooksTest, OutputThatWasShownIsNotRepeated) {
  options_.show_output = true;
  testing::internal::CaptureStderr();
  const std::string message =
      message_of(ErrorCode::kFile, [&] { evaluate("printf 'no %s' data; exit 9"); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "no data");
  EXPECT_THAT(message, AllOf(HasSubstr("exit status 9"), Not(HasSubstr("no data"))));
}

TEST_F(HooksTest, ShowsOutputOnStandardError) {
  options_.show_output = true;
  testing::internal::CaptureStderr();
  evaluate(R"(echo progress; echo '{"metric": "top1", "value": 1}')");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("progress\n"));
}

TEST_F(HooksTest, TemporaryFoldersNeedAPlace) {
  ::setenv("TMPDIR", path("missing").c_str(), 1);
  EXPECT_THAT(message_of(ErrorCode::kFile, [&] { evaluate("true"); }), HasSubstr("TMPDIR"));
}

TEST_F(HooksTest, ACopyChangesNothing) {
  const TuneOutcome outcome = tune(gemm_model(), "cp {model} {out}");
  EXPECT_THAT(outcome.values, IsEmpty());
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_EQ(outcome.epochs, 0);
}

TEST_F(HooksTest, TakesOverChangedValues) {
  const std::vector<float> changed = {0, 0.75F, -0.5F, 0.75F, 0, 2};
  ModelBuilder builder;
  builder.add_floats("unused", {1}, std::vector<float>{7});
  // Another order, another graph: only values matter.
  save("tuned.onnx", gemm(builder, changed).add_node("Relu", {}));
  const OnnxModel model = gemm_model();
  const TuneOutcome outcome = tune(model, "cp " + quoted("tuned.onnx") + " \"$QCOMPRESS_OUT\"");
  ASSERT_EQ(outcome.values.size(), 1U);
  const auto& [index, payload] = *outcome.values.begin();
  EXPECT_EQ(model.tensors()[index].name, "fc.weight");
  EXPECT_EQ(payload, encode(DataType::kFloat, changed));
}

TEST_F(HooksTest, GivesPathsAndStep) {
  tune(gemm_model(), R"(test {model} = "$QCOMPRESS_MODEL" && test {out} = "$QCOMPRESS_OUT" &&
       test {masks} = "$QCOMPRESS_MASKS" && test {step} = 3 && test "$QCOMPRESS_STEP" = 3 &&
       test -s {masks} && cp {model} {out})");
}

TEST_F(HooksTest, TakesExternalData) {
  onnx::ModelProto proto;
  onnx::GraphProto& graph = *proto.mutable_graph();
  const std::vector<float> values = {1, 2, 3};
  test::set_raw(*graph.add_initializer(), "w", onnx::TensorProto::FLOAT, {3}, {});
  test::set_external(*graph.mutable_initializer(0), "data/w.bin", 0, 12);
  const OnnxModel model = test::open_files(
      {{"m.onnx", test::serialize(proto)}, {"data/w.bin", encode(DataType::kFloat, values)}});
  EXPECT_THAT(tune(model, "cp {model} {out}").values, IsEmpty());

  graph.mutable_initializer(0)->clear_external_data();
  graph.mutable_initializer(0)->clear_data_location();
  for (const float value : {1.0F, 2.0F, 4.0F}) graph.mutable_initializer(0)->add_float_data(value);
  write_file(folder_ / "inline.onnx", proto.SerializeAsString());
  const TuneOutcome outcome = tune(model, "cp " + quoted("inline.onnx") + " {out}");
  EXPECT_THAT(outcome.values,
              ElementsAre(std::pair(std::size_t{0}, encode(DataType::kFloat, {{1, 2, 4}}))));
}

TEST_F(HooksTest, AnOutputIsNeeded) {
  EXPECT_THAT(tune_error(ErrorCode::kFile, "echo hello; : {out}"),
              AllOf(HasSubstr("did not write {out}"), HasSubstr("  hello")));
  EXPECT_THAT(tune_error(ErrorCode::kFile, "cp {model} {out}; exit 4"), HasSubstr("status 4"));
  tune_error(ErrorCode::kCorrupt, "echo no model > {out}");
  tune_error(ErrorCode::kCorrupt, ": > {out}");
  tune_error(ErrorCode::kFile, "mkdir {out}");
}

TEST_F(HooksTest, TensorsMustStay) {
  ModelBuilder renamed;
  save("renamed.onnx", renamed.add_gemm("fc1", {2, 3}, kWeights));
  EXPECT_THAT(tune_error(ErrorCode::kCorrupt, "cp " + quoted("renamed.onnx") + " {out}"),
              HasSubstr("fc.weight, fc.bias"));
  ModelBuilder transposed;
  save("transposed.onnx", transposed.add_gemm("fc", {3, 2}, kWeights));
  EXPECT_THAT(tune_error(ErrorCode::kCorrupt, "cp " + quoted("transposed.onnx") + " {out}"),
              AllOf(HasSubstr("fc.weight"), HasSubstr("3x2"), HasSubstr("2x3")));
  ModelBuilder half;
  save("half.onnx", half.add_gemm("fc", {2, 3}, kWeights, DataType::kFloat16));
  EXPECT_THAT(tune_error(ErrorCode::kCorrupt, "cp " + quoted("half.onnx") + " {out}"),
              AllOf(HasSubstr("float16"), HasSubstr("float32")));
}

TEST_F(HooksTest, ValuesMustBeFinite) {
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    ModelBuilder builder;
    save("bad.onnx", gemm(builder, {0, 0.5F, value, 0.5F, 0, 1}));
    EXPECT_THAT(tune_error(ErrorCode::kCorrupt, "cp " + quoted("bad.onnx") + " {out}"),
                HasSubstr("fc.weight"));
  }
  // What was there before is not the command's doing.
  const OnnxModel strange = gemm_model({0, std::nanf(""), 1, 2, 3, 4});
  EXPECT_THAT(tune(strange, "cp {model} {out}").values, IsEmpty());
}

TEST_F(HooksTest, StopsBeforeAndWhileTuning) {
  options_.stop_requested = [] { return true; };
  EXPECT_TRUE(tune(gemm_model(), "touch " + quoted("ran") + "; cp {model} {out}").interrupted);
  EXPECT_FALSE(fs::exists(folder_ / "ran"));

  options_.stop_requested = [&] { return fs::exists(folder_ / "started"); };
  const std::string start = "touch " + quoted("started") + "; while :; do sleep 0.05; done";
  const TuneOutcome stopped = tune(gemm_model(), start + " # {out}");
  EXPECT_TRUE(stopped.interrupted);
  EXPECT_THAT(stopped.values, IsEmpty());

  // The shell that runs the command ends at once; what it runs may still save.
  const auto save_on_interrupt = [&](const std::string& name) {
    fs::remove(folder_ / "started");
    write_file(folder_ / "hook", "trap 'sleep 0.2; cp " + quoted(name) +
                                     " \"$QCOMPRESS_OUT\"; exit' INT\n" + start + "\n");
    return tune(gemm_model(), "sh " + quoted("hook") + " > /dev/null 2>&1; : {out}");
  };
  ModelBuilder builder;
  save("tuned.onnx", gemm(builder, {0, 1, 2, 3, 0, 4}));
  const TuneOutcome saved = save_on_interrupt("tuned.onnx");
  EXPECT_TRUE(saved.interrupted);
  EXPECT_EQ(saved.values.size(), 1U);
  write_file(folder_ / "cut.onnx", read_file(folder_ / "tuned.onnx").substr(0, 40));
  const TuneOutcome cut = save_on_interrupt("cut.onnx");
  EXPECT_TRUE(cut.interrupted);
  EXPECT_THAT(cut.values, IsEmpty());
}

TEST_F(HooksTest, WritesMasks) {
  ModelBuilder builder;
  builder.add_gemm("fc/a\xc3\xa9", {2, 3}, kWeights).add_gemm("b", {3, 2}, kWeights);
  builder.add_gemm("c", {2, 300}, std::vector<float>(600, 1.0F));
  const OnnxModel model = builder.open();
  const auto index = [&](const std::string& name) {
    const auto& tensors = model.tensors();
    const auto found = std::ranges::find(tensors, name, &TensorInfo::name);
    return static_cast<std::size_t>(found - tensors.begin());
  };
  Constraint wide{index("c.weight"), std::vector<std::uint32_t>(600), true};
  for (std::uint32_t i = 0; i < 600; ++i) wide.groups[i] = i;
  const std::vector<Constraint> constraints = {
      {index("fc/a\xc3\xa9.weight"), {0, 1, 1, 1, 0, 1}, false},
      {index("b.weight"), {0, 1, 2, 1, 0, 3}, true},
      wide};
  tune(model, "cp {masks} " + quoted("masks.npz") + "; cp {model} {out}", constraints);
  // Members are stored, so their bytes are in the archive.
  const std::string archive = read_file(folder_ / "masks.npz");
  const auto elements = [](std::initializer_list<char> bytes) {
    return std::string(bytes.begin(), bytes.end());
  };
  EXPECT_THAT(archive, HasSubstr(elements({0, 1, 1, 1, 0, 1})));
  EXPECT_THAT(archive, HasSubstr(elements({0, 1, 2, 1, 0, 3})));

  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
    GTEST_SKIP() << "NumPy is not there to read the masks with";
  }
  const ProcessResult read = run_process(
      {.command = "/usr/bin/python3 -c '\n"
                  "import numpy, sys\n"
                  "for name, a in numpy.load(sys.argv[1]).items():\n"
                  "  print(ascii(name), a.dtype, a.shape, a.ravel()[:6].tolist(), a.sum())' " +
                  quoted("masks.npz")});
  EXPECT_EQ(read.last_lines,
            "'fc/a\\xe9.weight' bool (2, 3) [False, True, True, True, False, True] 4\n"
            "'b.weight' uint8 (3, 2) [0, 1, 2, 1, 0, 3] 7\n"
            "'c.weight' uint32 (2, 300) [0, 1, 2, 3, 4, 5] 179700");
}

TEST_F(HooksTest, MasksOfNothingCanBeRead) {
  tune(gemm_model(), "cp {masks} " + quoted("masks.npz") + "; cp {model} {out}");
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
    GTEST_SKIP() << "NumPy is not there to read the masks with";
  }
  const ProcessResult read = run_process(
      {.command = "/usr/bin/python3 -c 'import numpy, sys; print(len(numpy.load(sys.argv[1])))' " +
                  quoted("masks.npz")});
  EXPECT_EQ(read.last_lines, "0");
}

TEST(Npy, HasNumPysHeader) {
  const Bytes bytes = make_npy({"a", "<u4", {2, 3}, {1, 2, 3}});
  std::string header = "{'descr': '<u4', 'fortran_order': False, 'shape': (2, 3, ), }";
  header.resize(117, ' ');
  EXPECT_EQ(as_text(bytes), npy(header + "\n", "\x01\x02\x03"));
  for (std::size_t rank = 0; rank < 40; ++rank) {
    const NpzArray array{"a", "|b1", std::vector<std::int64_t>(rank, 1), {1}};
    EXPECT_EQ(make_npy(array).size() % 64, 1U) << rank;
  }
}

}  // namespace
}  // namespace qc
