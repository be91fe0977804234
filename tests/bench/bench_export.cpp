// Exported models in ONNX Runtime, beside the plain ones.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../engine/random_inputs.h"
#include "bench.h"
#include "core/error.h"
#include "core/random.h"
#include "emit/export_model.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "passes/pass.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

OnnxModel applied(const Pass& pass, const OnnxModel& model,
                  const std::vector<std::pair<std::string, std::string>>& flags) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return apply_pass(pass, model, params, {}).model(model);
}

struct Treatment {
  const char* name;
  OnnxModel (*apply)(const OnnxModel& model);
};

constexpr std::array kTreatments = {
    Treatment{"85% pruned, shared",
              [](const OnnxModel& model) {
                return applied(kSharePass, applied(kPrunePass, model, {{"rate", "0.85"}}),
                               {{"conv-bits", "8"}, {"fc-bits", "5"}});
              }},
    Treatment{"ternary", [](const OnnxModel& model) { return applied(kTernarizePass, model, {}); }},
};

// What ONNX Runtime makes of a file; nothing where it refuses.
std::optional<nlohmann::json> measure(const fs::path& model, const fs::path& job,
                                      const fs::path& inputs) {
  const char* named = std::getenv("QC_ONNXRUNTIME");
  harness::RunOptions options;
  options.program = "node";
  const auto run = harness::run({QC_RUN_EXPORT, named != nullptr ? named : QC_ONNXRUNTIME_DIR,
                                 model.string(), job.string(), inputs.string()},
                                options);
  if (run.exit_code != 0) return std::nullopt;
  return nlohmann::json::parse(run.out);
}

// Writes the inputs of so many runs; false where some cannot be made up.
bool write_job(const Graph& graph, int samples, const fs::path& job, const fs::path& inputs) {
  SplitMix64 random(7);
  std::string data;
  nlohmann::json all = nlohmann::json::array();
  for (int i = 0; i < samples; ++i) {
    nlohmann::json sample = nlohmann::json::array();
    for (const GraphValue& input : graph.inputs) {
      if (data_type_bits(input.type) < 8) return false;
      const HostTensor tensor = test::random_tensor(input, random);
      sample.push_back({{"name", input.name},
                        {"type", static_cast<int>(tensor.type)},
                        {"dims", tensor.dims},
                        {"offset", data.size()},
                        {"size", tensor.bytes.size()}});
      data.append(tensor.bytes.begin(), tensor.bytes.end());
    }
    all.push_back(std::move(sample));
  }
  constexpr int kLoads = 5;
  harness::write_file(job, nlohmann::json{{"loads", kLoads}, {"samples", all}}.dump());
  harness::write_file(inputs, data);
  return true;
}

void add_rows(const std::string& name, const OnnxModel& plain, int samples, MarkdownTable& table) {
  const harness::TempDir temp;
  const fs::path job = temp / "job.json";
  const fs::path inputs = temp / "inputs.bin";
  if (!write_job(plain.graph()->main, samples, job, inputs)) return;
  std::string digest;
  const auto add = [&](const OnnxModel& model, const std::string& form) {
    const fs::path folder = temp / form;
    fs::create_directory(folder);
    model.write(folder / "m.onnx", {}, Overwrite::kRefuse);
    const auto made = measure(folder / "m.onnx", job, inputs);
    if (!made) return digest.empty() ? false : (table.add_row({name, form, "refused"}), false);
    if (digest.empty()) digest = (*made)["digest"].get<std::string>();
    table.add_row({name, form, fmt::format("{}", model.total_size()),
                   fmt::format("{:.1f}x", static_cast<double>(plain.total_size()) /
                                              static_cast<double>(model.total_size())),
                   fmt::format("{:.1f}", (*made)["load_ms"].get<double>()),
                   fmt::format("{:.2f}", (*made)["run_ms"].get<double>()),
                   fmt::format("{:.1f}", (*made)["rss"].get<double>() / 1e6),
                   (*made)["digest"] == digest ? "equal" : "other"});
    return true;
  };
  if (!add(plain, "float")) return;
  for (const auto& [family, form] :
       {std::pair(FormFamily::kCompact, "compact"), std::pair(FormFamily::kCodebook, "codebook"),
        std::pair(FormFamily::kQdq, "qdq")}) {
    try {
      add(export_model(plain, {.family = family}).model, form);
    } catch (const Error& error) {
      table.add_row({name, form, fmt::format("refused: {}", error.what())});
    }
  }
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: it needs the shared folder.\n";
  std::vector<std::pair<std::string, fs::path>> models;
  for (const char* sample : {"lenet-300-100-mnist.onnx", "lenet-5-mnist.onnx"}) {
    models.emplace_back(sample, harness::source_dir() / "samples" / "models" / sample);
  }
  for (const std::string& file : harness::list_models(*shared / "models")) {
    models.emplace_back(file, *shared / "models" / file);
  }
  const int samples = options.quick ? 2 : 100;
  MarkdownTable table(
      {"model", "form", "bytes", "ratio", "load ms", "run ms", "memory MB", "outputs"});
  for (const auto& [name, path] : models) {
    if (!options.wants(name)) continue;
    for (const Treatment& treatment : kTreatments) {
      tell(fmt::format("{}, {}", name, treatment.name));
      try {
        add_rows(fmt::format("{}, {}", name, treatment.name),
                 treatment.apply(OnnxModel::open(path)), samples, table);
      } catch (const Error&) {
        // Without weights that the pass works on, or not to be read by anybody.
      }
    }
  }
  return table.text();
}

}  // namespace

const BenchTable kExportTable{
    .name = "export",
    .title = "Exported models in ONNX Runtime",
    .about =
        "Models of the shared folder that ONNX Runtime runs (`tests/bench/run_export.js`), pruned "
        "and "
        "shared or\nternary, as plain floats and by `export --as`. Bytes of whole files; medians "
        "of 5 "
        "loads and of 100 runs\non random inputs, one thread; memory after the first load, above "
        "that "
        "before. Outputs: whether the bits\nof all runs are those of the plain model. ONNX Runtime "
        "leaves DequantizeLinear in the graph, computes\nweights at each run, and adds up in "
        "another "
        "order then.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
