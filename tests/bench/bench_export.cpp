// Exported models in ONNX Runtime, beside the plain ones.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../engine/random_inputs.h"
#include "bench.h"
#include "core/error.h"
#include "core/random.h"
#include "emit/export_model.h"
#include "emit/runtimes.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "kept_rows.h"
#include "passes/pass.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kLoads = 5;
constexpr int kRuns = 100;
constexpr int kLeastRuns = 5;
constexpr int kLimitMilliseconds = 60'000;

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

// These with each treatment, the others with one of them, in turn.
constexpr std::array kMainModels = {"samples/lenet-300-100-mnist.onnx",
                                    "samples/lenet-5-mnist.onnx", "converted/resnet20_cifar10.onnx",
                                    "converted/squeezenet_f32_from_fp16.onnx"};
constexpr std::array kOtherModels = {
    "mnist_8/model.onnx",
    "mnist_burn/mnist.onnx",
    "mnist_onnxmlir/mnist.onnx",
    "mnist_pytorch_java/cnn_mnist_pytorch.onnx",
    "mnist_winml/model.onnx",
    "converted/may0324_lenet5_constant_nodes.onnx",
    "converted/resnet20_cifar10_external/model.onnx",
    "byte_bilstm/model.onnx",
    "chineseocr_angle/angle_net.onnx",
    "dtln/model_1.onnx",
    "dtln/model_2.onnx",
    "edge/nhwc_conv_clip_relu.onnx",
    "edge/onnxconverter_test_model_1_no_opt.onnx",
    "edge/scan_1.onnx",
    "edge/simplified_ssd.onnx",
    "fsanet/fsanet-1x1.onnx",
    "fsmn_vad/fsmnvad-offline.onnx",
    "gtcrn/gtcrn_simple.onnx",
    "hyperlpr/litemodel_cls_96x_r1.onnx",
    "mobilenet_v2_035_128/mobilenet_v2_0.35_128_tfs_channel_first.onnx",
    "mobilenet_v2_128_05/mobilenet_v2_128_0.5.onnx",
    "pfld_106_lite/pfld-106-lite.onnx",
    "ssrnet/ssrnet.onnx",
    "super_resolution/super_resolution.onnx",
    "ten_vad/ten-vad.onnx",
    "ultraface/version-slim-320_simplified.onnx",
    "yamnet_256/yamnet_256_64x96_tl.onnx",
    "yunet/yunet_n_320_320.onnx",
    "yunet/yunet_s_dynamic.onnx",
};

struct Runtime {
  fs::path packages;
  std::string version;
};

// Those in the folders that QC_ONNXRUNTIME names, with colons between them.
std::vector<Runtime> runtimes() {
  const char* named = std::getenv("QC_ONNXRUNTIME");
  std::istringstream folders(named != nullptr ? named : QC_ONNXRUNTIME_DIR);
  std::vector<Runtime> all;
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path package =
        fs::path(folder) / "node_modules" / "onnxruntime-node" / "package.json";
    if (!fs::exists(package)) continue;
    const auto parsed = nlohmann::json::parse(harness::read_file(package));
    all.push_back({folder, parsed.at("version").get<std::string>()});
  }
  return all;
}

// The model in a form, for a runtime.
struct Form {
  const char* name;
  OnnxModel (*make)(const OnnxModel& plain, const Runtime& runtime);
};

template <FormFamily family>
OnnxModel exported(const OnnxModel& plain, const Runtime& /*runtime*/) {
  return export_model(plain, {.family = family}).model;
}

constexpr std::array kForms = {
    Form{"float", [](const OnnxModel& plain, const Runtime& /*runtime*/) { return plain; }},
    Form{"compact", exported<FormFamily::kCompact>},
    Form{"codebook", exported<FormFamily::kCodebook>},
    Form{"qdq, for it",
         [](const OnnxModel& plain, const Runtime& runtime) {
           return export_model(plain, {.family = FormFamily::kQdq,
                                       .allows = forms_for("onnxruntime:" + runtime.version)})
               .model;
         }},
    Form{"qdq", exported<FormFamily::kQdq>},
};

// A folder with a job, run by node.
class Jobs {
 public:
  explicit Jobs(const Runtime& runtime) : runtime_(runtime) {}

  fs::path folder(const std::string& name) const { return temp_ / name; }

  nlohmann::json run(const nlohmann::json& job) const {
    harness::write_file(temp_ / "job.json", job.dump());
    harness::RunOptions options;
    options.program = "node";
    options.timeout = std::chrono::minutes(30);
    const auto result = harness::run(
        {QC_RUN_EXPORT, runtime_.packages.string(), temp_ / "job.json", inputs().string()},
        options);
    if (result.exit_code != 0) return {{"error", result.err}};
    return nlohmann::json::parse(result.out);
  }

  // Random inputs for so many runs; nothing where some cannot be made up.
  nlohmann::json make_samples(const Graph& graph, int runs) const {
    SplitMix64 random(7);
    std::string data;
    nlohmann::json samples = nlohmann::json::array();
    for (int i = 0; i < runs; ++i) {
      nlohmann::json sample = nlohmann::json::array();
      for (const GraphValue& input : graph.inputs) {
        if (data_type_bits(input.type) < 8) return nlohmann::json::array();
        const HostTensor tensor = test::random_tensor(input, random);
        sample.push_back({{"name", input.name},
                          {"type", static_cast<int>(tensor.type)},
                          {"dims", tensor.dims},
                          {"offset", data.size()},
                          {"size", tensor.bytes.size()}});
        data.append(tensor.bytes.begin(), tensor.bytes.end());
      }
      samples.push_back(std::move(sample));
    }
    harness::write_file(inputs(), data);
    return samples;
  }

 private:
  fs::path inputs() const { return temp_ / "inputs.bin"; }

  harness::TempDir temp_;
  const Runtime& runtime_;
};

// {"forms": [{"bytes", "load_ms", "rss", "run_ms", "equal"} or {"error"}, ...], "runs"}, the plain
// model first; {"error"} where that is not run.
nlohmann::json measure(const OnnxModel& plain, const Runtime& runtime, bool quick) {
  const Jobs jobs(runtime);
  nlohmann::json forms = nlohmann::json::array();
  std::vector<std::string> paths;
  for (const Form& form : kForms) {
    const OnnxModel model = form.make(plain, runtime);
    const fs::path folder = jobs.folder(form.name);
    fs::create_directory(folder);
    paths.push_back(folder / "m.onnx");
    model.write(paths.back(), {}, Overwrite::kRefuse);
    forms.push_back(jobs.run({{"load", paths.back()}, {"times", quick ? 1 : kLoads}}));
    if (forms.front().contains("error")) return forms.front();
    forms.back()["bytes"] = model.total_size();
  }
  const nlohmann::json samples = jobs.make_samples(plain.graph()->main, quick ? 2 : kRuns);
  if (samples.empty()) return {{"error", "no random inputs"}};
  const nlohmann::json made = jobs.run({{"run", paths},
                                        {"samples", samples},
                                        {"least", kLeastRuns},
                                        {"limit_ms", kLimitMilliseconds}});
  if (made.contains("error")) return made;
  for (std::size_t i = 0; i < forms.size(); ++i) forms[i].update(made.at("models").at(i));
  return {{"forms", forms}, {"runs", made.at("runs")}};
}

// What the forms of all models have in common.
struct Sum {
  int models = 0;
  int equal = 0;
  std::vector<double> ratio;  // the plain model's bytes over the form's
  std::vector<double> load;   // the form's time over the plain model's
  std::vector<double> run;    // likewise
};

class Tables {
 public:
  void add(const std::string& name, const nlohmann::json& measured) {
    const auto& forms = measured.at("forms");
    const auto& plain = forms.front();
    for (std::size_t i = 0; i < forms.size(); ++i) {
      const auto& form = forms[i];
      if (form.contains("error")) {
        rows_.add_row({name, kForms[i].name, "refused"});
        continue;
      }
      const auto number = [&](const char* key) { return form.at(key).get<double>(); };
      const auto relative = [&](const char* key) {
        return number(key) / plain.at(key).get<double>();
      };
      const bool equal = form.at("equal").get<bool>();
      rows_.add_row(
          {name, kForms[i].name, fmt::format("{}", form.at("bytes").get<std::uint64_t>()),
           fmt::format("{:.1f}x", 1 / relative("bytes")), fmt::format("{:.1f}", number("load_ms")),
           fmt::format("{:.3f}", number("run_ms")), fmt::format("{:.1f}", number("rss") / 1e6),
           fmt::format("{}", measured.at("runs").get<int>()), equal ? "equal" : "other",
           measured.at("date")});
      Sum& sum = sums_[i];
      ++sum.models;
      sum.equal += equal ? 1 : 0;
      sum.ratio.push_back(1 / relative("bytes"));
      sum.load.push_back(relative("load_ms"));
      sum.run.push_back(relative("run_ms"));
    }
  }

  std::string text() const {
    MarkdownTable sums({"form", "files", "equal outputs", "ratio", "load time", "run time"});
    for (std::size_t i = 0; i < kForms.size(); ++i) {
      const Sum& sum = sums_[i];
      if (sum.models == 0) continue;
      sums.add_row({kForms[i].name, fmt::format("{}", sum.models), fmt::format("{}", sum.equal),
                    fmt::format("{:.1f}x", median(sum.ratio)),
                    fmt::format("{:.2f}", median(sum.load)),
                    fmt::format("{:.2f}", median(sum.run))});
    }
    return sums.text() + "\n" + rows_.text();
  }

 private:
  MarkdownTable rows_{{"model", "form", "bytes", "ratio", "load ms", "run ms", "memory MB", "runs",
                       "outputs", "date"}};
  std::array<Sum, kForms.size()> sums_;
};

fs::path path_of(std::string_view model, const fs::path& shared) {
  constexpr std::string_view kSamples = "samples/";
  if (!model.starts_with(kSamples)) return shared / "models" / model;
  return harness::source_dir() / "samples" / "models" / model.substr(kSamples.size());
}

void add_rows(std::string_view model, const Treatment& treatment, const Runtime& runtime,
              const fs::path& shared, const BenchOptions& options, KeptRows& kept, Tables& tables) {
  if (!options.wants(model)) return;
  const std::string name = fmt::format("{}, {}", model, treatment.name);
  tell(fmt::format("  {}, {}", runtime.version, name));
  const std::optional<nlohmann::json> measured =
      kept.get(fmt::format("export/{}/{}", runtime.version, name), [&]() -> nlohmann::json {
        try {
          const OnnxModel plain = treatment.apply(OnnxModel::open(path_of(model, shared)));
          return measure(plain, runtime, options.quick);
        } catch (const Error& error) {
          return {{"error", error.what()}};
        }
      });
  if (!measured) return;
  if (measured->contains("error")) {
    tell(fmt::format("    left out: {}", measured->at("error").get<std::string>()));
  } else {
    tables.add(name, *measured);
  }
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: it needs the shared folder.\n";
  KeptRows kept(options);
  std::string text;
  for (const Runtime& runtime : runtimes()) {
    Tables tables;
    for (const char* model : kMainModels) {
      for (const Treatment& treatment : kTreatments) {
        add_rows(model, treatment, runtime, *shared, options, kept, tables);
      }
    }
    for (std::size_t i = 0; i < kOtherModels.size(); ++i) {
      add_rows(kOtherModels[i], kTreatments[i % kTreatments.size()], runtime, *shared, options,
               kept, tables);
    }
    text += fmt::format("{}ONNX Runtime {}:\n\n{}", text.empty() ? "" : "\n", runtime.version,
                        tables.text());
  }
  return text.empty() ? "Not measured: `scripts/setup --judges` installs ONNX Runtime.\n" : text;
}

}  // namespace

const BenchTable kExportTable{
    .name = "export",
    .title = "Exported models in ONNX Runtime",
    .about =
        "Models pruned and shared or made ternary, as plain floats and by `export --as`; *qdq, for "
        "it* is\n`--as qdq --for onnxruntime:VERSION`. Bytes of whole files; medians of 5 loads; "
        "memory after the first\nload, above that before, in a process of its own. Then the files "
        "of a model take turns on 100 random\ninputs, or as many, but at least 5, as fit into a "
        "minute (*runs*): median times, one thread. Outputs:\nwhether the bits of all runs are "
        "those of the plain model. ONNX Runtime leaves DequantizeLinear in the\ngraph (*qdq*), "
        "computes weights at each run, and adds up in another order. The first table of a\n"
        "version has medians over all files, times relative to those of the plain model. "
        "`QC_ONNXRUNTIME`\nnames the folders of the versions (`tests/bench/run_export.js`).",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
