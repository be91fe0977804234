#include "pipeline/output_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string_view>

#include "core/float_types.h"

namespace qc {
namespace {

// Operators that hand elements on as they are, so that scores before them are scores behind.
constexpr std::array<std::string_view, 4> kHandOn = {"Identity", "Cast", "Dropout", "Log"};

struct ScoresOf {
  std::int64_t axis;
  bool logarithms;
};

// Whether a value is made of scores: by the nodes that make it.
std::optional<ScoresOf> made_by_softmax(const std::map<std::string_view, const Node*>& makers,
                                        std::string_view value, const ModelGraph& model) {
  // Until opset 12 the axis was 1 where none was given, and all behind it belonged to the classes.
  const std::int64_t otherwise = model.opset() < 13 ? 1 : -1;
  bool logarithms = false;
  for (std::size_t hops = 0; hops <= model.main.nodes.size(); ++hops) {
    const auto maker = makers.find(value);
    if (maker == makers.end()) return std::nullopt;
    const Node& node = *maker->second;
    if (node.op == "Softmax" || node.op == "LogSoftmax") {
      const auto* axis = node.get<std::int64_t>("axis");
      return ScoresOf{axis != nullptr ? *axis : otherwise, logarithms || node.op == "LogSoftmax"};
    }
    if (std::ranges::find(kHandOn, node.op) == kHandOn.end() || node.inputs.empty()) {
      return std::nullopt;
    }
    logarithms = logarithms || node.op == "Log";
    value = node.inputs.front();
  }
  return std::nullopt;
}

// The axis over which an ArgMax looks at a value.
std::optional<ScoresOf> read_by_arg_max(const Graph& graph, std::string_view value) {
  for (const Node& node : graph.nodes) {
    if (node.op != "ArgMax" || node.inputs.empty() || node.inputs.front() != value) continue;
    const auto* axis = node.get<std::int64_t>("axis");
    return ScoresOf{axis != nullptr ? *axis : 0, false};
  }
  return std::nullopt;
}

template <typename T>
void widen(const HostTensor& tensor, std::vector<double>& values) {
  std::vector<T> elements(tensor.bytes.size() / sizeof(T));
  if (!elements.empty()) std::memcpy(elements.data(), tensor.bytes.data(), tensor.bytes.size());
  for (const T element : elements) values.push_back(static_cast<double>(element));
}

std::vector<double> as_doubles(const HostTensor& tensor) {
  std::vector<double> values;
  switch (tensor.type) {
    case DataType::kDouble:
      widen<double>(tensor, values);
      break;
    case DataType::kInt64:
      widen<std::int64_t>(tensor, values);
      break;
    case DataType::kInt32:
      widen<std::int32_t>(tensor, values);
      break;
    case DataType::kInt16:
      widen<std::int16_t>(tensor, values);
      break;
    case DataType::kInt8:
      widen<std::int8_t>(tensor, values);
      break;
    case DataType::kUint8:
    case DataType::kBool:
      widen<std::uint8_t>(tensor, values);
      break;
    default:
      if (is_value_type(tensor.type)) {
        const std::vector<float> floats = load_floats(tensor.type, tensor.bytes);
        values.assign(floats.begin(), floats.end());
      }
  }
  return values;
}

// The scores of one position: `classes` values, `step` apart.
struct Position {
  const double* first;
  std::size_t step;
  std::size_t classes;

  double operator[](std::size_t i) const { return first[i * step]; }

  std::size_t arg_max() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < classes; ++i) {
      if ((*this)[i] > (*this)[best]) best = i;
    }
    return best;
  }

  bool has_nan() const {
    for (std::size_t i = 0; i < classes; ++i) {
      if (std::isnan((*this)[i])) return true;
    }
    return false;
  }
};

std::vector<double> probabilities(const JudgedOutput& output, const Position& scores) {
  std::vector<double> p(scores.classes);
  double sum = 0;
  const double largest = scores[scores.arg_max()];
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] = output.probabilities ? std::max(scores[i], 0.0) : std::exp(scores[i] - largest);
    sum += p[i];
  }
  for (double& each : p) each /= sum > 0 ? sum : 1;
  return p;
}

double divergence(const std::vector<double>& p, const std::vector<double>& q) {
  // Below what float32 tells from zero beside one.
  constexpr double kLeast = 1e-12;
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] > 0) sum += p[i] * std::log(p[i] / std::max(q[i], kLeast));
  }
  return std::max(sum, 0.0);
}

// Where the scores of an output lie, which has so many values that are numbers: no positions where
// its shape has not the axis.
struct ScoreGrid {
  ScoreGrid(const JudgedOutput& output, const HostTensor& tensor, std::size_t values) {
    const auto rank = static_cast<std::int64_t>(tensor.dims.size());
    std::int64_t axis = output.scores_axis.value();
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return;
    if (values == 0) return;
    classes = static_cast<std::size_t>(tensor.dims[static_cast<std::size_t>(axis)]);
    for (std::int64_t i = axis + 1; i < rank; ++i) {
      inner *= static_cast<std::size_t>(tensor.dims[static_cast<std::size_t>(i)]);
    }
    positions = values / classes;
  }

  Position at(const std::vector<double>& values, std::size_t position) const {
    return {&values[position / inner * classes * inner + position % inner], inner, classes};
  }

  std::size_t classes = 0;
  std::size_t inner = 1;
  std::size_t positions = 0;
};

void compare_scores(const JudgedOutput& output, const HostTensor& reference,
                    const std::vector<double>& a, const std::vector<double>& b,
                    std::optional<std::int64_t> label, SampleCloseness& closeness) {
  const ScoreGrid grid(output, reference, a.size());
  closeness.positions += grid.positions;
  closeness.labelled = label && grid.positions == 1;
  for (std::size_t i = 0; i < grid.positions; ++i) {
    const Position one = grid.at(a, i);
    if (closeness.labelled) {
      closeness.reference_correct = one.arg_max() == static_cast<std::uint64_t>(*label);
    }
    if (b.size() != a.size()) continue;
    const Position other = grid.at(b, i);
    if (other.has_nan()) continue;
    if (one.arg_max() == other.arg_max()) ++closeness.agreeing;
    if (closeness.labelled) {
      closeness.correct = other.arg_max() == static_cast<std::uint64_t>(*label);
    }
    closeness.kl += divergence(probabilities(output, one), probabilities(output, other));
  }
}

}  // namespace

std::vector<JudgedOutput> judged_outputs(const ModelGraph& model) {
  const Graph& graph = model.main;
  std::map<std::string_view, const Node*> makers;
  for (const Node& node : graph.nodes) {
    for (const std::string& output : node.outputs) makers[output] = &node;
  }
  std::vector<JudgedOutput> outputs;
  for (const GraphValue& value : graph.outputs) {
    JudgedOutput output{.name = value.name};
    if (const auto softmax = made_by_softmax(makers, value.name, model)) {
      output.scores_axis = softmax->axis;
      output.probabilities = !softmax->logarithms;
    } else if (const auto arg_max = read_by_arg_max(graph, value.name)) {
      output.scores_axis = arg_max->axis;
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

std::vector<std::int64_t> arg_maxima(const JudgedOutput& output, const HostTensor& tensor) {
  std::vector<std::int64_t> classes;
  if (!output.scores_axis || !tensor.strings.empty()) return classes;
  const std::vector<double> values = as_doubles(tensor);
  const ScoreGrid grid(output, tensor, values.size());
  for (std::size_t i = 0; i < grid.positions; ++i) {
    classes.push_back(static_cast<std::int64_t>(grid.at(values, i).arg_max()));
  }
  return classes;
}

SampleCloseness compare_outputs(const JudgedOutput& output, const HostTensor& reference,
                                const HostTensor& other, std::optional<std::int64_t> label) {
  SampleCloseness closeness;
  if (!reference.strings.empty() || !other.strings.empty()) {
    closeness.positions = 1;
    closeness.agreeing = reference.strings == other.strings ? 1 : 0;
    return closeness;
  }
  const std::vector<double> a = as_doubles(reference);
  std::vector<double> b = as_doubles(other);
  const bool same_shape = reference.dims == other.dims && a.size() == b.size();
  if (!same_shape) b.clear();
  for (std::size_t i = 0; i < a.size(); ++i) {
    // What is missing or no number is as far off as nothing at all.
    const double value = i < b.size() && std::isfinite(b[i]) ? b[i] : 0;
    const double own = std::isfinite(a[i]) ? a[i] : 0;
    closeness.signal += own * own;
    closeness.other += value * value;
    closeness.product += own * value;
    closeness.noise += (own - value) * (own - value);
    closeness.max_error = std::max(closeness.max_error, std::fabs(own - value));
  }
  if (output.scores_axis) compare_scores(output, reference, a, b, label, closeness);
  return closeness;
}

OutputMetrics output_metrics(const JudgedOutput& output,
                             const std::vector<SampleCloseness>& samples) {
  SampleCloseness sum;
  OutputMetrics metrics;
  for (const SampleCloseness& each : samples) {
    sum.positions += each.positions;
    sum.agreeing += each.agreeing;
    sum.kl += each.kl;
    if (each.labelled) ++metrics.labelled;
    if (each.correct) metrics.accuracy += 1;
    if (each.reference_correct) metrics.reference_accuracy += 1;
    sum.signal += each.signal;
    sum.noise += each.noise;
    sum.other += each.other;
    sum.product += each.product;
    sum.max_error = std::max(sum.max_error, each.max_error);
  }
  metrics.name = output.name;
  metrics.samples = samples.size();
  metrics.positions = sum.positions;
  const auto positions = static_cast<double>(std::max<std::uint64_t>(sum.positions, 1));
  metrics.agreement = static_cast<double>(sum.agreeing) / positions;
  metrics.kl = sum.kl / positions;
  if (metrics.labelled > 0) {
    metrics.accuracy /= static_cast<double>(metrics.labelled);
    metrics.reference_accuracy /= static_cast<double>(metrics.labelled);
  }
  metrics.snr_db = sum.noise > 0 ? 10 * std::log10(sum.signal / sum.noise)
                                 : std::numeric_limits<double>::infinity();
  const double norm = std::sqrt(sum.signal * sum.other);
  metrics.cosine = norm > 0 ? sum.product / norm : (sum.noise > 0 ? 0 : 1);
  metrics.max_error = sum.max_error;
  return metrics;
}

}  // namespace qc
