#include "onnxruntime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "harness.h"
#include "tensor_values.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;

fs::path runtime_folder() {
  const char* named = std::getenv("QC_ONNXRUNTIME");
  return named != nullptr ? named : QC_ONNXRUNTIME_DIR;
}

harness::RunResult run_node(const std::vector<std::string>& args) {
  harness::RunOptions options;
  options.program = "node";
  return harness::run(args, options);
}

bool has_node() {
  try {
    return run_node({"--version"}).exit_code == 0;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

std::string missing_runtime() {
  if (!has_node()) return "needs node: scripts/setup --judges";
  if (!fs::exists(runtime_folder() / "node_modules" / "onnxruntime-node")) {
    return "needs onnxruntime-node: scripts/setup --judges";
  }
  return {};
}

bool saturates_on_this_processor(const std::filesystem::path& model) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") != 0) return false;
  const std::string bytes = harness::read_file(model);
  for (const char* op : {"QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}) {
    if (bytes.find(op) != std::string::npos) return true;
  }
#endif
  return false;
}

std::vector<Verdict> run_onnxruntime(const std::vector<Case>& cases) {
  const harness::TempDir temp;
  nlohmann::json jobs = nlohmann::json::array();
  std::string data;
  for (const Case& one : cases) {
    nlohmann::json inputs = nlohmann::json::array();
    for (std::size_t i = 0; i < one.values.size(); ++i) {
      const HostTensor& value = one.values[i];
      inputs.push_back({{"name", one.inputs[i].name},
                        {"type", static_cast<int>(value.type)},
                        {"dims", value.dims},
                        {"offset", data.size()},
                        {"size", value.bytes.size()}});
      data.append(value.bytes.begin(), value.bytes.end());
    }
    jobs.push_back(
        {{"model", one.model.string()}, {"inputs", inputs}, {"optimized", one.optimized}});
  }
  harness::write_file(temp / "jobs.json", jobs.dump());
  harness::write_file(temp / "inputs.bin", data);
  const auto run = run_node({QC_RUN_ONNXRUNTIME, runtime_folder(), temp / "jobs.json",
                             temp / "inputs.bin", temp / "results.json", temp / "outputs.bin"});
  if (run.exit_code != 0) throw std::runtime_error("node failed: " + run.err);

  const std::string bytes = harness::read_file(temp / "outputs.bin");
  std::vector<Verdict> verdicts;
  for (const auto& result : nlohmann::json::parse(harness::read_file(temp / "results.json"))) {
    Verdict& verdict = verdicts.emplace_back();
    verdict.error = result.value("error", std::string());
    if (!verdict.error.empty()) continue;
    for (const auto& output : result["outputs"]) {
      HostTensor tensor{static_cast<DataType>(output["type"].get<int>()), output["dims"], {}};
      const auto begin = bytes.begin() + output["offset"].get<std::ptrdiff_t>();
      tensor.bytes.assign(begin, begin + output["size"].get<std::ptrdiff_t>());
      verdict.outputs.push_back(std::move(tensor));
    }
  }
  return verdicts;
}

std::string difference(const HostTensor& expected, const HostTensor& actual, double tolerance) {
  if (expected.type != actual.type || expected.dims != actual.dims) {
    return fmt::format("{} {} instead of {} {}", data_type_name(actual.type),
                       shape_text(actual.dims), data_type_name(expected.type),
                       shape_text(expected.dims));
  }
  if (!is_float(expected.type)) {
    if (expected.bytes == actual.bytes) return {};
    std::size_t differing = 0;
    for (std::size_t i = 0; i < expected.bytes.size(); ++i) {
      differing += expected.bytes[i] != actual.bytes[i] ? 1 : 0;
    }
    return fmt::format("{} of {} bytes of integers differ", differing, expected.bytes.size());
  }
  const std::vector<double> wanted = float_values(expected);
  const std::vector<double> got = float_values(actual);
  double largest = 0;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  double worst = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == got[i] || (std::isnan(wanted[i]) && std::isnan(got[i]))) continue;
    const double apart = std::abs(wanted[i] - got[i]);
    worst = std::max(worst, std::isfinite(apart) ? apart : HUGE_VAL);
  }
  if (worst <= kAbsoluteTolerance + tolerance * largest) return {};
  return fmt::format("differs by {:.3g}, largest {:.3g}", worst, largest);
}

}  // namespace qc::test
