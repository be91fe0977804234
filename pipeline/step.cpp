#include "pipeline/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/error.h"
#include "engine/train_params.h"
#include "passes/kernels/dorefa.h"
#include "system/near_names.h"

namespace qc {
namespace {

constexpr std::array<std::string_view, 3> kSchedules = {"linear", "cubic", "constant"};
constexpr std::array<std::string_view, 4> kKeeps = {"auto", "nothing", "zeros", "shared"};
constexpr std::array kKeepValues = {Keep::kAuto, Keep::kNothing, Keep::kZeros, Keep::kShared};

constexpr ParamSpec kStepsParam{.name = "steps",
                                .kind = ParamKind::kInteger,
                                .placeholder = "N",
                                .help = "reach the rate in N steps, with fine-tuning after each",
                                .min = 1,
                                .max = 10000,
                                .default_text = "1"};

constexpr ParamSpec kScheduleParam{
    .name = "schedule",
    .kind = ParamKind::kChoice,
    .placeholder = "NAME",
    .help =
        "how the rate grows over --steps from the sparsity that is there: linear, cubic (fast "
        "first, then ever slower) or constant",
    .choices = kSchedules,
    .default_text = "cubic"};

constexpr ParamSpec kMaxDropParam{
    .name = "max-drop",
    .kind = ParamKind::kNumber,
    .placeholder = "POINTS",
    .help =
        "percentage points of accuracy (of metrics that are no rates, their own unit) that may be "
        "lost on the held-out data, from the start of the run: --steps end at the last one within; "
        "anything else ends the run with exit status 7 and the last model that passed",
    .max = 100};

constexpr ParamSpec kKeepParam{
    .name = "keep",
    .kind = ParamKind::kChoice,
    .placeholder = "WHAT",
    .help =
        "what training keeps: zeros stay zero, shared weights move together; auto finds out "
        "what a layer has",
    .choices = kKeeps,
    .default_text = "auto"};

// Centroids get the summed gradient of all their weights: what fits weights is far too fast.
struct Default {
  std::string_view name;
  std::string_view value;
};
constexpr std::array kShareDefaults = {Default{"optimizer", "adam"}, Default{"lr", "0.0005"},
                                       Default{"weight-decay", "0"}};
constexpr std::array kTrainDefaults = {Default{"epochs", "20"}, Default{"lr", "0.02"}};

std::vector<ParamSpec> with_training(std::vector<ParamSpec> specs,
                                     std::span<const Default> defaults) {
  for (ParamSpec spec : train_params()) {
    const auto own = std::ranges::find(defaults, spec.name, &Default::name);
    if (own != defaults.end()) spec.default_text = own->value;
    specs.push_back(spec);
  }
  specs.push_back(kMaxDropParam);
  return specs;
}

std::vector<StepKind> make_kinds() {
  std::vector<StepKind> kinds;
  for (const Pass& pass : pass_table()) {
    if (pass.exact) {
      kinds.push_back({pass.name, &pass, Keep::kNothing, false, {kMaxDropParam}});
      continue;
    }
    const bool shares = pass.name == kSharePass.name;
    std::vector<ParamSpec> own;
    if (pass.name == kPrunePass.name) own = {kStepsParam, kScheduleParam};
    kinds.push_back({pass.name, &pass, shares ? Keep::kShared : Keep::kZeros, false,
                     with_training(std::move(own), shares ? std::span<const Default>(kShareDefaults)
                                                          : std::span<const Default>())});
  }
  kinds.push_back({"finetune", nullptr, Keep::kAuto, false, with_training({kKeepParam}, {})});
  kinds.push_back({"train", nullptr, Keep::kNothing, true, with_training({}, kTrainDefaults)});
  return kinds;
}

// DoReFa's, a parameter of the pass that only training heeds.
constexpr std::string_view kGradientBits = "gbits";

bool has_spec(std::span<const ParamSpec> specs, std::string_view name) {
  return std::ranges::find(specs, name, &ParamSpec::name) != specs.end();
}

std::span<const ParamSpec> pass_specs(const StepKind& kind) {
  return kind.pass != nullptr ? kind.pass->params : std::span<const ParamSpec>();
}

}  // namespace

std::span<const StepKind> step_kinds() {
  static const std::vector<StepKind> kKinds = make_kinds();
  return kKinds;
}

const StepKind& find_step_kind(std::string_view name) {
  const auto kinds = step_kinds();
  const auto found = std::ranges::find(kinds, name, &StepKind::name);
  if (found != kinds.end()) return *found;
  std::vector<std::string> names;
  for (const StepKind& kind : kinds) names.emplace_back(kind.name);
  throw Error(ErrorCode::kUsage,
              fmt::format("there is no step '{}'{}", name, did_you_mean(name, names, "there are")));
}

Step::Step(const StepKind& kind)
    : kind_(&kind), pass_params_(pass_specs(kind)), params_(kind.params) {}

bool Step::takes(std::string_view name) const {
  return has_spec(pass_params_.specs(), name) || has_spec(params_.specs(), name);
}

void Step::set(std::string_view name, const std::string& text) {
  if (!takes(name)) {
    std::vector<std::string> known;
    for (const ParamSpec& spec : specs()) known.emplace_back(spec.name);
    throw Error(ErrorCode::kUsage, fmt::format("{} has no parameter {}{}", kind_->name, name,
                                               did_you_mean(name, known, "it has")));
  }
  if (has_spec(pass_params_.specs(), name)) pass_params_.set(name, text);
  if (has_spec(params_.specs(), name)) params_.set(name, text);
}

std::vector<ParamSpec> Step::specs() const {
  std::vector<ParamSpec> all(pass_params_.specs().begin(), pass_params_.specs().end());
  for (const ParamSpec& spec : params_.specs()) {
    if (!has_spec(all, spec.name)) all.push_back(spec);
  }
  return all;
}

std::vector<std::pair<std::string, std::vector<std::string>>> Step::given() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> values;
  for (const ParamSpec& spec : specs()) {
    const Params& params = has_spec(pass_params_.specs(), spec.name) ? pass_params_ : params_;
    if (was_given(spec.name)) values.emplace_back(spec.name, params.list(spec.name));
  }
  return values;
}

bool Step::was_given(std::string_view name) const {
  const Params& params = has_spec(pass_params_.specs(), name) ? pass_params_ : params_;
  return params.has(name);
}

bool Step::trains() const { return kind_->pass == nullptr || !kind_->pass->exact; }
void Step::check() const {
  if (kind_->pass != nullptr && kind_->pass->check != nullptr) kind_->pass->check(pass_params_);
}

TrainOptions Step::train_options() const {
  if (!trains()) return {};
  TrainOptions options = qc::train_options(params_);
  if (has_spec(pass_params_.specs(), kGradientBits)) {
    const auto bits = static_cast<int>(pass_params_.integer(kGradientBits).value());
    options.gradient_bits = bits <= kMostQuantizedBits ? bits : 0;
  }
  return options;
}

Keep Step::keep() const {
  if (!has_spec(params_.specs(), kKeepParam.name)) return kind_->keep;
  const auto found = std::ranges::find(kKeeps, params_.choice(kKeepParam.name));
  return kKeepValues.at(static_cast<std::size_t>(found - kKeeps.begin()));
}

int Step::repetitions() const {
  if (!has_spec(params_.specs(), kStepsParam.name)) return 1;
  return static_cast<int>(params_.integer(kStepsParam.name).value());
}

Params Step::pass_params(int i, const OnnxModel& start) const {
  const int n = repetitions();
  if (n == 1) return pass_params_;
  const double fraction = schedule_fraction(params_.choice(kScheduleParam.name), i, n);
  if (fraction >= 1) return pass_params_;
  return kind_->pass->part_way(start, pass_params_, fraction);
}

double schedule_fraction(std::string_view schedule, int i, int n) {
  const double done = static_cast<double>(i) / n;
  if (schedule == "linear") return done;
  if (schedule == "cubic") return 1 - (1 - done) * (1 - done) * (1 - done);
  return 1;
}

}  // namespace qc
