#include "pipeline/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "engine/train_params.h"
#include "system/near_names.h"

namespace qc {
namespace {

constexpr auto kSchedules = make_choices<GrowthSchedule>({{"linear", GrowthSchedule::kLinear},
                                                          {"cubic", GrowthSchedule::kCubic},
                                                          {"constant", GrowthSchedule::kConstant}});
constexpr auto kKeeps = make_choices<Keep>({{"auto", Keep::kAuto},
                                            {"nothing", Keep::kNothing},
                                            {"zeros", Keep::kZeros},
                                            {"shared", Keep::kShared}});

enum class Strategy { kAll, kScore };

constexpr auto kStrategies =
    make_choices<Strategy>({{"all", Strategy::kAll}, {"score", Strategy::kScore}});

// --steps and --schedule, which each pass that grows describes in its own words.
constexpr std::string_view kSteps = "steps";
constexpr std::string_view kSchedule = "schedule";
constexpr std::string_view kStrategy = "strategy";
constexpr std::string_view kHalvingPoints = "halving-points";

std::vector<ParamSpec> growth_params(const Growth& growth) {
  if (growth.part_way == nullptr) return {};
  return {
      {.name = kSteps,
       .kind = ParamKind::kInteger,
       .placeholder = "N",
       .help = growth.steps_help,
       .min = 1,
       .max = 10000,
       .default_text = "1"},
      {.name = kSchedule,
       .kind = ParamKind::kChoice,
       .placeholder = "NAME",
       .help = growth.schedule_help,
       .choices = kSchedules.names(),
       .default_text = "cubic"},
      {.name = kStrategy,
       .kind = ParamKind::kChoice,
       .placeholder = "NAME",
       .help = "how far --steps go: all, or by score as long as a step gains more in size than "
               "it loses in accuracy on the held-out data",
       .choices = kStrategies.names(),
       .default_text = "all"},
      {.name = kHalvingPoints,
       .kind = ParamKind::kNumber,
       .placeholder = "POINTS",
       .help = "with --strategy score: what half the packed size is worth, as --max-drop counts",
       .max = 100,
       .default_text = "1"}};
}

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
    .choices = kKeeps.names(),
    .default_text = "auto"};

constexpr std::array kTrainDefaults = {ParamDefault{.name = "epochs", .value = "20"},
                                       ParamDefault{.name = "lr", .value = "0.02"}};

// Samples without labels are few, and the network is close to its teacher from the start.
constexpr std::array kImitationDefaults = {ParamDefault{.name = "epochs", .value = "10"},
                                           ParamDefault{.name = "batch", .value = "8"},
                                           ParamDefault{.name = "optimizer", .value = "adam"},
                                           ParamDefault{.name = "lr", .value = "0.0002"},
                                           ParamDefault{.name = "weight-decay", .value = "0"},
                                           ParamDefault{.name = "norm", .value = "frozen"}};
constexpr std::array<std::string_view, 4> kOfLabels = {"label-smoothing", "distill", "shift",
                                                       "flip"};

std::vector<ParamSpec> with_training(std::vector<ParamSpec> specs,
                                     std::span<const ParamDefault> defaults) {
  for (ParamSpec spec : train_params()) {
    const auto own = std::ranges::find(defaults, spec.name, &ParamDefault::name);
    if (own != defaults.end()) spec.default_text = own->value;
    specs.push_back(spec);
  }
  specs.push_back(kMaxDropParam);
  return specs;
}

std::vector<StepKind> make_kinds() {
  std::vector<StepKind> kinds;
  for (const Pass& pass : pass_table()) kinds.push_back(step_kind(pass));
  kinds.push_back(
      {.name = "finetune", .keep = Keep::kAuto, .params = with_training({kKeepParam}, {})});
  kinds.push_back(
      {.name = "train", .from_scratch = true, .params = with_training({}, kTrainDefaults)});
  return kinds;
}

bool has_spec(std::span<const ParamSpec> specs, std::string_view name) {
  return std::ranges::find(specs, name, &ParamSpec::name) != specs.end();
}

std::span<const ParamSpec> pass_specs(const StepKind& kind) {
  return kind.pass != nullptr ? kind.pass->params : std::span<const ParamSpec>();
}

}  // namespace

StepKind step_kind(const Pass& pass) {
  if (pass.exact) return {.name = pass.name, .pass = &pass, .params = {kMaxDropParam}};
  return {.name = pass.name,
          .pass = &pass,
          .keep = pass.fine_tuning.keep,
          .params = with_training(growth_params(pass.growth), pass.fine_tuning.defaults)};
}

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

void Step::imitate() {
  if (!trains()) return;
  if (kind_->from_scratch) {
    throw Error(ErrorCode::kUsage, "training from fresh weights needs labelled samples");
  }
  for (const std::string_view name : kOfLabels) {
    if (!was_given(name)) continue;
    throw Error(ErrorCode::kUsage,
                fmt::format("--{} is for training on labels, which the samples have not, or which "
                            "--teacher takes the place of",
                            name));
  }
  for (const ParamDefault& each : kImitationDefaults) {
    if (!was_given(each.name)) set(each.name, std::string(each.value));
  }
}

bool Step::trains() const { return kind_->pass == nullptr || !kind_->pass->exact; }

void Step::check() const {
  if (kind_->pass != nullptr && kind_->pass->check != nullptr) kind_->pass->check(pass_params_);
}

TrainOptions Step::train_options() const {
  if (!trains()) return {};
  TrainOptions options = qc::train_options(params_);
  if (kind_->pass != nullptr && kind_->pass->fine_tuning.gradient_bits != nullptr) {
    options.gradient_bits = kind_->pass->fine_tuning.gradient_bits(pass_params_);
  }
  return options;
}

Keep Step::keep() const {
  if (!has_spec(params_.specs(), kKeepParam.name)) return kind_->keep;
  return params_.choice(kKeepParam.name, kKeeps).value();
}

std::optional<double> Step::max_drop() const { return params_.number(kMaxDropParam.name); }

int Step::repetitions() const {
  if (!has_spec(params_.specs(), kSteps)) return 1;
  return static_cast<int>(params_.integer(kSteps).value());
}

std::optional<double> Step::halving_points() const {
  if (!has_spec(params_.specs(), kStrategy)) return std::nullopt;
  if (params_.choice(kStrategy, kStrategies) != Strategy::kScore) return std::nullopt;
  return params_.number(kHalvingPoints);
}

Params Step::pass_params(int i, const OnnxModel& start) const {
  const int n = repetitions();
  if (n == 1) return pass_params_;
  const double fraction = schedule_fraction(params_.choice(kSchedule, kSchedules).value(), i, n);
  const Growth& growth = kind_->pass->growth;
  const bool counts_left =
      growth.counts_what_is_left != nullptr && growth.counts_what_is_left(pass_params_);
  if (fraction >= 1 && !counts_left) return pass_params_;
  return growth.part_way(start, pass_params_, fraction);
}

double schedule_fraction(GrowthSchedule schedule, int i, int n) {
  const double done = static_cast<double>(i) / n;
  switch (schedule) {
    case GrowthSchedule::kLinear:
      return done;
    case GrowthSchedule::kCubic:
      return 1 - (1 - done) * (1 - done) * (1 - done);
    case GrowthSchedule::kConstant:
      break;
  }
  return 1;
}

}  // namespace qc
