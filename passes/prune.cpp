// Magnitude pruning: the weights nearest to zero become zero (Han et al., Deep Compression,
// arXiv 1510.00149, section 2).
#include <fmt/format.h>

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "codecs/element.h"
#include "core/error.h"
#include "core/float_types.h"
#include "core/parallel.h"
#include "passes/kernels/magnitude.h"
#include "passes/outcome.h"
#include "passes/pass.h"
#include "passes/selection.h"

namespace qc {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr std::array<std::string_view, 2> kScopes = {"layer", "global"};

constexpr ParamSpec kRateParam{
    .name = "rate",
    .kind = ParamKind::kNumber,
    .placeholder = "RATE",
    .help =
        "fraction of the weights to be zero, 0.9 for 90%; those that are "
        "zero already count",
    .max = 1,
    .max_exclusive = true};

constexpr std::array kParams = {
    kRateParam,
    ParamSpec{.name = "scope",
              .kind = ParamKind::kChoice,
              .placeholder = "SCOPE",
              .help =
                  "what --rate counts over: every layer by itself, or all of them together with "
                  "one threshold",
              .choices = kScopes,
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
};

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
  if (rules.empty() && !params.has("layer")) {
    throw Error(ErrorCode::kUsage,
                "say how much to prune: --rate, --threshold, --std-factor or --layer");
  }
  if (params.choice("scope") == "global" && !params.has("rate")) {
    throw Error(ErrorCode::kUsage, "--scope global needs --rate");
  }
  return rules.empty() ? std::nullopt : std::optional(rules.front());
}

void check(const Params& params) { common_rule(params); }

// Rates by tensor, from --layer.
std::map<std::size_t, double> layer_rates(const Params& params, const Selection& selection) {
  std::map<std::size_t, double> rates;
  for (const std::string& text : params.list("layer")) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(
          ErrorCode::kUsage,
          fmt::format("--layer: '{}' is not of the form NAME=RATE, as in conv1*=0.7", text));
    }
    const std::string pattern = text.substr(0, equals);
    const std::string label = fmt::format("layer {}", pattern);
    ParamSpec spec = kRateParam;
    spec.name = label;
    const double rate = parse_number(spec, std::string_view(text).substr(equals + 1));
    for (const std::size_t tensor : selection.matching("layer", pattern)) rates[tensor] = rate;
  }
  return rates;
}

std::vector<Group> make_groups(const Params& params, Selection& selection) {
  const std::optional<Rule> common = common_rule(params);
  const std::map<std::size_t, double> rates = layer_rates(params, selection);
  const bool global = params.choice("scope") == "global";
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
  if (!pool.empty()) groups.push_back({*common, std::move(pool)});
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

// The payload with +0 wherever a value is zero; every other element keeps its bits.
Bytes with_zeros(const TensorInfo& tensor, ByteView payload, std::span<const float> values) {
  Bytes bytes(payload.begin(), payload.end());
  with_width(element_of(tensor.type).width, [&]<typename Bits>() {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0) store_le(bytes.data() + i * sizeof(Bits), Bits{0});
    }
  });
  return bytes;
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
    pruned[i]->payload = with_zeros(tensor, model.payload(tensor), tensors[i]);
    pruned[i]->report.threshold = cut.threshold;
    tensors[i] = {};
  }
}

PassReport run(const OnnxModel& model, const Params& params, unsigned threads,
               PayloadEdits& edits) {
  Selection selection(model, params, "prune");
  const std::vector<Group> groups = make_groups(params, selection);

  const std::vector<std::size_t> chosen = selection.chosen();
  std::vector<Outcome> outcomes(chosen.size());
  std::map<std::size_t, Outcome*> by_tensor;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    outcomes[i].tensor = chosen[i];
    by_tensor[chosen[i]] = &outcomes[i];
  }

  parallel_for(groups.size(), threads,
               [&](std::size_t i) { prune_group(model, groups[i], by_tensor); });
  parallel_for(outcomes.size(), threads, [&](std::size_t i) {
    Outcome& outcome = outcomes[i];
    if (!outcome.skip_reason.empty()) return;
    const double threshold = outcome.report.threshold;
    outcome.report = measure(model, model.tensors()[outcome.tensor], outcome.payload);
    outcome.report.threshold = threshold;
  });
  return collect(model, std::move(selection), std::move(outcomes), edits);
}

}  // namespace

const Pass kPrunePass{
    .name = "prune",
    .suffix = "pruned",
    .help = "Set the weights of smallest magnitude to zero.",
    .example = "qcompress prune model.onnx --rate 0.9 --layer 'conv1*=0.3' -o pruned.onnx",
    .params = kParams,
    .check = check,
    .run = run,
};

}  // namespace qc
