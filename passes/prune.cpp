// Pruning: the weights nearest to zero become zero (Han et al., Deep Compression, arXiv 1510.00149,
// section 2), or those that the outputs need least, by samples (SparseGPT, arXiv 2301.00774), one
// by one, in patterns or as whole channels.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "core/zeros.h"
#include "passes/calibrated_layers.h"
#include "passes/channels/channel_criteria.h"
#include "passes/channels/prune_channels.h"
#include "passes/glob.h"
#include "passes/kernels/magnitude.h"
#include "passes/kernels/obs_pruning.h"
#include "passes/layer_factors.h"
#include "passes/named_amounts.h"
#include "passes/outcome.h"
#include "passes/pass.h"
#include "passes/prune_params.h"
#include "passes/prune_patterns.h"
#include "passes/pruned_values.h"
#include "passes/selection.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

constexpr std::array kParams = {
    kPruneRateParam,
    ParamSpec{.name = "method",
              .kind = ParamKind::kChoice,
              .placeholder = "METHOD",
              .help =
                  "which weights go: magnitude, the smallest, or obs, by samples (--data) those "
                  "that the outputs need least, with the others making up for them",
              .choices = kPruneMethods.names(),
              .default_text = "magnitude"},
    ParamSpec{.name = "scope",
              .kind = ParamKind::kChoice,
              .placeholder = "SCOPE",
              .help =
                  "what --rate counts over: every layer by itself, or all of them together with "
                  "one threshold",
              .choices = kPruneScopes.names(),
              .default_text = "layer"},
    ParamSpec{.name = "layer",
              .kind = ParamKind::kList,
              .placeholder = "NAME=RATE",
              .help =
                  "another rate for the weights that match a name or glob; may be repeated, the "
                  "last match wins; without --rate, only these are pruned"},
    ParamSpec{.name = "threshold",
              .kind = ParamKind::kNumber,
              .placeholder = "T",
              .help = "zero the weights of a magnitude below T instead",
              .max = kUnlimited},
    ParamSpec{.name = "std-factor",
              .kind = ParamKind::kNumber,
              .placeholder = "F",
              .help = "zero the weights of a magnitude below F standard deviations of their layer "
                      "instead",
              .max = kUnlimited,
              .min_exclusive = true},
    ParamSpec{.name = "structured",
              .kind = ParamKind::kChoice,
              .placeholder = "WHAT",
              .help =
                  "what goes together: none, single weights; channels, output channels with all "
                  "that depends on them, which leaves a smaller plain network (--rate then counts "
                  "channels); 2:4, two of four inputs in a row; 4x1, blocks of four outputs",
              .choices = kPruneStructures.names(),
              .default_text = "none"},
    ParamSpec{.name = "criterion",
              .kind = ParamKind::kChoice,
              .placeholder = "NAME",
              .help =
                  "with --structured channels: which go, by the l1 or l2 norm of their filters, "
                  "by the scale of their batch normalisation (bn-scale), or by samples: taylor, "
                  "from gradients, or hessian, by what the next layers cannot make up for "
                  "(default: l1; with --method obs hessian)",
              .choices = kChannelCriteria.names()},
    kChannelCountParam,
    kRoundToParam,
    kIncludeParam,
    kExcludeParam,
};

enum class Criterion { kRate, kThreshold, kStdFactor };

struct Rule {
  Criterion criterion = Criterion::kRate;
  double amount = 0;
};

// Tensors that share one cut.
struct Group {
  Rule rule;
  std::vector<std::size_t> tensors;
  bool pooled = false;  // all that --scope global counts over
};

PruneStructure structure_of(const Params& params) {
  return params.choice("structured", kPruneStructures).value();
}

bool removes_channels(const Params& params) {
  return structure_of(params) == PruneStructure::kChannels;
}

bool counts_over_all(const Params& params) {
  return params.choice("scope", kPruneScopes) == PruneScope::kGlobal;
}

bool goes_by_samples(const Params& params) {
  return params.choice("method", kPruneMethods) == PruneMethod::kObs;
}

bool calibrates(const Params& params) {
  return removes_channels(params) ? channels_need_samples(params) : goes_by_samples(params);
}

// Patterns are chosen by magnitude, and 2:4 is a rate of its own.
void require_pattern(const Params& params) {
  const std::string_view name = kPruneStructures.name_of(structure_of(params));
  const bool has_rate = structure_of(params) == PruneStructure::kFourByOne;
  for (const std::string_view other : {"threshold", "std-factor"}) {
    if (!params.has(other)) continue;
    throw Error(ErrorCode::kUsage, fmt::format("--structured {} takes no --{}", name, other));
  }
  if (goes_by_samples(params) || counts_over_all(params)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--structured {} goes layer by layer and by magnitude", name));
  }
  if (!has_rate && (params.has("rate") || params.has("layer"))) {
    throw Error(ErrorCode::kUsage,
                "--structured 2:4 leaves half of the weights, without --rate and --layer");
  }
}

void require_channels(const Params& params) {
  for (const std::string_view name : {"criterion", "channels", "round-to"}) {
    if (!params.has(name)) continue;
    throw Error(ErrorCode::kUsage, fmt::format("--{} is for --structured channels", name));
  }
}

// Losses of different layers do not compare, and a threshold says nothing of them.
void require_rates(const Params& params) {
  for (const std::string_view name : {"threshold", "std-factor"}) {
    if (!params.has(name)) continue;
    throw Error(ErrorCode::kUsage,
                fmt::format("--method obs takes --rate or --layer, not --{}", name));
  }
  if (counts_over_all(params)) {
    throw Error(ErrorCode::kUsage,
                "--method obs takes the rate of every layer, not --scope global");
  }
}

// The rule for weights without a rate of their own; nothing when only --layer is given.
std::optional<Rule> common_rule(const Params& params) {
  std::vector<Rule> rules;
  if (const auto rate = params.number("rate")) rules.push_back({Criterion::kRate, *rate});
  if (const auto limit = params.number("threshold")) {
    rules.push_back({Criterion::kThreshold, *limit});
  }
  if (const auto factor = params.number("std-factor")) {
    rules.push_back({Criterion::kStdFactor, *factor});
  }
  if (rules.size() > 1) {
    throw Error(ErrorCode::kUsage, "give only one of --rate, --threshold and --std-factor");
  }
  if (structure_of(params) == PruneStructure::kTwoOfFour) return Rule{Criterion::kRate, 0.5};
  if (rules.empty() && !params.has("layer")) {
    throw Error(ErrorCode::kUsage,
                "say how much to prune: --rate, --threshold, --std-factor or --layer");
  }
  if (counts_over_all(params) && !params.has("rate")) {
    throw Error(ErrorCode::kUsage, "--scope global needs --rate");
  }
  if (goes_by_samples(params)) require_rates(params);
  return rules.empty() ? std::nullopt : std::optional(rules.front());
}

void check(const Params& params) {
  if (removes_channels(params)) return check_channel_params(params);
  require_channels(params);
  if (structure_of(params) != PruneStructure::kNone) require_pattern(params);
  common_rule(params);
}

std::vector<Group> make_groups(const Params& params, Selection& selection) {
  const std::optional<Rule> common = common_rule(params);
  const std::map<std::size_t, double> rates =
      named_amounts(params, "layer", kPruneRateParam, selection);
  const bool global = counts_over_all(params);
  std::vector<Group> groups;
  std::vector<std::size_t> pool;
  for (const std::size_t tensor : selection.chosen()) {
    if (const auto own = rates.find(tensor); own != rates.end()) {
      groups.push_back({{Criterion::kRate, own->second}, {tensor}});
    } else if (!common) {
      selection.skip(tensor, "no --layer rate for it");
    } else if (global) {
      pool.push_back(tensor);
    } else {
      groups.push_back({*common, {tensor}});
    }
  }
  if (!pool.empty()) groups.push_back({*common, std::move(pool), true});
  return groups;
}

MagnitudeCut find_cut(const Rule& rule, std::span<const std::vector<float>> tensors) {
  switch (rule.criterion) {
    case Criterion::kThreshold:
      return {rule.amount, 0};
    case Criterion::kStdFactor:
      return {rule.amount * standard_deviation(tensors.front()), 0};
    case Criterion::kRate:
      break;
  }
  std::uint64_t count = 0;
  for (const std::vector<float>& values : tensors) count += values.size();
  return count > 0 ? cut_for_zeros(tensors, zeros_at_rate(rule.amount, count)) : MagnitudeCut{};
}

void prune_group(const OnnxModel& model, const Group& group,
                 const std::map<std::size_t, Outcome*>& outcomes) {
  std::vector<std::vector<float>> tensors;
  std::vector<Outcome*> pruned;
  for (const std::size_t tensor : group.tensors) {
    Outcome& outcome = *outcomes.at(tensor);
    if (auto values = load_finite(model, model.tensors()[tensor])) {
      tensors.push_back(std::move(*values));
      pruned.push_back(&outcome);
    } else {
      outcome.skip_reason = kNotFinite;
    }
  }
  if (tensors.empty()) return;
  MagnitudeCut cut = find_cut(group.rule, tensors);
  for (std::size_t i = 0; i < pruned.size(); ++i) {
    const TensorInfo& tensor = model.tensors()[pruned[i]->tensor];
    apply_cut(tensors[i], cut);
    pruned[i]->payload = pruned_payload(tensor, model.payload(tensor), tensors[i]);
    pruned[i]->report.threshold = cut.threshold;
    tensors[i] = {};
  }
}

// Fills in reports, which know their thresholds already.
void measure_all(const OnnxModel& model, std::vector<Outcome>& outcomes, unsigned threads) {
  parallel_for(outcomes.size(), threads, [&](std::size_t i) {
    Outcome& outcome = outcomes[i];
    if (!outcome.skip_reason.empty()) return;
    const double threshold = outcome.report.threshold;
    outcome.report = measure(model, model.tensors()[outcome.tensor], outcome.payload);
    outcome.report.threshold = threshold;
  });
}

std::vector<Outcome> by_magnitude(const OnnxModel& model, std::span<const std::size_t> chosen,
                                  std::span<const Group> groups, unsigned threads) {
  std::vector<Outcome> outcomes(chosen.size());
  std::map<std::size_t, Outcome*> by_tensor;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    outcomes[i].tensor = chosen[i];
    by_tensor[chosen[i]] = &outcomes[i];
  }
  parallel_for(groups.size(), threads,
               [&](std::size_t i) { prune_group(model, groups[i], by_tensor); });
  measure_all(model, outcomes, threads);
  return outcomes;
}

Outcome prune_layer(const OnnxModel& model, const WeightLayer& layer, const Moments& moments,
                    double rate, unsigned threads) {
  std::vector<float> values = values_of(model, layer.tensor);
  const std::uint64_t zeros = zeros_at_rate(rate, values.size());
  if (static_cast<std::uint64_t>(std::ranges::count(values, 0.0F)) < zeros) {
    const MatrixForm& form = layer.form;
    const std::vector<float> weights = form.gather(values);
    const std::vector<InverseFactor> factors =
        layer_factors(layer, &moments, ColumnOrder::kNatural, threads);
    const CompensatedPruning pruning = prune_with_compensation({.groups = form.groups,
                                                                .rows = form.rows,
                                                                .columns = form.columns,
                                                                .weights = weights,
                                                                .factors = factors},
                                                               zeros, threads);
    form.scatter(pruning.values, values);
  }
  return pruned_outcome(model, layer.tensor, values);
}

// Every group is a tensor with its rate.
std::vector<Outcome> by_samples(const OnnxModel& model, const Params& params,
                                std::span<const std::size_t> chosen, std::span<const Group> groups,
                                const PassContext& context, std::vector<std::string>& notes) {
  std::map<std::size_t, const Group*> by_tensor;
  for (const Group& group : groups) by_tensor[group.tensors.front()] = &group;
  CalibratedMethod method{.name = "obs", .fallback_text = "pruned by magnitude"};
  // Entries that the samples do not use would all go, and there is nothing to make up for them.
  method.takes_tables = false;
  method.change = [&](const WeightLayer& layer, const Moments& moments) {
    const double rate = by_tensor.at(layer.tensor)->rule.amount;
    return prune_layer(model, layer, moments, rate, context.threads);
  };
  method.fallback = [&](std::size_t tensor) {
    return by_magnitude(model, {&tensor, 1}, {by_tensor.at(tensor), 1}, 1).front();
  };
  return change_by_samples(model, params, chosen, method, context, notes);
}

std::vector<Outcome> pruned(const OnnxModel& model, const Params& params,
                            std::span<const std::size_t> chosen, std::span<const Group> groups,
                            const PassContext& context, std::vector<std::string>& notes) {
  if (structure_of(params) != PruneStructure::kNone) {
    std::map<std::size_t, double> rates;  // every group is a tensor
    for (const Group& group : groups) rates[group.tensors.front()] = group.rule.amount;
    return prune_in_pattern(model, structure_of(params), rates, context.threads);
  }
  if (goes_by_samples(params)) return by_samples(model, params, chosen, groups, context, notes);
  return by_magnitude(model, chosen, groups, context.threads);
}

std::optional<OnnxModel> rewrite(const OnnxModel& model, const Params& params,
                                 const PassContext& context, PassReport& report) {
  if (!removes_channels(params)) return std::nullopt;
  check(params);
  return prune_channels(model, params, context, report);
}

PassReport run(const OnnxModel& model, const Params& params, const PassContext& context,
               PayloadEdits& edits) {
  if (removes_channels(params)) return {};
  check(params);
  Selection selection(model, params, "prune");
  const std::vector<Group> groups = make_groups(params, selection);
  const std::vector<std::size_t> chosen = selection.chosen();
  std::vector<std::string> notes;
  std::vector<Outcome> outcomes = pruned(model, params, chosen, groups, context, notes);
  for (const Outcome& outcome : outcomes) selection.take(outcome.tensor);
  PassReport report = collect(model, std::move(selection), std::move(outcomes), edits);
  report.notes.insert(report.notes.end(), notes.begin(), notes.end());
  return report;
}

// What a group of tensors has before it is pruned.
struct Present {
  double sparsity = 0;
  double least = 0;  // magnitude of the nonzero values, where there are zeros
  double deviation = 0;
};

Present present_in(const OnnxModel& model, std::span<const std::size_t> tensors) {
  std::uint64_t count = 0;
  std::uint64_t zeros = 0;
  Present present;
  double least = kUnlimited;
  for (const std::size_t tensor : tensors) {
    const auto values = load_finite(model, model.tensors()[tensor]);
    if (!values) continue;
    count += values->size();
    present.deviation = standard_deviation(*values);
    for (const float value : *values) {
      if (value == 0) ++zeros;
      if (value != 0) least = std::min(least, std::fabs(static_cast<double>(value)));
    }
  }
  if (zeros > 0 && least < kUnlimited) present.least = least;
  if (count > 0) present.sparsity = static_cast<double>(zeros) / static_cast<double>(count);
  return present;
}

// The amount that is reached already, in terms of the rule.
double reached(const Rule& rule, const Present& present) {
  switch (rule.criterion) {
    case Criterion::kThreshold:
      return present.least;
    case Criterion::kStdFactor:
      return present.deviation > 0 ? present.least / present.deviation : 0;
    case Criterion::kRate:
      break;
  }
  return present.sparsity;
}

// s + (f - s) * fraction: Zhu, Gupta (arXiv 1710.01878), equation 1, whose initial sparsity s is
// that of each layer. A threshold is one for all layers and starts at the lowest of theirs.
Params part_way(const OnnxModel& start, const Params& params, double fraction) {
  if (removes_channels(params)) return channels_part_way(start, params, fraction);
  if (structure_of(params) == PruneStructure::kTwoOfFour) {
    throw Error(ErrorCode::kUsage, "--structured 2:4 goes at once, without --steps");
  }
  Selection selection(start, params, "prune");
  const std::vector<Group> groups = make_groups(params, selection);
  Params part(params.specs());
  for (const std::string_view name : {"include", "exclude"}) {
    for (const std::string& pattern : params.list(name)) part.set(name, pattern);
  }
  for (const std::string_view name : {"scope", "method", "structured"}) {
    if (params.has(name)) part.set(name, params.choice(name));
  }
  std::optional<double> lowest;
  for (const Group& group : groups) {
    const double from =
        std::min(group.rule.amount, reached(group.rule, present_in(start, group.tensors)));
    const double amount = from + (group.rule.amount - from) * fraction;
    if (group.pooled) {
      part.set("rate", fmt::format("{}", amount));
    } else if (group.rule.criterion == Criterion::kRate) {
      const std::string pattern = glob_literal(start.tensors()[group.tensors.front()].name);
      part.set("layer", fmt::format("{}={}", pattern, amount));
    } else {
      lowest = std::min(lowest.value_or(amount), amount);
    }
  }
  if (lowest) {
    part.set(params.has("threshold") ? "threshold" : "std-factor", fmt::format("{}", *lowest));
  }
  // --scope global is only taken with a rate, of no weight where all have rates of their own.
  if (counts_over_all(params) && !part.has("rate")) {
    part.set("rate", fmt::format("{}", *params.number("rate")));
  }
  return part;
}

}  // namespace

const Pass kPrunePass{
    .name = "prune",
    .suffix = "pruned",
    .help = "Set the weights to zero that are smallest or matter least, or take out channels.",
    .example = "qcompress prune model.onnx --rate 0.9 --layer 'conv1*=0.3' -o pruned.onnx",
    .params = kParams,
    .check = check,
    .run = run,
    .calibrates = calibrates,
    .rewrite = rewrite,
    .growth = {.steps_help = "reach the rate in N steps, with fine-tuning after each",
               .schedule_help = "how the rate grows over --steps from the sparsity that is there: "
                                "linear, cubic (fast first, then ever slower) or constant",
               .part_way = part_way,
               .counts_what_is_left = removes_channels},
};

}  // namespace qc
