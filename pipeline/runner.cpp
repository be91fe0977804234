#include "pipeline/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "formats/packed/pack_model.h"
#include "passes/channels/prune_channels.h"
#include "passes/outcome.h"
#include "pipeline/initialize.h"

namespace qc {
namespace {

// Counts what is written and keeps nothing.
class SizeSink final : public ByteSink {
 public:
  void write(ByteView bytes) override { size_ += bytes.size(); }
  void restart() override { size_ = 0; }
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_ = 0;
};

void count_weights(const OnnxModel& model, StepReport& report) {
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.role != Role::kWeight || !tensor.has_values()) continue;
    const std::vector<float> values = load_floats(tensor.type, model.payload(tensor));
    report.weights += values.size();
    report.nonzero += static_cast<std::uint64_t>(
        std::ranges::count_if(values, [](float value) { return value != 0; }));
  }
}

// Compares the tensors of a report as they are now with those of an earlier model.
void compare_with(const OnnxModel& before, const OnnxModel& now, PassReport& report) {
  std::map<std::string_view, const TensorInfo*> by_name;
  for (const TensorInfo& tensor : now.tensors()) by_name.emplace(tensor.name, &tensor);
  for (const TensorInfo& tensor : before.tensors()) {
    const auto changed = std::ranges::find(report.changed, tensor.name, &TensorReport::name);
    const auto found = by_name.find(tensor.name);
    if (changed == report.changed.end() || found == by_name.end()) continue;
    if (found->second->type != tensor.type || found->second->dims != tensor.dims) continue;
    TensorReport compared = measure(before, tensor, now.payload(*found->second));
    compared.iterations = changed->iterations;
    compared.threshold = changed->threshold;
    *changed = std::move(compared);
  }
}

class Runner {
 public:
  Runner(const OnnxModel& input, const std::vector<Step>& steps, const PipelineTools& tools,
         PipelineReport& report)
      : input_(input), steps_(steps), tools_(tools), report_(report) {}

  PipelineResult run() {
    require_possible();
    if (tools_.resume_from) {
      state_ = *tools_.resume_from;
    } else {
      start();
    }
    saved_ = tools_.resume_from.has_value();
    if (tools_.before_repetitions) tools_.before_repetitions();
    while (state_.step < steps_.size() && !has_ended()) {
      const PipelineState before = state_;
      if (tools_.stop_requested && tools_.stop_requested()) {
        state_.report.interrupted = true;
      } else {
        repeat(steps_[state_.step]);
      }
      report_ = state_.report;
      if (!has_ended()) save(state_);
      // What is saved is what an uninterrupted run would have gone through.
      if (state_.report.interrupted && !saved_) save(before);
    }
    report_ = state_.report;
    const std::size_t begun = report_.steps.empty() ? 0 : report_.steps.back().index + 1;
    for (std::size_t i = begun; has_ended() && i < steps_.size(); ++i) {
      report_.not_run.emplace_back(steps_[i].kind().name);
    }
    return {or_input(state_.model), or_input(state_.baseline)};
  }

 private:
  // A mistake in a later step is not to be found after hours of training. Passes that keep what a
  // model computes may be what makes the next ones possible.
  void require_possible() const {
    std::optional<OnnxModel> tidied;
    for (const Step& step : steps_) {
      const OnnxModel& model = tidied ? *tidied : input_;
      require_possible(step, model);
      if (step.trains() || tools_.tuner == nullptr) continue;
      tidied = apply_pass(*step.kind().pass, model, step.pass_params(), {.threads = tools_.threads})
                   .model(model);
    }
  }

  void require_possible(const Step& step, const OnnxModel& input) const {
    const StepKind& kind = step.kind();
    if (kind.pass == nullptr && tools_.tuner == nullptr) {
      throw Error(ErrorCode::kUsage, fmt::format("{} needs training data: --data", kind.name));
    }
    if ((step.max_drop() || step.halving_points()) && tools_.evaluator == nullptr) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} needs data to evaluate on: --data or --eval-cmd",
                              step.max_drop() ? "--max-drop" : "--strategy score"));
    }
    if (kind.pass == nullptr || tools_.tuner == nullptr) return;
    // Looking at samples takes long, and shows no mistake that the parameters alone do not.
    const bool calibrates =
        kind.pass->calibrates != nullptr && kind.pass->calibrates(step.pass_params());
    if (calibrates && tools_.calibration != nullptr) return;
    apply_pass(*kind.pass, input, step.pass_params(), {.threads = tools_.threads});
  }

  void start() {
    state_.report.original_bytes = input_.total_size();
    const bool starts_fresh = !steps_.empty() && steps_.front().kind().from_scratch;
    if (tools_.evaluator != nullptr && !starts_fresh) {
      state_.report.validation_before = tools_.evaluator->validate(input_);
    }
  }

  void save(const PipelineState& state) {
    if (!tools_.save_state) return;
    tools_.save_state(state);
    saved_ = true;
  }

  bool has_ended() const { return state_.report.interrupted || !state_.report.gate_missed.empty(); }

  const OnnxModel& or_input(const std::shared_ptr<const OnnxModel>& model) const {
    return model != nullptr ? *model : input_;
  }

  // One repetition, from state to state.
  void repeat(const Step& step) {
    const auto limit = step.max_drop();
    const auto halving_points = step.halving_points();
    StepReport done;
    done.name = step.kind().name;
    done.index = state_.step;
    done.repetition = state_.repetition;
    done.repetitions = step.repetitions();
    if (state_.repetition == 1) state_.step_input = state_.model;
    started_ = std::chrono::steady_clock::now();
    seconds_before_ = state_.seconds;
    auto next = std::make_shared<const OnnxModel>(apply(step, done));
    done.seconds = seconds();
    count_weights(*next, done);
    if (tools_.measures_packed || halving_points) {
      done.packed_bytes = packed_size(*next, tools_.encode, tools_.threads);
    }
    if (tools_.evaluator != nullptr) done.validation = tools_.evaluator->validate(*next);
    const std::optional<Score>& before = state_.report.validation_before;
    // A score that is no number is beyond every limit.
    done.gated = limit || halving_points;
    const bool within = !limit || !before || lost(*before, done.validation->value) <= *limit;
    const bool worth_it = !halving_points || !before || net_points(done, *halving_points) >= 0;
    done.kept = within && worth_it;
    state_.report.interrupted = done.interrupted;
    if (!done.kept && !done.interrupted && done.repetition == 1) {
      const std::string loss = loss_text(*before, *done.validation);
      state_.report.gate_missed =
          within
              ? fmt::format("{} lost {}, which the smaller size is not worth by --strategy score",
                            done.name, loss)
              : fmt::format("{} lost {}, more than --max-drop {}", done.name, loss, *limit);
    }
    if (done.kept) state_.model = next;
    if (done.kept && step.kind().from_scratch) {
      state_.baseline = next;
      state_.report.validation_before = done.validation;
    }
    const bool step_ends = !done.kept || done.repetition >= done.repetitions;
    state_.report.steps.push_back(std::move(done));
    if (tools_.on_step) tools_.on_step(state_.report.steps.back());
    if (has_ended()) return;
    state_.training.clear();
    state_.seconds = 0;
    state_.repetition = step_ends ? 1 : state_.repetition + 1;
    if (step_ends) ++state_.step;
  }

  // What a repetition gains in size against the model that was kept before, in points of the score,
  // less the points that it loses. No number where a score is none.
  double net_points(const StepReport& done, double halving_points) const {
    const StepReport* last = state_.report.last_kept();
    const std::uint64_t bytes =
        last != nullptr && last->packed_bytes > 0
            ? last->packed_bytes
            : packed_size(or_input(state_.model), tools_.encode, tools_.threads);
    const std::optional<Score>& score =
        last != nullptr ? last->validation : state_.report.validation_before;
    const double halvings =
        std::log2(static_cast<double>(bytes) / static_cast<double>(done.packed_bytes));
    return halving_points * halvings - lost(score.value(), done.validation->value);
  }

  // That the repetition has taken, before a resumption too.
  double seconds() const {
    const auto now = std::chrono::steady_clock::now();
    return seconds_before_ + std::chrono::duration<double>(now - started_).count();
  }

  // What training keeps: forms, and of all other tensors zeros or shared values.
  static std::vector<Constraint> all_constraints(const OnnxModel& model, Keep keep,
                                                 std::vector<Constraint> forms) {
    std::vector<Constraint> all = std::move(forms);
    for (Constraint& constraint : find_constraints(model, keep)) {
      const bool formed =
          std::ranges::find(all, constraint.tensor, &Constraint::tensor) != all.end();
      if (!formed) all.push_back(std::move(constraint));
    }
    return all;
  }

  OnnxModel apply(const Step& step, StepReport& done) {
    const OnnxModel& model = or_input(state_.model);
    const OnnxModel& step_input = or_input(state_.step_input);
    const bool tunes = tools_.tuner != nullptr && step.train_options().epochs > 0;
    PassResult result;
    std::vector<Constraint> forms;  // that training gives to weights
    if (const Pass* pass = step.kind().pass) {
      const Params params = step.pass_params(done.repetition, step_input);
      result = apply_pass(*pass, model, params,
                          {.threads = tools_.threads, .calibration = tools_.calibration});
      done.pass = std::move(result.report);
      if (done.repetition > 1) continue_channels(*done.pass);
      if (tunes && pass->forms != nullptr) {
        const OnnxModel& base = result.base(model);
        forms = form_constraints(base, pass->forms(base, params));
      }
      // Tensors with a form are trained from the floats that they come from.
      for (const Constraint& form : forms) result.edits.erase(form.tensor);
    } else if (step.kind().from_scratch) {
      result.edits = initial_weights(model, step.train_options().seed);
    }
    OnnxModel changed = result.model(model);
    if (tunes) changed = tuned(step, changed, std::move(forms), done);
    if (done.pass && (tunes || done.repetition > 1)) {
      compare_with(step_input, changed, *done.pass);
    }
    return changed;
  }

  // Channels are compared with the model that the first repetition started from.
  void continue_channels(PassReport& now) const {
    const auto& steps = state_.report.steps;
    if (!now.channels || steps.empty() || !steps.back().pass || !steps.back().pass->channels)
      return;
    now.channels = since(*steps.back().pass->channels, std::move(*now.channels));
  }

  OnnxModel tuned(const Step& step, const OnnxModel& changed, std::vector<Constraint> forms,
                  StepReport& done) {
    TuneRequest request;
    request.label = step_label(done);
    request.number = ++state_.tunings;
    request.constraints = all_constraints(changed, step.keep(), std::move(forms));
    request.options = step.train_options();
    request.teacher = step.kind().from_scratch ? nullptr : &or_input(state_.baseline);
    request.resume_from = std::move(state_.training);
    if (tools_.save_state) {
      request.state_due = tools_.state_due;
      request.save_state = [this](ByteView training) { save_during_tuning(training); };
    }
    TuneOutcome outcome = tools_.tuner->tune(changed, request);
    done.epochs = outcome.epochs;
    done.interrupted = outcome.interrupted;
    done.violations = enforce(changed, request.constraints, outcome.values);
    return changed.edited(std::move(outcome.values));
  }

  void save_during_tuning(ByteView training) {
    PipelineState state = state_;
    --state.tunings;
    state.training.assign(training.begin(), training.end());
    state.seconds = seconds();
    save(state);
  }

  const OnnxModel& input_;
  const std::vector<Step>& steps_;
  const PipelineTools& tools_;
  PipelineReport& report_;
  PipelineState state_;
  std::chrono::steady_clock::time_point started_;
  double seconds_before_ = 0;
  bool saved_ = false;
};

}  // namespace

std::string step_label(const StepReport& step) {
  if (step.repetitions == 1) return step.name;
  return fmt::format("{} {}/{}", step.name, step.repetition, step.repetitions);
}

const StepReport* PipelineReport::last_kept() const {
  const StepReport* last = nullptr;
  for (const StepReport& step : steps) {
    if (step.kept) last = &step;
  }
  return last;
}

PipelineResult run_steps(const OnnxModel& input, const std::vector<Step>& steps,
                         const PipelineTools& tools, PipelineReport& report) {
  return Runner(input, steps, tools, report).run();
}

std::uint64_t packed_size(const OnnxModel& model, const EncodeOptions& encode, unsigned threads) {
  SizeSink sink;
  PackOptions options;
  options.encode = encode;
  options.threads = threads;
  pack_model(model, options, sink);
  return sink.size();
}

}  // namespace qc
