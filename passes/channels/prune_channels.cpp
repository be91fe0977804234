#include "passes/channels/prune_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "core/error.h"
#include "passes/calibrated_layers.h"
#include "passes/channels/channel_criteria.h"
#include "passes/channels/network_channels.h"
#include "passes/glob.h"
#include "passes/kernels/lockstep.h"
#include "passes/layer_factors.h"
#include "passes/named_amounts.h"
#include "passes/outcome.h"
#include "passes/prune_params.h"
#include "passes/selection.h"
#include "passes/weight_layers.h"

namespace qc {
namespace {

constexpr double kDamping = 0.01;  // of the fit, in means of the diagonal
constexpr int kMostFaults = 16;
// With --scope global no group loses more than this.
constexpr double kMostOfGroup = 0.9;

bool fits_layers(const Params& params) {
  return params.choice("method", kPruneMethods) == PruneMethod::kObs;
}

ChannelCriterion criterion_of(const Params& params) {
  const auto given = params.choice("criterion", kChannelCriteria);
  if (given) return *given;
  return fits_layers(params) ? ChannelCriterion::kHessian : ChannelCriterion::kL1;
}

bool counts_over_all(const Params& params) {
  return params.choice("scope", kPruneScopes) == PruneScope::kGlobal;
}

// Which channels of a model may go, and how many of each group do.
class ChannelPlan {
 public:
  ChannelPlan(const OnnxModel& model, const Params& params)
      : model_(model), params_(params), selection_(model, params, "prune") {
    for (const SkippedTensor& skipped : selection_.skipped()) {
      fixed_.outputs.try_emplace(skipped.name, skipped.reason);
    }
    find();
  }

  const NetworkChannels& channels() const { return channels_; }
  const std::vector<ChannelGroup>& groups() const { return channels_.found.groups; }

  // Finds the channels anew, with a node that is not seen through.
  void fix(const ShapeFault& fault) {
    fixed_.nodes.try_emplace(fault.output, fault.what);
    find();
  }

  // The weights that make the channels of a group, as indices into the tensors of the model.
  std::vector<std::size_t> filters(const ChannelGroup& group) const {
    std::vector<std::size_t> filters;
    for (const ChannelSlice& slice : group.channels.front().slices) {
      const std::size_t index = channels_.tensor_of(slice);
      if (is_filter(model_.tensors()[index], slice)) filters.push_back(index);
    }
    return filters;
  }

  // Weights all of whose output channels stay, and why.
  std::vector<SkippedTensor> kept() const {
    std::set<std::size_t> cut;
    for (const ChannelGroup& group : groups()) {
      for (const std::size_t filter : filters(group)) cut.insert(filter);
    }
    const Coupling& coupling = *channels_.found.coupling;
    std::vector<SkippedTensor> kept;
    for (const auto& [name, index] : channels_.tensors) {
      const TensorInfo& tensor = model_.tensors()[index];
      const Dims* dims = coupling.dims(name);
      const auto axis = static_cast<std::size_t>(tensor.channel_axis);
      if (tensor.role != Role::kWeight || cut.contains(index) || !tensor.has_values()) continue;
      std::string reason = "its output channels are not known";
      if (tensor.channel_axis >= 0 && dims != nullptr && (*dims)[axis] > 0) {
        const std::string& found = coupling.reason(coupling.first(name, axis));
        reason = found.empty() ? "no layer is known to make its channels" : found;
      }
      kept.push_back({tensor.name, tensor.count(), std::move(reason)});
    }
    std::ranges::sort(kept, {}, &SkippedTensor::name);
    return kept;
  }

  // How many channels of each group go, but for --scope global.
  std::vector<std::size_t> counts() const {
    const std::map<std::size_t, double> rates =
        named_amounts(params_, "layer", kPruneRateParam, selection_);
    const std::map<std::size_t, double> left =
        named_amounts(params_, "channels", kChannelCountRange, selection_);
    std::vector<std::size_t> counts;
    for (const ChannelGroup& group : groups()) {
      const auto size = static_cast<double>(group.channels.size());
      double gone = size * params_.number("rate").value_or(0);
      for (const std::size_t filter : filters(group)) {
        if (const auto own = rates.find(filter); own != rates.end()) gone = size * own->second;
        if (const auto own = left.find(filter); own != left.end()) {
          gone = size - left_of(group, filter, own->second);
        }
      }
      counts.push_back(rounded(group, gone));
    }
    return counts;
  }

  // A whole number of channels, such that a multiple of --round-to is left, and one at least.
  std::size_t rounded(const ChannelGroup& group, double gone) const {
    const std::size_t size = group.channels.size();
    const auto step = static_cast<std::size_t>(params_.integer("round-to").value_or(1));
    constexpr double kSlack = 1e-9;  // 0.7 * 10 is below 7
    const auto whole = static_cast<std::size_t>(std::max(gone + kSlack, 0.0));
    const std::size_t left = std::max<std::size_t>(size - std::min(whole, size), 1);
    return size - std::min((left + step - 1) / step * step, size);
  }

  // How many channels of a group stay where a tensor is to keep `channels` of its outputs.
  double left_of(const ChannelGroup& group, std::size_t filter, double channels) const {
    const TensorInfo& tensor = model_.tensors()[filter];
    const auto all =
        static_cast<double>(tensor.dims[static_cast<std::size_t>(tensor.channel_axis)]);
    return std::min(channels / all, 1.0) * static_cast<double>(group.channels.size());
  }

 private:
  void find() { channels_ = find_channels(model_, fixed_); }

  const OnnxModel& model_;
  const Params& params_;
  Selection selection_;
  FixedParts fixed_;
  NetworkChannels channels_;
};

// The channels of a group, those that matter least first; of equal ones the last.
std::vector<std::size_t> by_score(const std::vector<double>& scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return scores[i]; });
  return order;
}

// How many go of each group where all are ranked together.
std::vector<std::size_t> counts_over_all(const ChannelPlan& plan, double rate,
                                         const std::vector<std::vector<double>>& scores) {
  struct Ranked {
    double score;
    std::size_t group;
  };
  std::vector<Ranked> ranked;
  std::size_t all = 0;
  for (std::size_t g = 0; g < scores.size(); ++g) {
    all += scores[g].size();
    const std::vector<std::size_t> order = by_score(scores[g]);
    const auto most = static_cast<std::size_t>(static_cast<double>(order.size()) * kMostOfGroup);
    for (std::size_t i = 0; i < most; ++i) ranked.push_back({scores[g][order[i]], g});
  }
  std::ranges::stable_sort(ranked, {}, &Ranked::score);
  const auto wanted = static_cast<std::size_t>(static_cast<double>(all) * rate + 1e-9);
  std::vector<double> counts(scores.size());
  for (std::size_t i = 0; i < std::min(wanted, ranked.size()); ++i) ++counts[ranked[i].group];
  std::vector<std::size_t> rounded;
  for (std::size_t g = 0; g < counts.size(); ++g) {
    rounded.push_back(plan.rounded(plan.groups()[g], counts[g]));
  }
  return rounded;
}

// Those of each group that go, by the index of the channel.
std::vector<std::vector<std::size_t>> choose(const OnnxModel& model, const ChannelPlan& plan,
                                             const Params& params, const PassContext& context,
                                             std::vector<std::string>& notes) {
  const auto scores = score_channels(model, plan.channels(), criterion_of(params), context, notes);
  const std::vector<std::size_t> counts =
      counts_over_all(params) ? counts_over_all(plan, params.number("rate").value(), scores)
                              : plan.counts();
  std::vector<std::vector<std::size_t>> chosen;
  for (std::size_t g = 0; g < scores.size(); ++g) {
    std::vector<std::size_t> order = by_score(scores[g]);
    order.resize(counts[g]);
    chosen.push_back(std::move(order));
  }
  return chosen;
}

// The columns that go of a layer's matrices, by group.
using GoneColumns = std::vector<std::vector<std::uint32_t>>;

std::map<std::size_t, GoneColumns> gone_columns(
    const OnnxModel& model, const ChannelPlan& plan,
    const std::vector<std::vector<std::size_t>>& chosen) {
  std::map<std::size_t, std::map<std::size_t, std::set<std::size_t>>> places;  // by tensor, axis
  for (std::size_t g = 0; g < chosen.size(); ++g) {
    for (const std::size_t channel : chosen[g]) {
      for (const ChannelSlice& slice : plan.groups()[g].channels[channel].slices) {
        const std::size_t index = plan.channels().tensor_of(slice);
        if (model.tensors()[index].channel_axis == static_cast<int>(slice.axis)) continue;
        places[index][slice.axis].insert(slice.places.begin(), slice.places.end());
      }
    }
  }
  std::map<std::size_t, GoneColumns> gone;
  for (const WeightLayer& layer : find_layers(model, {})) {
    const auto found = places.find(layer.tensor);
    if (found == places.end() || layer.form.is_table || found->second.size() != 1) continue;
    const auto& [axis, removed] = *found->second.begin();
    const std::vector<std::size_t> list(removed.begin(), removed.end());
    GoneColumns& columns = gone[layer.tensor];
    for (std::size_t group = 0; group < layer.form.groups; ++group) {
      columns.push_back(
          columns_at(model.tensors()[layer.tensor].dims, layer.form, group, axis, list));
    }
  }
  return gone;
}

// What is left of the matrices when columns go, and the others do what they can.
std::vector<float> fitted(const WeightLayer& layer, const Moments& moments, const GoneColumns& gone,
                          std::vector<float> weights) {
  const MatrixForm& form = layer.form;
  const std::size_t size = form.rows * form.columns;
  for (std::size_t group = 0; group < form.groups; ++group) {
    if (gone[group].empty()) continue;
    // The network behind the pruned layer has zeros in these columns.
    std::vector<double> cross = second_moments(moments, group, layer.bias.has_value());
    for (const std::uint32_t column : gone[group]) {
      for (std::size_t i = 0; i < form.columns; ++i) cross[i * form.columns + column] = 0;
    }
    std::vector<double> second = cross;
    for (const std::uint32_t column : gone[group]) {
      std::fill_n(second.begin() + static_cast<std::ptrdiff_t>(column * form.columns), form.columns,
                  0.0);
    }
    const std::span<float> matrix = std::span(weights).subspan(group * size, size);
    const std::vector<float> after =
        lockstep_weights(matrix, form.rows, form.columns, second, cross, kDamping);
    std::ranges::copy(after, matrix.begin());
    for (const std::uint32_t column : gone[group]) {
      for (std::size_t row = 0; row < form.rows; ++row) matrix[row * form.columns + column] = 0;
    }
  }
  return weights;
}

// The model with layers that make up for the columns that they are about to lose.
OnnxModel with_fitted_layers(const OnnxModel& model, const Params& params,
                             const std::map<std::size_t, GoneColumns>& gone,
                             const PassContext& context, std::vector<std::string>& notes) {
  std::vector<std::size_t> tensors;
  tensors.reserve(gone.size());
  for (const auto& [tensor, columns] : gone) tensors.push_back(tensor);
  if (tensors.empty()) return model;
  const auto outcome_of = [&](std::size_t tensor, std::span<const float> values) {
    Outcome outcome;
    outcome.tensor = tensor;
    outcome.payload = payload_of(model, tensor, values);
    outcome.report = measure(model, model.tensors()[tensor], outcome.payload);
    return outcome;
  };
  CalibratedMethod method{.name = "obs", .fallback_text = "left as they were"};
  method.takes_tables = false;
  method.change = [&](const WeightLayer& layer, const Moments& moments) {
    std::vector<float> values = values_of(model, layer.tensor);
    layer.form.scatter(fitted(layer, moments, gone.at(layer.tensor), layer.form.gather(values)),
                       values);
    return outcome_of(layer.tensor, values);
  };
  method.fallback = [&](std::size_t tensor) {
    return outcome_of(tensor, values_of(model, tensor));
  };
  PayloadEdits edits;
  for (Outcome& outcome : change_by_samples(model, params, tensors, method, context, notes)) {
    edits[outcome.tensor] = std::move(outcome.payload);
  }
  return model.edited(std::move(edits));
}

std::uint64_t count_weights(const OnnxModel& model) {
  std::uint64_t count = 0;
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.role != Role::kOther) count += tensor.count();
  }
  return count;
}

ChannelReport report_of(const OnnxModel& model, const ChannelPlan& plan, const ChannelGroup& group,
                        std::size_t gone) {
  ChannelReport report;
  std::set<std::string> constants;
  for (const ChannelSlice& slice : group.channels.front().slices) constants.insert(slice.constant);
  for (const std::size_t filter : plan.filters(group)) {
    report.weights.push_back(model.tensors()[filter].name);
    constants.erase(model.tensors()[filter].name);
  }
  report.tied = constants.size();
  report.before = group.channels.size();
  report.after = report.before - gone;
  return report;
}

void report_channels(const OnnxModel& model, const OnnxModel& result, const ChannelPlan& plan,
                     const std::vector<std::vector<std::size_t>>& chosen, PassReport& report) {
  ChannelsReport channels;
  for (std::size_t g = 0; g < chosen.size(); ++g) {
    channels.groups.push_back(report_of(model, plan, plan.groups()[g], chosen[g].size()));
  }
  channels.weights_before = count_weights(model);
  channels.weights_after = count_weights(result);
  channels.multiplications_before = count_multiplications(model, plan.channels().shapes);
  channels.multiplications_after = count_multiplications(result, infer_shapes(result, {}));
  report.channels = std::move(channels);
  report.skipped = plan.kept();
}

}  // namespace

void check_channel_params(const Params& params) {
  for (const std::string_view name : {"threshold", "std-factor"}) {
    if (!params.has(name)) continue;
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--structured channels takes --rate, --layer or --channels, not --{}", name));
  }
  if (!params.has("rate") && !params.has("layer") && !params.has("channels")) {
    throw Error(ErrorCode::kUsage,
                "say how many channels are to go: --rate, --layer or --channels");
  }
  if (counts_over_all(params) &&
      (!params.has("rate") || params.has("layer") || params.has("channels"))) {
    throw Error(ErrorCode::kUsage,
                "--scope global needs --rate, and goes with neither --layer nor --channels");
  }
}

bool channels_need_samples(const Params& params) {
  return fits_layers(params) || needs_samples(criterion_of(params));
}

OnnxModel prune_channels(const OnnxModel& model, const Params& params, const PassContext& context,
                         PassReport& report) {
  ChannelPlan plan(model, params);
  for (int faults = 0;; ++faults) {
    if (plan.groups().empty()) {
      const std::vector<SkippedTensor> kept = plan.kept();
      const std::string why = kept.empty() ? ""
                                           : fmt::format(": of {}, for example, because of {}",
                                                         kept.front().name, kept.front().reason);
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("no layer's output channels can be removed{}", why));
    }
    std::vector<std::string> notes;
    const auto chosen = choose(model, plan, params, context, notes);
    const bool fits = fits_layers(params);
    const OnnxModel base =
        fits ? with_fitted_layers(model, params, gone_columns(model, plan, chosen), context, notes)
             : model;
    std::set<std::size_t> removed;
    for (std::size_t g = 0; g < chosen.size(); ++g) {
      for (const std::size_t channel : chosen[g]) {
        removed.insert(plan.groups()[g].channels[channel].set);
      }
    }
    OnnxModel result = without_channels(base, plan.channels(), removed);
    const auto fault = find_shape_fault(result, plan.channels(), removed);
    if (fault && faults < kMostFaults) {
      plan.fix(*fault);
      continue;
    }
    if (fault) throw Error(ErrorCode::kInternal, "shapes do not agree any more: " + fault->what);
    report_channels(model, result, plan, chosen, report);
    report.notes.insert(report.notes.end(), notes.begin(), notes.end());
    return result;
  }
}

ChannelsReport since(const ChannelsReport& earlier, ChannelsReport later) {
  for (ChannelReport& group : later.groups) {
    const auto before = std::ranges::find(earlier.groups, group.weights, &ChannelReport::weights);
    if (before != earlier.groups.end()) group.before = before->before;
  }
  later.weights_before = earlier.weights_before;
  later.multiplications_before = earlier.multiplications_before;
  return later;
}

Params channels_part_way(const OnnxModel& start, const Params& params, double fraction) {
  if (counts_over_all(params)) {
    throw Error(ErrorCode::kUsage, "--scope global removes channels at once, without --steps");
  }
  const ChannelPlan plan(start, params);
  Params part(params.specs());
  for (const ParamSpec& spec : params.specs()) {
    if (spec.name == "rate" || spec.name == "layer" || spec.name == "channels") continue;
    if (!params.has(spec.name)) continue;
    for (const std::string& value : params.list(spec.name)) part.set(spec.name, value);
  }
  const std::vector<std::size_t> counts = plan.counts();
  for (std::size_t g = 0; g < counts.size(); ++g) {
    const ChannelGroup& group = plan.groups()[g];
    const std::size_t gone = plan.rounded(group, fraction * static_cast<double>(counts[g]));
    for (const std::size_t filter : plan.filters(group)) {
      const TensorInfo& tensor = start.tensors()[filter];
      const auto all = tensor.dims[static_cast<std::size_t>(tensor.channel_axis)];
      const double share =
          1 - static_cast<double>(gone) / static_cast<double>(group.channels.size());
      part.set("channels", fmt::format("{}={}", glob_literal(tensor.name),
                                       std::llround(static_cast<double>(all) * share)));
    }
  }
  return part;
}

}  // namespace qc
