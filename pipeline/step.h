// The steps of a pipeline and their parameters, which are flags of commands and keys of recipes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "passes/params.h"
#include "passes/pass.h"
#include "pipeline/constraints.h"

namespace qc {

/// A kind of step: every pass, "finetune" and "train".
struct StepKind {
  std::string_view name;
  const Pass* pass = nullptr;  ///< null for pure training
  /// What fine-tuning keeps, unless a parameter says otherwise.
  Keep keep = Keep::kNothing;
  bool from_scratch = false;  ///< starts from fresh weights
  /// Parameters beyond those of the pass: repetition, training, gates.
  std::vector<ParamSpec> params;
};

/// The kind of step that applies a pass, which must outlive it.
StepKind step_kind(const Pass& pass);

/// Those of all passes, in the order of their table, then "finetune" and "train".
std::span<const StepKind> step_kinds();

/// Throws Error(kUsage) that lists the kinds when there is none of this name.
const StepKind& find_step_kind(std::string_view name);

/// One step with its parameters.
class Step {
 public:
  explicit Step(const StepKind& kind);

  const StepKind& kind() const { return *kind_; }

  /// True when the step has a parameter of this name.
  bool takes(std::string_view name) const;
  /// Sets a parameter of the pass, of the step or of both. Throws Error(kUsage).
  void set(std::string_view name, const std::string& text);
  /// The specs of all parameters, each name once.
  std::vector<ParamSpec> specs() const;
  /// Every value given, by name, in the order of specs().
  std::vector<std::pair<std::string, std::vector<std::string>>> given() const;

  bool was_given(std::string_view name) const;

  /// Throws Error(kUsage) for parameters that are refused whatever the model.
  void check() const;

  /// Makes the step one that trains without labels, by imitation: parameters that were not given
  /// get defaults for a few hundred samples. Throws Error(kUsage) for one that needs labels.
  void imitate();

  const Params& params() const { return params_; }

  /// False for a pass that leaves nothing to train.
  bool trains() const;
  /// Without epochs where the step does not train.
  TrainOptions train_options() const;
  Keep keep() const;
  /// What --max-drop allows to be lost; nothing where it was not given.
  std::optional<double> max_drop() const;
  /// What half the packed size is worth, in what --max-drop counts, where --strategy score ends the
  /// repetitions; else nothing.
  std::optional<double> halving_points() const;
  /// How often pass and fine-tuning are repeated; 1 for a pass that does not grow.
  int repetitions() const;
  /// Parameters of the pass as they were given. Requires a pass.
  const Params& pass_params() const { return pass_params_; }
  /// Those for repetition `i` of repetitions(), from 1: what they ask for grows along --schedule
  /// from what `start`, the model that the first repetition is applied to, has already.
  Params pass_params(int i, const OnnxModel& start) const;

 private:
  const StepKind* kind_;
  Params pass_params_;
  Params params_;
};

/// How a pass that grows gets there.
enum class GrowthSchedule {
  kLinear,
  kCubic,  ///< Zhu, Gupta, arXiv 1710.01878, equation 1
  kConstant,
};

/// How much of the way repetition i of n (from 1) goes: i/n if linear, 1 - (1 - i/n)^3 if cubic, 1
/// if constant.
double schedule_fraction(GrowthSchedule schedule, int i, int n);

}  // namespace qc
