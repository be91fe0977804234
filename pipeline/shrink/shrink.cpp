#include "pipeline/shrink/shrink.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "pipeline/score_memory.h"
#include "pipeline/shrink/distillation.h"
#include "pipeline/shrink/shrinker.h"

namespace qc {
namespace {

// What the certificate takes in a container.
constexpr std::uint64_t kCertificateBytes = 400;
// How often a model that is not close enough on the samples of the certificate is followed by a
// larger one.
constexpr int kMostAttempts = 12;
// By how much less a bit costs then: less and less, or as much as the noise is too strong.
constexpr double kStepBack = 0.7;
constexpr double kStepGrowth = 1.3;
constexpr double kLongestStepBack = 0.03;

// Of labels beside the model's own scores, in a distillation.
constexpr double kLabelWeight = 0.5;

// Seconds since it was last asked.
class Laps {
 public:
  double lap() {
    const auto now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(begin_, now)).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point begin_ = Clock::now();
};

void require_fitting_goal(const ShrinkGoal& goal, JudgedBy metric, const OnnxModel& model) {
  const bool by_scores = metric == JudgedBy::kAgreement || metric == JudgedBy::kAccuracy;
  if (goal.max_drop && !by_scores) {
    std::vector<std::string> names;
    for (const GraphValue& output : model.graph()->main.outputs) names.push_back(output.name);
    throw Error(ErrorCode::kUsage,
                fmt::format("--max-drop is in points of agreement or accuracy, which needs an "
                            "output with scores of classes: name it with --scores, or ask for "
                            "--min-snr DB; the outputs are {}",
                            fmt::join(names, ", ")));
  }
  if (goal.min_snr && metric != JudgedBy::kSnr) {
    throw Error(ErrorCode::kUsage, "--min-snr needs --metric snr: the outputs are scores");
  }
}

// A task under way.
class Shrinking {
 public:
  Shrinking(const OnnxModel& model, Engine& engine, const ShrinkSamples& samples,
            const ShrinkTask& task, const ShrinkEvents& events)
      : model_(model),
        engine_(engine),
        samples_(samples),
        task_(task),
        events_(events),
        decide_(model, engine, samples.decide, task.judging) {}

  ShrinkOutcome run(SearchMemory& memory) {
    require_fitting_goal(task_.goal, decide_.metric(), model_);
    const std::string warning = decide_.variety_warning();
    if (!warning.empty() && events_.warning) events_.warning(warning);
    const Shrinker shrinker(model_, engine_, samples_.calibrate, decide_.losses(),
                            {.exclude = task_.exclude,
                             .seed = task_.seed,
                             .threads = task_.threads,
                             .progress = events_.progress});
    for (const std::string& name : shrinker.uncalibrated()) {
      if (!events_.detail) break;
      events_.detail(fmt::format("{}: no sample reaches it; all its inputs count alike", name));
    }
    ShrinkTimes times{.calibration = laps_.lap()};
    const SearchOptions options = search_options(shrinker, memory);
    ShrinkSearch search(model_, shrinker, engine_, decide_, options);
    ShrinkCandidate best =
        task_.lambda ? search.make({*task_.lambda, task_.allocations.front()}, task_.lockstep)
                     : search.run();
    times.search = laps_.lap();
    ShrinkOutcome outcome = certified(std::move(best), search);
    times.certificate = laps_.lap();
    outcome.times = times;
    return outcome;
  }

 private:
  SearchOptions search_options(const Shrinker& shrinker, SearchMemory& memory) const {
    SearchOptions options;
    options.goal = task_.goal;
    options.allocations = task_.allocations;
    options.lockstep = task_.lockstep;
    if (task_.distills) {
      options.refine = [this, &shrinker](const OnnxModel& rounded) {
        return distill(rounded, shrinker.plan());
      };
    }
    options.encode = task_.encode;
    options.reserved_bytes = task_.keeps_certificate ? kCertificateBytes : 0;
    options.threads = task_.threads;
    options.memory = &memory;
    options.on_candidate = events_.candidate;
    options.stop_requested = events_.stop_requested;
    return options;
  }

  OnnxModel distill(const OnnxModel& rounded, const ShrinkPlan& plan) const {
    Imitation imitation;
    imitation.train = samples_.calibrate;
    imitation.validation = samples_.decide;
    imitation.outputs = decide_.losses();
    if (decide_.metric() == JudgedBy::kAccuracy) imitation.label_weight = kLabelWeight;
    DistillOptions options;
    options.seed = task_.seed;
    options.progress = [this](double part) {
      if (events_.progress) events_.progress("distilling", part);
    };
    options.stop_requested = events_.stop_requested;
    return distilled(rounded, model_, plan, engine_, imitation, options);
  }

  // Noise grows with the price of a bit.
  double step_back(const Closeness& closeness, int attempts) const {
    double step = std::pow(kStepBack, std::pow(kStepGrowth, attempts - 1));
    if (task_.goal.min_snr) {
      step = std::min(step, std::pow(10, (closeness.value - *task_.goal.min_snr) / 10));
    }
    return std::max(step, kLongestStepBack);
  }

  ShrinkOutcome certified(ShrinkCandidate best, ShrinkSearch& search) const {
    const Judgement certify(model_, engine_, samples_.certify, task_.judging);
    Closeness closeness = certify.judge(*best.model, engine_);
    const auto is_close = [&] {
      return !task_.goal.has_bound() || keeps_bound(task_.goal, closeness);
    };
    int attempts = 1;
    while (!is_close() && attempts < kMostAttempts &&
           !(events_.stop_requested && events_.stop_requested())) {
      if (events_.note) {
        events_.note(fmt::format("on the samples of the certificate: {}; going back",
                                 metric_value_text(closeness.metric, closeness.value)));
      }
      const double lambda = best.point.lambda * step_back(closeness, attempts);
      best = search.make({lambda, best.point.allocation}, best.lockstep);
      closeness = certify.judge(*best.model, engine_);
      ++attempts;
    }
    Certificate certificate = make_certificate(closeness, best.point, best.lockstep);
    certificate.attempts = attempts;
    certificate.distilled = best.refined;
    certificate.sample_digest = sample_digest(samples_.certify);
    certificate.model_digest = model_digest(model_);
    certificate.calibrated_on = samples_.calibrate.count;
    certificate.seed = task_.seed;
    certificate.engine = engine_.description();
    return {std::move(best), std::move(certificate), is_close(), {}};
  }

  const OnnxModel& model_;
  Engine& engine_;
  const ShrinkSamples& samples_;
  const ShrinkTask& task_;
  const ShrinkEvents& events_;
  Laps laps_;  // begins before the reference is judged
  Judgement decide_;
};

}  // namespace

ShrinkOutcome shrink_model(const OnnxModel& model, Engine& engine, const ShrinkSamples& samples,
                           const ShrinkTask& task, SearchMemory& memory,
                           const ShrinkEvents& events) {
  return Shrinking(model, engine, samples, task, events).run(memory);
}

}  // namespace qc
