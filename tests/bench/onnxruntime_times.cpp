#include "onnxruntime_times.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

#include "harness.h"

namespace qc::bench {

namespace fs = std::filesystem;

std::vector<double> onnxruntime_times(const std::vector<fs::path>& models, const std::string& input,
                                      const std::vector<std::int64_t>& dims, int runs) {
  if (!fs::exists(fs::path(QC_ONNXRUNTIME_DIR) / "node_modules" / "onnxruntime-node")) return {};
  const harness::TempDir temp;
  std::string inputs;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (auto i = std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
       i > 0; --i) {
    const float value = normal(random);
    inputs.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  harness::write_file(temp / "inputs.bin", inputs);
  const nlohmann::json tensor = {
      {"name", input}, {"type", 1}, {"dims", dims}, {"offset", 0}, {"size", inputs.size()}};
  nlohmann::json job = {
      {"run", nlohmann::json::array()},
      {"samples", std::vector(static_cast<std::size_t>(runs), nlohmann::json::array({tensor}))},
      {"least", 1},
      {"limit_ms", 10'000}};
  for (const fs::path& model : models) job["run"].push_back(model.string());
  harness::write_file(temp / "job.json", job.dump());
  harness::RunOptions options;
  options.program = "node";
  const auto result = harness::run(
      {QC_RUN_EXPORT, QC_ONNXRUNTIME_DIR, temp / "job.json", temp / "inputs.bin"}, options);
  const auto made = nlohmann::json::parse(result.out);
  if (made.contains("error")) throw std::runtime_error(made.at("error").get<std::string>());
  std::vector<double> times;
  for (const auto& model : made.at("models")) {
    times.push_back(1000 * model.at("run_ms").get<double>());
  }
  return times;
}

}  // namespace qc::bench
