// Judge: the backend tests that ONNX publishes with its operators' definitions, as programs in C.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backend_cases.h"
#include "compiled_model.h"
#include "core/error.h"
#include "emit/c/operators.h"
#include "harness.h"
#include "known_inputs.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// The values of the inputs that a data set gives, without those that are left out.
struct Given {
  onnx::ModelProto model;
  std::vector<HostTensor> inputs;
};

// Empty when a data set gives what it must with these inputs known. Throws Error where the model is
// refused.
std::string run_set(const fs::path& folder, const fs::path& set, const Given& given,
                    const std::set<std::size_t>& known) {
  const test::KnownModel model = test::with_known_inputs(given.model, given.inputs, known);
  const OnnxModel read = test::read_model(model.bytes);
  const test::CompiledModel compiled(read, {}, test::Checks::kWarnings);
  const std::vector<HostTensor> actual = compiled.run(model.inputs);
  const std::vector<HostTensor> expected =
      test::read_backend_tensors(set, "output", read.graph()->main.outputs);
  if (actual.size() != expected.size()) return fmt::format("{} outputs", actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string text = test::backend_difference(c::as_float32(expected[i]), actual[i],
                                                      test::backend_tolerance(folder));
    if (!text.empty()) return fmt::format("output {}: {}", i, text);
  }
  return {};
}

// Shapes, axes and weights are inputs of most tests, where models have constants: what is refused
// with all inputs computed is tried again with the first one computed alone.
std::string run_test(const fs::path& folder) {
  if (!test::has_tensors_only(folder / "model.onnx")) {
    throw Error(ErrorCode::kUnsupported, "sequences and optionals as inputs or outputs");
  }
  const auto opened = OnnxModel::open(folder / "model.onnx");
  const std::vector<GraphValue>& declared = opened.graph()->main.inputs;
  for (const fs::path& set : test::backend_sets(folder)) {
    Given given;
    given.model.ParseFromString(harness::read_file(folder / "model.onnx"));
    given.inputs = test::read_backend_tensors(set, "input", declared);
    std::set<std::size_t> later;
    for (std::size_t i = 1; i < given.inputs.size(); ++i) later.insert(i);
    std::string text;
    try {
      text = run_set(folder, set, given, {});
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported || later.empty()) throw;
      text = run_set(folder, set, given, later);
    }
    if (!text.empty()) return text;
  }
  return {};
}

// "OPERATOR NODE: reason" without the node.
std::string reason_of(const std::string& message) {
  const std::size_t space = message.find(' ');
  const std::size_t colon = message.find(": ");
  if (space == std::string::npos || colon == std::string::npos) return message;
  return message.substr(0, space) + message.substr(colon);
}

// Parts of the tests, which take minutes together.
class CBackendTests : public testing::TestWithParam<std::size_t> {};
constexpr std::size_t kParts = 8;
INSTANTIATE_TEST_SUITE_P(Part, CBackendTests, testing::Range(std::size_t{0}, kParts));

TEST_P(CBackendTests, AgreeOrAreRefused) {
  if (!test::has_backend_tests()) GTEST_SKIP() << "needs Debian's package libonnx-testdata";
  if (const std::string missing = test::missing_compiler(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  std::size_t passed = 0;
  std::vector<std::string> failed;
  std::map<std::string, std::vector<std::string>> refusals;
  const std::vector<fs::path> tests = test::backend_tests();
  for (std::size_t i = GetParam(); i < tests.size(); i += kParts) {
    const fs::path& folder = tests[i];
    const std::string name = folder.filename();
    try {
      const std::string text = run_test(folder);
      if (text.empty()) {
        ++passed;
      } else {
        failed.push_back(fmt::format("{}: {}", name, text));
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnsupported) {
        refusals[reason_of(error.what())].push_back(name);
      } else {
        failed.push_back(fmt::format("{}: {}", name, error.what()));
      }
    } catch (const std::exception& error) {
      failed.push_back(fmt::format("{}: {}", name, error.what()));
    }
  }
  std::size_t refused = 0;
  for (const auto& [reason, names] : refusals) {
    refused += names.size();
    fmt::print("  refused {:3}, as {}: {}\n", names.size(), names.front(), reason);
  }
  fmt::print("backend tests in C: {} pass, {} fail, {} refused\n", passed, failed.size(), refused);
  EXPECT_TRUE(failed.empty()) << fmt::format("{}", fmt::join(failed, "\n"));
  EXPECT_GE(passed, 400U / kParts);
}

}  // namespace
}  // namespace qc
