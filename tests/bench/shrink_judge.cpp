#include "shrink_judge.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "harness.h"

namespace qc::bench {

std::vector<Verdict> judge_by_onnxruntime(const std::vector<std::filesystem::path>& models,
                                          const Graph& graph, const RunInputs& samples,
                                          std::size_t output,
                                          std::optional<std::int64_t> scores_axis) {
  const harness::TempDir temp;
  std::ofstream data(temp / "inputs.bin", std::ios::binary);
  nlohmann::json job = {{"models", nlohmann::json::array()},
                        {"samples", nlohmann::json::array()},
                        {"output", output},
                        {"axis", nullptr}};
  if (scores_axis) job["axis"] = *scores_axis;
  for (const std::filesystem::path& model : models) job["models"].push_back(model.string());
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < samples.count; ++i) {
    nlohmann::json inputs = nlohmann::json::array();
    const std::vector<HostTensor> values = samples.load(i);
    for (std::size_t k = 0; k < values.size(); ++k) {
      inputs.push_back({{"name", graph.inputs[k].name},
                        {"type", static_cast<int>(values[k].type)},
                        {"dims", values[k].dims},
                        {"offset", offset},
                        {"size", values[k].bytes.size()}});
      data.write(reinterpret_cast<const char*>(values[k].bytes.data()),
                 static_cast<std::streamsize>(values[k].bytes.size()));
      offset += values[k].bytes.size();
    }
    job["samples"].push_back(std::move(inputs));
  }
  data.close();
  harness::write_file(temp / "job.json", job.dump());
  harness::RunOptions options;
  options.program = "node";
  options.timeout = std::chrono::hours(1);
  const auto run = harness::run(
      {QC_JUDGE_ONNXRUNTIME, QC_ONNXRUNTIME_DIR, temp / "job.json", temp / "inputs.bin"}, options);
  if (run.exit_code != 0) throw std::runtime_error("ONNX Runtime: " + run.err);
  std::vector<Verdict> verdicts;
  for (const nlohmann::json& one : nlohmann::json::parse(run.out)) {
    verdicts.push_back({one["agreement"].is_null() ? 0 : one["agreement"].get<double>(),
                        one["snr"].is_null() ? INFINITY : one["snr"].get<double>()});
  }
  return verdicts;
}

}  // namespace qc::bench
