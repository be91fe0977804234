// Networks as programs in C: every form of weights on single layers beside the plain float matrix,
// and whole networks beside ONNX Runtime.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.h"
#include "compiled_nets.h"
#include "emit/c/planner.h"
#include "emit/c/weights.h"
#include "formats/onnx/load_tensors.h"
#include "harness.h"
#include "model_builder.h"
#include "onnxruntime_times.h"
#include "passes/pass.h"
#include "programs.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 501;

c::Plan plan_of(const OnnxModel& model, const c::Shape& shape, const std::string& form = {}) {
  c::PlanOptions options;
  options.goal = c::Goal::kSpeed;
  options.form = form;
  const LoadedModel loaded = load_model(model);
  options.shapes[loaded.graph->main.inputs.at(0).name] = shape;
  return c::make_plan(loaded, options);
}

// A matrix, and the forms that are for it.
struct Treatment {
  const char* name;
  float (*weight)(std::mt19937& random);
  std::vector<std::string> forms;
  bool signs = false;  // of inputs that are -1 or 1
};

float normal(std::mt19937& random) { return std::normal_distribution<float>()(random); }

float one_of(std::mt19937& random, const std::vector<float>& values) {
  return values[std::uniform_int_distribution<std::size_t>(0, values.size() - 1)(random)];
}

std::vector<Treatment> treatments() {
  return {
      {"any", normal, {"dense"}},
      {"95% zeros",
       [](std::mt19937& random) {
         return std::bernoulli_distribution(0.05)(random) ? normal(random) : 0;
       },
       {"sparse16", "sparse", "sparse-rice"}},
      {"32 values",
       [](std::mt19937& random) {
         return std::round(std::clamp(4 * normal(random), -16.0F, 15.0F));
       },
       {"codebook"}},
      {"ternary",
       [](std::mt19937& random) {
         return one_of(random, {-0.5F, 0, 0.5F});
       },
       {"ternary", "radix"}},
      {"five levels",
       [](std::mt19937& random) {
         return one_of(random, {-1, -0.5F, 0, 0.5F, 1});
       },
       {"levels"}},
      {"binary",
       [](std::mt19937& random) {
         return one_of(random, {-0.5F, 0.5F});
       },
       {"binary", "codebook"}},
      {"binary, of signs",
       [](std::mt19937& random) {
         return one_of(random, {-0.5F, 0.5F});
       },
       {"xnor"},
       true},
  };
}

struct Layer {
  const char* name;
  std::int64_t rows;
  std::int64_t columns;
};

// A layer whose weights are ONNX's columns x rows.
OnnxModel layer_model(const Layer& layer, const Treatment& treatment) {
  std::mt19937 random(1);
  std::vector<float> weights(static_cast<std::size_t>(layer.rows * layer.columns));
  for (float& weight : weights) weight = treatment.weight(random);
  test::ModelBuilder builder;
  if (treatment.signs) builder.add_node("Sign", {});
  return builder.add_gemm("layer", {layer.columns, layer.rows}, weights).open();
}

// The loop that anybody would write, and OpenBLAS on one thread where it is installed.
std::string matrix_functions(const Layer& layer) {
  return fmt::format(R"(
enum {{ ROWS = {0}, COLUMNS = {1} }};
static float matrix[ROWS * COLUMNS], vector[COLUMNS], result[ROWS];

static void loop(void) {{
  int r, c;
  if (matrix[0] == 0) fill(matrix, ROWS * COLUMNS), fill(vector, COLUMNS);
  for (r = 0; r < ROWS; r++) {{
    float sum = 0;
    for (c = 0; c < COLUMNS; c++) sum += matrix[r * COLUMNS + c] * vector[c];
    result[r] = sum;
  }}
}}

static void blas(void) {{
  typedef void (*product)(int, int, int, int, float, const float *, int, const float *, int, float,
                          float *, int);
  static product sgemv;
  static int is_open;
  if (!is_open) {{
    void *const library = dlopen("libopenblas.so.0", RTLD_NOW);
    void (*set_threads)(int) = NULL;
    if (library != NULL) {{
      *(void **)&sgemv = dlsym(library, "cblas_sgemv");
      *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    }}
    if (set_threads != NULL) set_threads(1);
    missing[1] = sgemv == NULL;
    is_open = 1;
  }}
  if (sgemv != NULL) {{
    sgemv(101, 111, ROWS, COLUMNS, 1, matrix, COLUMNS, vector, 1, 0, result, 1);
  }}
}}
)",
                     layer.rows, layer.columns);
}

void add_layer(const Layer& layer, bool quick, MarkdownTable& table) {
  std::vector<c::Plan> plans;
  std::vector<TimedCall> calls = {{"loop"}, {"blas"}};
  std::vector<std::array<std::string, 2>> names;
  for (const Treatment& treatment : treatments()) {
    for (const std::string& form : treatment.forms) {
      plans.push_back(plan_of(layer_model(layer, treatment), {1, layer.columns}, form));
      names.push_back({treatment.name, form});
    }
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    calls.push_back({fmt::format("net{}", i), &plans[i]});
  }
  const harness::TempDir temp;
  const auto times = time_calls(calls, matrix_functions(layer), temp.path(), quick ? 3 : kRounds);
  const double dense = times[2];
  const auto add = [&](const std::string& weights, const std::string& form, std::uint64_t bytes,
                       double time) {
    if (time < 0) return;
    table.add_row({layer.name, weights, form, fmt::format("{}", bytes), fmt::format("{:.2f}", time),
                   fmt::format("{:.1f}x", dense / time)});
  };
  const auto all = static_cast<std::uint64_t>(4 * layer.rows * layer.columns);
  add("any", "a loop over floats", all, times[0]);
  add("any", "OpenBLAS, one thread", all, times[1]);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    add(names[i][0], names[i][1], plans[i].constant_bytes(), times[i + 2]);
  }
}

OnnxModel applied(const Pass& pass, const OnnxModel& model,
                  const std::vector<std::pair<std::string, std::string>>& flags) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return apply_pass(pass, model, params, {}).model(model);
}

struct Network {
  const char* name;
  const char* source;  // a file in samples/models, or a network of make_sample
  c::Shape shape;
  const Pass* pass;
  std::vector<std::pair<std::string, std::string>> flags;
};

std::vector<Network> networks() {
  const c::Shape picture = {1, 1, 28, 28};
  const char* lenet5 = "lenet-5-mnist.onnx";
  return {
      {"LeNet-300-100, 5% kept",
       "lenet-300-100-mnist.onnx",
       {1, 784},
       &kPrunePass,
       {{"rate", "0.95"}}},
      {"LeNet-5, 8% kept", lenet5, picture, &kPrunePass, {{"rate", "0.92"}}},
      {"TernaryNet", "ternarynet", picture, &kTernarizePass, {}},
      {"BinaryNet",
       "binarynet",
       picture,
       &kBinarizePass,
       {{"scale", "none"}, {"activations", "sign"}}},
      {"XNOR-Net", "binarynet", picture, &kBinarizePass, {{"xnor", "true"}}},
      {"DoReFa-Net W1A3",
       "dorefanet",
       picture,
       &kDorefaPass,
       {{"wbits", "1"}, {"abits", "3"}, {"keep", "last"}}},
      {"LeNet-5, ternary", lenet5, picture, &kTernarizePass, {}},
      {"LeNet-5, binary, of signs", lenet5, picture, &kBinarizePass, {{"activations", "sign"}}},
      {"LeNet-5, XNOR-Net", lenet5, picture, &kBinarizePass, {{"xnor", "true"}}},
      {"LeNet-5, DoReFa-Net W1A3", lenet5, picture, &kDorefaPass, {{"wbits", "1"}, {"abits", "3"}}},
  };
}

// A file of the samples, or what make_sample writes into a folder.
fs::path file_of(const Network& network, const fs::path& folder) {
  const std::string source = network.source;
  if (source.ends_with(".onnx")) return harness::source_dir() / "samples" / "models" / source;
  fs::path made = folder / (source + ".onnx");
  run_command({"make_sample", harness::make_sample(), {source, made}, {}});
  return made;
}

// Median microseconds of a model in ONNX Runtime on one thread; negative where there is none.
double onnxruntime_time(const OnnxModel& model, const c::Shape& shape, const fs::path& folder,
                        int runs) {
  fs::create_directories(folder);
  model.write(folder / "model.onnx", {}, Overwrite::kRefuse);
  const std::vector<double> times = onnxruntime_times(
      {folder / "model.onnx"}, model.graph()->main.inputs.at(0).name, shape, runs);
  return times.empty() ? -1 : times.front();
}

// A model that does next to nothing: what a call of the runtime takes.
double onnxruntime_call_time(bool quick) {
  const harness::TempDir temp;
  test::ModelBuilder builder;
  return onnxruntime_time(builder.add_node("Relu", {}).open(), {1, 1}, temp.path(),
                          quick ? 3 : kRounds);
}

void add_network(const Network& network, double call, bool quick, MarkdownTable& table) {
  const harness::TempDir temp;
  const OnnxModel plain = OnnxModel::open(file_of(network, temp.path()));
  const OnnxModel model = applied(*network.pass, plain, network.flags);
  const c::Plan plan = plan_of(model, network.shape);
  const double time = time_calls({{"net", &plan}}, {}, temp.path(), quick ? 3 : kRounds)[0];
  const int runs = quick ? 3 : 4 * kRounds;
  const double runtime = onnxruntime_time(model, network.shape, temp.path() / "treated", runs);
  const double of_floats = onnxruntime_time(plain, network.shape, temp.path() / "plain", runs);
  const auto ratio = [&](double other) {
    return other < 0 ? std::string("-") : fmt::format("{:.1f}x", other / time);
  };
  const auto us = [](double of) { return of < 0 ? "-" : fmt::format("{:.1f}", of); };
  table.add_row({network.name, fmt::format("{}", plan.constant_bytes()),
                 fmt::format("{}", plan.arena_bytes), fmt::format("{:.1f}", time), us(runtime),
                 ratio(runtime), ratio(runtime < 0 ? -1 : runtime - call), us(of_floats),
                 ratio(of_floats)});
}

std::string run(const BenchOptions& options) {
  MarkdownTable layers({"layer", "weights", "form", "bytes", "us", "speed"});
  for (const Layer& layer :
       {Layer{"1024x1024", 1024, 1024}, Layer{"300x784", 300, 784}, Layer{"100x300", 100, 300}}) {
    tell(layer.name);
    add_layer(layer, options.quick, layers);
  }
  MarkdownTable whole({"network", "constants", "RAM", "us", "ONNX Runtime, us", "speed",
                       "without the call", "its floats, us", "speed"});
  const double call = onnxruntime_call_time(options.quick);
  for (const Network& network : networks()) {
    if (!options.wants(network.name)) continue;
    tell(network.name);
    add_network(network, call, options.quick, whole);
  }
  return layers.text() + "\n" + whole.text() +
         fmt::format("\nA call of ONNX Runtime for a network of one Relu took {:.1f} us. {}.\n",
                     call, c_compiler());
}

}  // namespace

const BenchTable kCompileTable{
    .name = "compile",
    .title = "Programs in C",
    .about =
        "Single layers and networks that `qcompress compile --optimize speed` writes, built for "
        "this\n"
        "machine, one vector at a time on one core; medians. Layers take turns; *speed* is over "
        "the "
        "dense\n"
        "form. Networks are as the passes leave them, without training: *speed* is over ONNX "
        "Runtime's\n"
        "time for the same model from node on one thread, over that less what a call takes, and "
        "over "
        "that\n"
        "for the network in float, *its floats*.",
    .run = run,
};

}  // namespace qc::bench
