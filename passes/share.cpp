// Weight sharing: the nonzero weights of a layer are replaced by 2^bits shared values, the
// centroids of one-dimensional k-means (Han et al., Deep Compression, arXiv 1510.00149, section 3).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "codecs/shared/element.h"
#include "core/error.h"
#include "core/float_types.h"
#include "core/random.h"
#include "core/zeros.h"
#include "passes/biases.h"
#include "passes/kernels/fixed_point.h"
#include "passes/kernels/kmeans1d.h"
#include "passes/kernels/short_mantissas.h"
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

constexpr std::array kParams = {
    bits_param("bits", 16, "2^BITS shared values per layer; zeros stay zero and come on top"),
    bits_param("conv-bits", 16, "BITS for convolutions"),
    bits_param("fc-bits", 16, "BITS for everything that is no convolution"),
    kBiasesParam,
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

// Shared values of one tensor; `grid` tells the fixed point they are in, where asked for.
Outcome share(const OnnxModel& model, std::size_t index, std::int64_t bits,
              const Settings& settings, std::optional<FixedPointGrid>& grid) {
  const TensorInfo& tensor = model.tensors()[index];
  Outcome outcome;
  outcome.tensor = index;
  const auto values = load_finite(model, tensor);
  if (!values) {
    outcome.skip_reason = kNotFinite;
    return outcome;
  }
  std::vector<float> nonzero;
  nonzero.reserve(values->size());
  std::ranges::copy_if(*values, std::back_inserter(nonzero), [](float v) { return v != 0; });
  const KMeansResult clusters =
      kmeans_1d(nonzero, std::size_t{1} << bits, settings.init,
                stream_seed(settings.seed, StreamPurpose::kCentroids, index));
  if (clusters.centroids.empty() || (clusters.every_value && !settings.fixed_point)) {
    const ByteView payload = model.payload(tensor);
    if (count_zeros(tensor.type, payload).negative > 0) {
      outcome.payload.assign(payload.begin(), payload.end());
      make_zeros_positive(tensor.type, outcome.payload);
      outcome.report = measure(model, tensor, outcome.payload);
      return outcome;
    }
    outcome.skip_reason =
        fmt::format("has only {} distinct nonzero values", clusters.centroids.size());
    return outcome;
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

std::string fixed_point_note(const TensorReport& report, const FixedPointGrid& grid) {
  std::string note =
      fmt::format("{}: {}-bit fixed point in steps of 2^{}", report.name, grid.bits, grid.exponent);
  if (const auto lost = report.nonzero_before - report.nonzero_after; lost > 0) {
    note += fmt::format(", {} weights rounded to zero", lost);
  }
  return note;
}

void check(const Params& params) {
  constexpr std::array<std::string_view, 4> kAmounts = {"bits", "conv-bits", "fc-bits", "biases"};
  if (std::ranges::none_of(kAmounts, [&](std::string_view name) { return params.has(name); })) {
    throw Error(ErrorCode::kUsage,
                "say how many shared values there may be: --bits, --conv-bits or --fc-bits (or "
                "--biases)");
  }
}

PassReport run(const OnnxModel& model, const Params& params, unsigned threads,
               PayloadEdits& edits) {
  check(params);
  Settings settings;
  settings.init = params.choice("init", kInits).value();
  settings.seed = static_cast<std::uint64_t>(params.integer("seed").value());
  if (const auto n = params.integer("fixed-point")) settings.fixed_point = static_cast<int>(*n);

  Selection selection(model, params, "share");
  std::vector<std::pair<std::size_t, std::int64_t>> work;
  for (const std::size_t tensor : selection.chosen()) {
    const TensorInfo& info = model.tensors()[tensor];
    if (const auto bits = bits_for(info, params)) {
      work.emplace_back(tensor, *bits);
    } else {
      selection.skip(tensor, is_convolution(info) ? "no --conv-bits given" : "no --fc-bits given");
    }
  }

  std::vector<Outcome> outcomes(work.size());
  std::vector<std::optional<FixedPointGrid>> grids(work.size());
  parallel_for(work.size(), threads, [&](std::size_t i) {
    outcomes[i] = share(model, work[i].first, work[i].second, settings, grids[i]);
  });
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (grids[i]) notes.push_back(fixed_point_note(outcomes[i].report, *grids[i]));
  }
  for (const FormedTensor& bias : bias_forms(model, params)) {
    selection.take(bias.tensor);
    outcomes.push_back(shorten_bias(model, bias));
  }
  std::ranges::sort(outcomes, {}, &Outcome::tensor);
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
    .help = "Replace the weights of every layer by a few shared values (k-means).",
    .example = "qcompress share pruned.onnx --conv-bits 8 --fc-bits 5 -o shared.onnx",
    .params = kParams,
    .check = check,
    .run = run,
    .forms = bias_forms,
    .fine_tuning = {.keep = Keep::kShared, .defaults = kTrainingDefaults},
};

}  // namespace qc
