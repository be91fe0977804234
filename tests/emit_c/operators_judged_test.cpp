// Every operator that C is written for, on models of one node: compiled by the system's compiler,
// run under sanitizers, and compared with ONNX Runtime.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "compiled_model.h"
#include "core/error.h"
#include "emit/c/operators.h"
#include "known_inputs.h"
#include "onnxruntime.h"
#include "operator_cases.h"

namespace qc {
namespace {

constexpr double kTolerance = 1e-4;

bool has_row(const test::NodeCase& node) {
  return std::ranges::any_of(c::operator_rows(), [&](const c::OperatorRow& row) {
    return row.name == node.op && row.domain == node.domain;
  });
}

std::vector<HostTensor> given(const test::NodeCase& node) {
  std::vector<HostTensor> values;
  for (const HostTensor& input : node.inputs) {
    if (input.type != DataType::kUndefined) values.push_back(input);
  }
  return values;
}

// The cases of the engine's tests for which there is a row, and those of this one.
std::vector<test::NodeCase> all_cases() {
  std::vector<test::NodeCase> all = test::operator_cases();
  for (test::NodeCase& node : test::node_cases()) {
    if (has_row(node)) all.push_back(std::move(node));
  }
  return all;
}

test::KnownModel model_of(const test::NodeCase& node, const std::set<std::size_t>& known) {
  onnx::ModelProto proto;
  proto.ParseFromString(test::model_of(node));
  return test::with_known_inputs(std::move(proto), given(node), known);
}

// The inputs after the first.
std::set<std::size_t> later_inputs(const test::NodeCase& node) {
  std::set<std::size_t> later;
  for (std::size_t i = 1; i < given(node).size(); ++i) later.insert(i);
  return later;
}

// What is refused of the engine's cases: how its name begins, and the reason.
struct Refusal {
  const char* name;
  const char* reason;
};
constexpr std::array kRefused = std::to_array<Refusal>({
    {"Pow-15", "its inputs differ in type"},
    {"Pow-15", "input 0 is of int64"},
    {"MaxPool-12", "its indices are not given"},
    {"MaxPool-12", "its input is not of floats"},
    {"Resize-13", "coordinate_transformation_mode tf_crop_and_resize"},
    {"ScatterElements-18", "reduction m"},
    {"ScatterND-18", "reduction "},
});

bool is_expected(const test::NodeCase& node, const std::string& reason) {
  return std::ranges::any_of(kRefused, [&](const Refusal& refusal) {
    return node.name().starts_with(refusal.name) &&
           reason.find(refusal.reason) != std::string::npos;
  });
}

/// A case compiled with all inputs computed, or all but the first known.
struct Outcome {
  std::string name;
  test::Case compiled;
};

// Compiles and runs a case in one of its two ways; gives the reason where it is refused.
std::string run_case(const test::NodeCase& node, const std::set<std::size_t>& known,
                     const std::filesystem::path& file, std::vector<Outcome>& outcomes) {
  const test::KnownModel known_model = model_of(node, known);
  const OnnxModel model = test::read_model(known_model.bytes);
  try {
    const test::CompiledModel compiled(
        model, {}, known.empty() ? test::Checks::kAll : test::Checks::kWarnings);
    Outcome outcome;
    outcome.name = fmt::format("{}{}", node.name(), known.empty() ? "" : ", inputs known");
    outcome.compiled.model = file;
    outcome.compiled.inputs = model.graph()->main.inputs;
    outcome.compiled.values = known_model.inputs;
    outcome.compiled.outputs = compiled.run(known_model.inputs);
    harness::write_file(file, known_model.bytes);
    outcomes.push_back(std::move(outcome));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << node.name() << ": " << error.what();
    return error.what();
  } catch (const std::runtime_error& error) {
    ADD_FAILURE() << node.name() << ": " << error.what();
  }
  return {};
}

// Parts of the cases, which take minutes together.
class COperators : public testing::TestWithParam<std::size_t> {};
constexpr std::size_t kParts = 8;
INSTANTIATE_TEST_SUITE_P(Part, COperators, testing::Range(std::size_t{0}, kParts));

TEST_P(COperators, AgreeWithOnnxRuntime) {
  for (const std::string& missing : {test::missing_runtime(), test::missing_compiler()}) {
    if (!missing.empty()) GTEST_SKIP() << missing;
  }
  const harness::TempDir temp;
  std::vector<Outcome> outcomes;
  const std::vector<test::NodeCase> cases = all_cases();
  std::size_t refused = 0;
  for (std::size_t i = GetParam(); i < cases.size(); i += kParts) {
    const test::NodeCase& node = cases[i];
    const std::size_t before = outcomes.size();
    const auto file = [&] { return temp / fmt::format("{}.onnx", outcomes.size()); };
    const std::string as_computed = run_case(node, {}, file(), outcomes);
    const std::set<std::size_t> later = later_inputs(node);
    std::string reason = later.empty() ? as_computed : run_case(node, later, file(), outcomes);
    if (outcomes.size() > before) continue;
    EXPECT_TRUE(is_expected(node, reason)) << node.name() << " is refused: " << reason;
    ++refused;
  }
  std::vector<test::Case> asked;
  for (const Outcome& outcome : outcomes) asked.push_back(outcome.compiled);
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(asked);
  ASSERT_EQ(verdicts.size(), outcomes.size());
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const Outcome& outcome = outcomes[i];
    EXPECT_EQ(verdicts[i].error, "") << outcome.name;
    if (!verdicts[i].error.empty()) continue;
    ASSERT_EQ(verdicts[i].outputs.size(), outcome.compiled.outputs.size()) << outcome.name;
    for (std::size_t k = 0; k < verdicts[i].outputs.size(); ++k) {
      EXPECT_EQ(test::difference(c::as_float32(verdicts[i].outputs[k]), outcome.compiled.outputs[k],
                                 kTolerance),
                "")
          << outcome.name << ", output " << k;
    }
  }
  fmt::print("operators in C: {} programs judged, {} cases refused\n", outcomes.size(), refused);
}

TEST(COperatorTable, EveryRowHasACase) {
  const std::vector<test::NodeCase> cases = all_cases();
  for (const c::OperatorRow& row : c::operator_rows()) {
    const bool has_case = std::ranges::any_of(cases, [&](const test::NodeCase& node) {
      return row.name == node.op && row.domain == node.domain &&
             (!row.domain.empty() || row.first_opset <= node.opset);
    });
    EXPECT_TRUE(has_case) << row.domain << " " << row.name;
  }
}

TEST(COperatorTable, OldFormsGiveWhatNewOnesGive) {
  if (const std::string missing = test::missing_compiler(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const auto run = [](const test::NodeCase& node) {
    const test::KnownModel model = model_of(node, later_inputs(node));
    return test::CompiledModel(test::read_model(model.bytes)).run(model.inputs);
  };
  for (const auto& [old, same] : test::old_forms()) {
    SCOPED_TRACE(old.name());
    EXPECT_EQ(test::difference(run(same).at(0), run(old).at(0), 0), "");
  }
}

TEST(COperatorTable, RefusalsNameOperatorAndNode) {
  for (const test::NodeCase& node : test::refused_cases()) {
    const test::KnownModel model = model_of(node, later_inputs(node));
    try {
      static_cast<void>(c::make_plan(load_model(test::read_model(model.bytes)), {}));
      ADD_FAILURE() << node.name() << " is not refused";
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_TRUE(error.code() == ErrorCode::kUnsupported || error.code() == ErrorCode::kLimit)
          << node.name() << ": " << message;
      const bool names_input = message.find("input_0") != std::string::npos;
      EXPECT_TRUE(message.find(node.op + " the_node") != std::string::npos || names_input)
          << message;
    }
  }
}

}  // namespace
}  // namespace qc
