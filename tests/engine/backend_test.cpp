// Judge: the backend tests that ONNX publishes with its operators' definitions.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend_cases.h"
#include "core/error.h"
#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"
#include "formats/onnx/onnx_model.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// Empty when every data set of a test gives what it must.
std::string run_test(Engine& engine, const fs::path& folder) {
  const OnnxModel model = OnnxModel::open(folder / "model.onnx");
  if (!test::has_tensors_only(folder / "model.onnx")) {
    throw Error(ErrorCode::kUnsupported, "sequences and optionals as inputs or outputs");
  }
  const Graph& graph = model.graph()->main;
  const auto network = engine.load(load_model(model));
  for (const fs::path& set : test::backend_sets(folder)) {
    const std::vector<HostTensor> expected =
        test::read_backend_tensors(set, "output", graph.outputs);
    const std::vector<HostTensor> actual =
        network->run(test::read_backend_tensors(set, "input", graph.inputs));
    if (actual.size() != expected.size()) return fmt::format("{} outputs", actual.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::string text =
          test::backend_difference(expected[i], actual[i], test::backend_tolerance(folder));
      if (!text.empty()) return fmt::format("output {}: {}", i, text);
    }
  }
  return {};
}

// The operator that a refusal names: "operator X of ..." or "X 'node' (opset ...".
std::string refused_operator(const std::string& message) {
  constexpr std::string_view kPrefix = "operator ";
  const std::size_t start = message.starts_with(kPrefix) ? kPrefix.size() : 0;
  const std::size_t end = message.find(' ', start);
  const bool named = start > 0 || message.find("(opset ") != std::string::npos;
  return named ? message.substr(start, end - start) : message;
}

TEST(BackendTests, AgreeOrAreRefused) {
  if (!test::has_backend_tests()) GTEST_SKIP() << "needs Debian's package libonnx-testdata";
  const auto engine = open_engine({.threads = 2});
  std::size_t passed = 0;
  std::vector<std::string> wrong;
  std::vector<std::string> failed;
  std::map<std::string, std::vector<std::string>> refusals;
  const std::vector<fs::path> tests = test::backend_tests();
  for (const fs::path& folder : tests) {
    const std::string name = folder.filename();
    try {
      const std::string text = run_test(*engine, folder);
      if (text.empty()) {
        ++passed;
      } else {
        wrong.push_back(fmt::format("{}: {}", name, text));
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kUnsupported) {
        refusals[refused_operator(error.what())].push_back(
            fmt::format("{}: {}", name, error.what()));
      } else {
        failed.push_back(fmt::format("{}: {}", name, error.what()));
      }
    } catch (const std::exception& error) {
      failed.push_back(fmt::format("{}: {}", name, error.what()));
    }
  }
  std::size_t refused = 0;
  for (const auto& [op, messages] : refusals) {
    refused += messages.size();
    fmt::print("  refused {:3} {}, as {}\n", messages.size(), op, messages.front());
  }
  fmt::print("backend tests: {} pass, {} wrong, {} refused\n", passed, wrong.size(), refused);
  EXPECT_TRUE(wrong.empty()) << fmt::format("{}", fmt::join(wrong, "\n"));
  EXPECT_TRUE(failed.empty()) << fmt::format("{}", fmt::join(failed, "\n"));
  EXPECT_GE(passed, 800U);
  EXPECT_EQ(passed + wrong.size() + refused + failed.size(), tests.size());
  EXPECT_GE(tests.size(), 1000U);
}

}  // namespace
}  // namespace qc
