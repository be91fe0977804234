#include "pipeline/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "core/float_types.h"
#include "formats/qc_writer.h"
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

class Runner {
 public:
  Runner(const PipelineTools& tools, PipelineReport& report) : tools_(tools), report_(report) {}

  PipelineResult run(const OnnxModel& input, const std::vector<Step>& steps) {
    require_possible(steps, input);
    report_.original_bytes = input.total_size();
    OnnxModel model = input.edited({});
    OnnxModel baseline = input.edited({});
    teacher_ = &baseline;
    const bool starts_fresh = !steps.empty() && steps.front().kind().from_scratch;
    if (tools_.evaluator != nullptr && !starts_fresh) {
      report_.validation_before = tools_.evaluator->validate(model);
    }
    for (const Step& step : steps) {
      run_step(step, model);
      if (step.kind().from_scratch) {
        baseline = model.edited({});
        report_.validation_before = report_.steps.back().validation;
      }
      if (report_.interrupted) break;
    }
    return {std::move(model), std::move(baseline)};
  }

 private:
  // A mistake in a later step is not to be found after hours of training. Passes that keep what a
  // model computes may be what makes the next ones possible.
  void require_possible(const std::vector<Step>& steps, const OnnxModel& input) const {
    std::optional<OnnxModel> tidied;
    for (const Step& step : steps) {
      const OnnxModel& model = tidied ? *tidied : input;
      require_possible(step, model);
      if (step.trains() || tools_.tuner == nullptr) continue;
      tidied =
          apply_pass(*step.kind().pass, model, step.pass_params(1), tools_.threads).model(model);
    }
  }

  void require_possible(const Step& step, const OnnxModel& input) const {
    const StepKind& kind = step.kind();
    if (kind.pass == nullptr && tools_.tuner == nullptr) {
      throw Error(ErrorCode::kUsage, fmt::format("{} needs training data: --data", kind.name));
    }
    if (step.params().has("max-drop") && tools_.evaluator == nullptr) {
      throw Error(ErrorCode::kUsage, "--max-drop needs data to evaluate on: --data or --eval-cmd");
    }
    if (kind.pass == nullptr || tools_.tuner == nullptr) return;
    apply_pass(*kind.pass, input, step.pass_params(step.repetitions()), tools_.threads);
  }

  void run_step(const Step& step, OnnxModel& model) {
    const StepKind& kind = step.kind();
    const auto limit = step.params().number("max-drop");
    const int repetitions = step.repetitions();
    for (int i = 1; i <= repetitions && !report_.interrupted; ++i) {
      StepReport done;
      done.name = kind.name;
      done.repetition = i;
      done.repetitions = repetitions;
      const auto start = std::chrono::steady_clock::now();
      OnnxModel next = apply(step, i, model, done);
      done.seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      count_weights(next, done);
      if (tools_.measures_packed) {
        done.packed_bytes = packed_size(next, tools_.encode, tools_.threads);
      }
      if (tools_.evaluator != nullptr) done.validation = tools_.evaluator->validate(next);
      done.kept = !limit || !report_.validation_before || drop(done) <= *limit;
      report_.interrupted = done.interrupted || (tools_.stop_requested && tools_.stop_requested());
      report_.steps.push_back(done);
      if (tools_.on_step) tools_.on_step(done);
      if (!done.kept) {
        if (i == 1) refuse_drop(step, done, *limit);
        return;
      }
      model = std::move(next);
    }
  }

  // Percentage points lost since the start.
  double drop(const StepReport& done) const {
    return 100 * (report_.validation_before->value - done.validation->value);
  }

  [[noreturn]] void refuse_drop(const Step& step, const StepReport& done, double limit) const {
    throw Error(ErrorCode::kGate,
                fmt::format("{} lost {:.2f} points of {}, more than --max-drop {}",
                            step.kind().name, drop(done), done.validation->metric, limit));
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

  OnnxModel apply(const Step& step, int repetition, const OnnxModel& model, StepReport& done) {
    const bool tunes = tools_.tuner != nullptr && step.train_options().epochs > 0;
    PassResult result;
    std::vector<Constraint> forms;  // that training gives to weights
    if (const Pass* pass = step.kind().pass) {
      const Params params = step.pass_params(repetition);
      result = apply_pass(*pass, model, params, tools_.threads);
      done.pass = std::move(result.report);
      if (tunes && pass->forms != nullptr) {
        const OnnxModel& base = result.base(model);
        forms = form_constraints(base, pass->forms(base, params));
      }
      // Tensors with a form are trained from the floats that they come from.
      for (const Constraint& form : forms) result.edits.erase(form.tensor);
    } else if (step.kind().from_scratch && tools_.resume_from.empty()) {
      result.edits = initial_weights(model, step.train_options().seed);
    }
    OnnxModel changed = result.model(model);
    if (!tunes) return changed;

    TuneRequest request;
    request.label = step.repetitions() > 1
                        ? fmt::format("{} {}/{}", done.name, repetition, done.repetitions)
                        : done.name;
    request.step = ++tunings_;
    request.constraints = all_constraints(changed, step.keep(), std::move(forms));
    request.options = step.train_options();
    request.teacher = step.kind().from_scratch ? nullptr : teacher_;
    request.resume_from = tools_.resume_from;
    request.save_state = tools_.save_state;
    TuneOutcome outcome = tools_.tuner->tune(changed, request);
    done.epochs = outcome.epochs;
    done.interrupted = outcome.interrupted;
    done.violations = enforce(changed, request.constraints, outcome.values);
    return changed.edited(outcome.values);
  }

  const PipelineTools& tools_;
  PipelineReport& report_;
  const OnnxModel* teacher_ = nullptr;
  int tunings_ = 0;
};

}  // namespace

PipelineResult run_steps(const OnnxModel& input, const std::vector<Step>& steps,
                         const PipelineTools& tools, PipelineReport& report) {
  return Runner(tools, report).run(input, steps);
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
