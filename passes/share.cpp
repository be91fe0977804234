// Weight sharing: the nonzero weights of a layer are replaced by 2^bits shared values, the
// centroids of one-dimensional k-means (Han et al., Deep Compression, arXiv 1510.00149, section 3),
// by samples of one whose errors count as much as their inputs (Kim et al., SqueezeLLM, arXiv
// 2306.07629), or of rounding with compensation (see rate_rounding.h).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "codecs/shared/element.h"
#include "core/error.h"
#include "core/float_types.h"
#include "core/random.h"
#include "core/zeros.h"
#include "passes/biases.h"
#include "passes/calibrated_layers.h"
#include "passes/kernels/fixed_point.h"
#include "passes/kernels/kmeans1d.h"
#include "passes/kernels/short_mantissas.h"
#include "passes/kernels/value_limit.h"
#include "passes/layer_factors.h"
#include "passes/outcome.h"
#include "passes/pass.h"
#include "passes/selection.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr auto kInits = make_choices<KMeansInit>({{"optimal", KMeansInit::kOptimal},
                                                  {"linear", KMeansInit::kLinear},
                                                  {"density", KMeansInit::kDensity},
                                                  {"random", KMeansInit::kRandom}});

enum class Method { kKMeans, kWeighted, kRate };
constexpr auto kMethods = make_choices<Method>(
    {{"kmeans", Method::kKMeans}, {"weighted", Method::kWeighted}, {"rate", Method::kRate}});

constexpr std::array kParams = {
    bits_param("bits", 16, "2^BITS shared values per layer; zeros stay zero and come on top"),
    bits_param("conv-bits", 16, "BITS for convolutions"),
    bits_param("fc-bits", 16, "BITS for everything that is no convolution"),
    kBiasesParam,
    ParamSpec{.name = "method",
              .kind = ParamKind::kChoice,
              .placeholder = "METHOD",
              .help = "how values are found: kmeans, of the weights alone; by samples (--data) "
                      "weighted, k-means in which weights count as their inputs do, or rate, which "
                      "makes up for each rounded weight in others and sets many to zero",
              .choices = kMethods.names(),
              .default_text = "kmeans"},
    ParamSpec{.name = "init",
              .kind = ParamKind::kChoice,
              .placeholder = "INIT",
              .help = "where k-means starts: optimal gives the smallest error; linear, density and "
                      "random are the Deep Compression paper's (it chose linear, for fine-tuning)",
              .choices = kInits.names(),
              .default_text = "optimal"},
    ParamSpec{.name = "seed",
              .kind = ParamKind::kInteger,
              .placeholder = "SEED",
              .help = "for --init random",
              .max = 4294967295,
              .default_text = "0"},
    ParamSpec{.name = "fixed-point",
              .kind = ParamKind::kInteger,
              .placeholder = "N",
              .help = "round the shared values to N-bit fixed point: N-bit two's-complement "
                      "integers times one power of two per layer, the smallest that holds them all",
              .min = 2,
              .max = 16},
    kIncludeParam,
    kExcludeParam,
};

// Centroids get the summed gradient of all their weights: what fits weights is far too fast.
constexpr std::array kTrainingDefaults = {
    ParamDefault{.name = "optimizer", .value = "adam"},
    ParamDefault{.name = "lr", .value = "0.0005"},
    ParamDefault{.name = "weight-decay", .value = "0"},
};

// Conv, ConvTranspose, FusedConv, QLinearConv, ConvInteger, DeformConv, NhwcConv, ...
bool is_convolution(const TensorInfo& tensor) {
  return tensor.op.find("Conv") != std::string::npos;
}

std::optional<std::int64_t> bits_for(const TensorInfo& tensor, const Params& params) {
  const auto own = params.integer(is_convolution(tensor) ? "conv-bits" : "fc-bits");
  return own ? own : params.integer("bits");
}

Method method_of(const Params& params) { return params.choice("method", kMethods).value(); }

bool calibrates(const Params& params) { return method_of(params) != Method::kKMeans; }

std::size_t most_values(std::int64_t bits) { return std::size_t{1} << bits; }

struct Settings {
  KMeansInit init = KMeansInit::kOptimal;
  std::uint64_t seed = 0;
  std::optional<int> fixed_point;
};

// The value next to zero, the positive one of two at the same distance.
double smallest_magnitude(std::span<const float> values) {
  return *std::ranges::min_element(
      values, {}, [](float value) { return std::pair(std::fabs(value), value < 0); });
}

// Of the squared error, for codebooks a third smaller.
constexpr double kRoundingExcess = 5e-6;

// Centroids as the tensor's type stores them. One that would be stored as zero would prune its
// weights silently: it becomes the smallest of them instead.
std::vector<double> storable(std::span<const float> nonzero, std::vector<double> centroids,
                             DataType type) {
  for (double& centroid : centroids) {
    centroid = stored_value(type, centroid);
    if (centroid == 0) centroid = smallest_magnitude(nonzero);
  }
  return centroids;
}

// The payload of `values` with every one but the zeros replaced by the nearest shared value.
Bytes with_shared_values(DataType type, std::span<const float> values,
                         std::span<const double> codebook) {
  const unsigned width = element_of(type).width;
  Bytes entries(codebook.size() * width);
  for (std::size_t i = 0; i < codebook.size(); ++i) store_value(type, entries, i, codebook[i]);
  const NearestCentroid nearest(codebook);
  Bytes bytes(values.size() * width);
  with_width(width, [&]<typename Bits>() {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0) continue;
      const std::size_t entry = nearest(values[i]);
      store_le(bytes.data() + i * sizeof(Bits),
               load_le<Bits>(entries.data() + entry * sizeof(Bits)));
    }
  });
  return bytes;
}

// A tensor that has no more values than are asked for.
Outcome left_alone(const OnnxModel& model, std::size_t index, std::size_t distinct) {
  const TensorInfo& tensor = model.tensors()[index];
  const ByteView payload = model.payload(tensor);
  Outcome outcome;
  outcome.tensor = index;
  if (count_zeros(tensor.type, payload).negative == 0) {
    outcome.skip_reason = fmt::format("has only {} distinct nonzero values", distinct);
    return outcome;
  }
  outcome.payload.assign(payload.begin(), payload.end());
  make_zeros_positive(tensor.type, outcome.payload);
  outcome.report = measure(model, tensor, outcome.payload);
  return outcome;
}

std::vector<float> nonzero_of(std::span<const float> values) {
  std::vector<float> nonzero;
  nonzero.reserve(values.size());
  std::ranges::copy_if(values, std::back_inserter(nonzero), [](float v) { return v != 0; });
  return nonzero;
}

// Shared values of one tensor; `grid` tells the fixed point they are in, where asked for.
// `importance` is that of each weight, or empty where all are alike.
Outcome share(const OnnxModel& model, std::size_t index, std::int64_t bits,
              const Settings& settings, std::span<const float> importance,
              std::optional<FixedPointGrid>& grid) {
  const TensorInfo& tensor = model.tensors()[index];
  Outcome outcome;
  outcome.tensor = index;
  const auto values = load_finite(model, tensor);
  if (!values) {
    outcome.skip_reason = kNotFinite;
    return outcome;
  }
  const std::vector<float> nonzero = nonzero_of(*values);
  KMeansResult clusters;
  if (importance.empty()) {
    clusters = kmeans_1d(nonzero, most_values(bits), settings.init,
                         stream_seed(settings.seed, StreamPurpose::kCentroids, index));
  } else {
    std::vector<float> of_nonzero;
    of_nonzero.reserve(nonzero.size());
    for (std::size_t i = 0; i < values->size(); ++i) {
      if ((*values)[i] != 0) of_nonzero.push_back(importance[i]);
    }
    clusters = weighted_kmeans_1d(nonzero, of_nonzero, most_values(bits));
  }
  if (clusters.centroids.empty() || (clusters.every_value && !settings.fixed_point)) {
    return left_alone(model, index, clusters.centroids.size());
  }
  std::vector<double> codebook;
  if (settings.fixed_point) {
    grid = fixed_point_grid(clusters.centroids, *settings.fixed_point, tensor.type);
    for (const double centroid : clusters.centroids) codebook.push_back(grid->round(centroid));
  } else {
    codebook = storable(nonzero, with_short_mantissas(clusters, kRoundingExcess), tensor.type);
  }
  codebook.erase(std::unique(codebook.begin(), codebook.end()), codebook.end());

  outcome.payload = with_shared_values(tensor.type, *values, codebook);
  outcome.report = measure(model, tensor, outcome.payload);
  outcome.report.iterations = clusters.iterations;
  return outcome;
}

// For each weight the mean square of its input, over the mean of all; dead columns count as the
// mean, since other inputs may need them.
std::vector<float> input_energies(const WeightLayer& layer, const Moments& moments) {
  const MatrixForm& form = layer.form;
  std::vector<double> energies;
  for (std::size_t g = 0; g < form.groups; ++g) {
    const std::vector<double> own = column_energies(moments, g, layer.bias.has_value());
    energies.insert(energies.end(), own.begin(), own.end());
  }
  const auto live = std::ranges::count_if(energies, [](double energy) { return energy > 0; });
  const double mean =
      live > 0 ? std::accumulate(energies.begin(), energies.end(), 0.0) / static_cast<double>(live)
               : 1;
  std::vector<float> matrices;
  matrices.reserve(form.size());
  for (std::size_t row = 0; row < form.groups * form.rows; ++row) {
    for (std::size_t i = 0; i < form.columns; ++i) {
      const double energy = energies[row / form.rows * form.columns + i];
      matrices.push_back(energy > 0 ? static_cast<float>(energy / mean) : 1);
    }
  }
  std::vector<float> elements(form.size());
  form.scatter(matrices, elements);
  return elements;
}

Outcome share_by_rate(const OnnxModel& model, const WeightLayer& layer, const Moments& moments,
                      std::int64_t bits, unsigned threads) {
  const TensorInfo& tensor = model.tensors()[layer.tensor];
  std::vector<float> values = values_of(model, layer.tensor);
  const std::size_t distinct = BinnedSample::exact(nonzero_of(values)).size();
  if (distinct <= most_values(bits)) return left_alone(model, layer.tensor, distinct);
  const MatrixForm& form = layer.form;
  const std::vector<float> weights = form.gather(values);
  const std::vector<InverseFactor> factors =
      layer_factors(layer, &moments, rounding_order(form), threads);
  const std::vector<double> importance(form.groups * form.rows, 1);
  const RateRounding rounding = round_to_few_values({.groups = form.groups,
                                                     .rows = form.rows,
                                                     .columns = form.columns,
                                                     .weights = weights,
                                                     .factors = factors,
                                                     .importance = importance,
                                                     .type = tensor.type,
                                                     .zeros_stay = true},
                                                    most_values(bits), threads);
  form.scatter(rounding.values, values);
  Outcome outcome;
  outcome.tensor = layer.tensor;
  outcome.payload = payload_of(model, layer.tensor, values);
  make_zeros_positive(tensor.type, outcome.payload);
  outcome.report = measure(model, tensor, outcome.payload);
  return outcome;
}

std::string fixed_point_note(const TensorReport& report, const FixedPointGrid& grid) {
  std::string note =
      fmt::format("{}: {}-bit fixed point in steps of 2^{}", report.name, grid.bits, grid.exponent);
  if (const auto lost = report.nonzero_before - report.nonzero_after; lost > 0) {
    note += fmt::format(", {} weights rounded to zero", lost);
  }
  return note;
}

void check(const Params& params) {
  constexpr std::array<std::string_view, 3> kWeightBits = {"bits", "conv-bits", "fc-bits"};
  const bool of_weights =
      std::ranges::any_of(kWeightBits, [&](std::string_view name) { return params.has(name); });
  if (!of_weights && !params.has("biases")) {
    throw Error(ErrorCode::kUsage,
                "say how many shared values there may be: --bits, --conv-bits or --fc-bits (or "
                "--biases)");
  }
  if (!calibrates(params)) return;
  const std::string method = params.choice("method");
  if (!of_weights) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--method {} needs --bits, --conv-bits or --fc-bits", method));
  }
  const auto refuse = [&](std::string_view name) {
    throw Error(ErrorCode::kUsage, fmt::format("--{} does not go with --method {}", name, method));
  };
  // A recipe may spell out the default, and its seed is for all steps.
  if (params.choice("init", kInits) != KMeansInit::kOptimal) refuse("init");
  if (method_of(params) == Method::kRate && params.has("fixed-point")) refuse("fixed-point");
}

Settings settings_of(const Params& params) {
  Settings settings;
  settings.init = params.choice("init", kInits).value();
  settings.seed = static_cast<std::uint64_t>(params.integer("seed").value());
  if (const auto n = params.integer("fixed-point")) settings.fixed_point = static_cast<int>(*n);
  return settings;
}

// The tensors to share, with their bits.
std::map<std::size_t, std::int64_t> choose_bits(const OnnxModel& model, const Params& params,
                                                Selection& selection) {
  std::map<std::size_t, std::int64_t> chosen;
  for (const std::size_t tensor : selection.chosen()) {
    const TensorInfo& info = model.tensors()[tensor];
    if (const auto bits = bits_for(info, params)) {
      chosen[tensor] = *bits;
    } else {
      selection.skip(tensor, is_convolution(info) ? "no --conv-bits given" : "no --fc-bits given");
    }
  }
  return chosen;
}

// Rounds biases that were asked for, from what they became already.
void shorten_biases(const OnnxModel& model, const Params& params, std::vector<Outcome>& outcomes) {
  for (const FormedTensor& bias : bias_forms(model, params)) {
    const auto found = std::ranges::find(outcomes, bias.tensor, &Outcome::tensor);
    if (found != outcomes.end()) {
      *found = shorten_bias(model, bias, Bytes(found->payload));
    } else {
      outcomes.push_back(shorten_bias(model, bias, model.payload(model.tensors()[bias.tensor])));
    }
  }
}

PassReport run(const OnnxModel& model, const Params& params, const PassContext& context,
               PayloadEdits& edits) {
  check(params);
  const Settings settings = settings_of(params);
  Selection selection(model, params, "share");
  const std::map<std::size_t, std::int64_t> bits = choose_bits(model, params, selection);
  const std::vector<std::size_t> chosen = selection.chosen();
  std::map<std::size_t, std::optional<FixedPointGrid>> grids;
  for (const std::size_t tensor : chosen) grids[tensor];
  const auto plain = [&](std::size_t tensor) {
    return share(model, tensor, bits.at(tensor), settings, {}, grids.at(tensor));
  };
  std::vector<Outcome> outcomes(chosen.size());
  std::vector<std::string> notes;
  if (calibrates(params)) {
    const std::string name = params.choice("method");
    CalibratedMethod method{.name = name, .fallback_text = "shared by plain k-means"};
    method.fallback = plain;
    method.change = [&](const WeightLayer& layer, const Moments& moments) {
      const std::int64_t own = bits.at(layer.tensor);
      if (method_of(params) == Method::kRate) {
        return share_by_rate(model, layer, moments, own, context.threads);
      }
      return share(model, layer.tensor, own, settings, input_energies(layer, moments),
                   grids.at(layer.tensor));
    };
    outcomes = change_by_samples(model, params, chosen, method, context, notes);
  } else {
    parallel_for(chosen.size(), context.threads,
                 [&](std::size_t i) { outcomes[i] = plain(chosen[i]); });
  }
  for (const Outcome& outcome : outcomes) {
    const auto grid = grids.find(outcome.tensor);
    if (grid == grids.end() || !grid->second) continue;
    notes.push_back(fixed_point_note(outcome.report, *grid->second));
  }
  shorten_biases(model, params, outcomes);
  std::ranges::sort(outcomes, {}, &Outcome::tensor);
  for (const Outcome& outcome : outcomes) selection.take(outcome.tensor);
  PassReport report = collect(model, std::move(selection), std::move(outcomes), edits);
  report.notes.insert(report.notes.end(), notes.begin(), notes.end());
  report.seeded = settings.init == KMeansInit::kRandom;
  report.seed = settings.seed;
  return report;
}

}  // namespace

const Pass kSharePass{
    .name = "share",
    .suffix = "shared",
    .help = "Replace the weights of every layer by a few shared values.",
    .example = "qcompress share pruned.onnx --conv-bits 8 --fc-bits 5 -o shared.onnx",
    .params = kParams,
    .check = check,
    .run = run,
    .calibrates = calibrates,
    .forms = bias_forms,
    .fine_tuning = {.keep = Keep::kShared, .defaults = kTrainingDefaults},
};

}  // namespace qc
