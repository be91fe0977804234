#include "pipeline/unlabelled_workbench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "data/batches.h"
#include "pipeline/run_inputs.h"

namespace qc {
namespace {

constexpr std::uint64_t kSplitSeed = 0;
constexpr double kTestShare = 0.15;

std::size_t share_of(std::size_t count, double share) {
  return static_cast<std::size_t>(std::llround(static_cast<double>(count) * share));
}

// Those of `all` that `places` stand for.
std::vector<std::size_t> picked(const std::vector<std::size_t>& all,
                                const std::vector<std::size_t>& places) {
  std::vector<std::size_t> some;
  some.reserve(places.size());
  for (const std::size_t place : places) some.push_back(all[place]);
  return some;
}

}  // namespace

Score score_of(const Closeness& closeness) {
  Score score{.metric = std::string(kJudgedByChoices.name_of(closeness.metric)),
              .value = closeness.value};
  switch (closeness.metric) {
    case JudgedBy::kAccuracy:
    case JudgedBy::kAgreement:
      break;
    case JudgedBy::kSnr:
      score.metric = "noise";
      score.value = std::pow(10, -closeness.value / 10);
      score.higher_is_better = false;
      break;
    case JudgedBy::kCosine:
      score.unit = Unit::kOwn;
      break;
    case JudgedBy::kKl:
      score.unit = Unit::kOwn;
      score.unit_name = "nats";
      score.higher_is_better = false;
      break;
  }
  return score;
}

UnlabelledWorkbench::UnlabelledWorkbench(const Options& options, OnnxModel reference,
                                         Monitor& monitor)
    : options_(options),
      reference_(std::move(reference)),
      monitor_(monitor),
      engine_(open_engine(options.engine)),
      feeds_(open_feeds(options.data, Split::kTrain, reference_.graph()->main)) {
  const std::size_t count = feeds_->size();
  if (count < 3) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{}: {} of the samples that are needed: at least three, to train, to "
                            "validate and to test, and a few hundred for a good result",
                            feeds_->description(), count));
  }
  HeldOut tested = hold_out(count, std::max<std::size_t>(share_of(count, kTestShare), 1),
                            kSplitSeed, StreamPurpose::kSampleSplit);
  test_.samples = std::move(tested.held_out);
  const std::size_t left = tested.kept.size();
  const HeldOut split = hold_out(
      left, std::clamp<std::size_t>(share_of(left, options.validation), 1, left - 1), kSplitSeed);
  kept_ = picked(tested.kept, split.kept);
  held_out_.samples = picked(tested.kept, split.held_out);
}

const Judgement& UnlabelledWorkbench::judgement_of(Bench& bench) {
  if (!bench.judgement) {
    bench.judgement.emplace(
        reference_, *engine_, run_inputs(*feeds_, bench.samples), options_.judging,
        [&](std::size_t done) { monitor_.on_evaluation(done, bench.samples.size()); });
  }
  return *bench.judgement;
}

Score UnlabelledWorkbench::evaluate(const OnnxModel& model, Bench& bench) {
  return scores_.score_of(model, bench.name, [&] {
    return score_of(judgement_of(bench).judge(model, *engine_, [&](std::size_t done) {
      monitor_.on_evaluation(done, bench.samples.size());
    }));
  });
}

Score UnlabelledWorkbench::validate(const OnnxModel& model) { return evaluate(model, held_out_); }

Score UnlabelledWorkbench::test(const OnnxModel& model) { return evaluate(model, test_); }

std::string UnlabelledWorkbench::samples_text() const {
  std::string text =
      fmt::format("{}: {} samples to train on, {} held out, {} to test", feeds_->description(),
                  kept_.size(), held_out_.samples.size(), test_.samples.size());
  for (const std::string& note : feeds_->notes()) text += "\n" + note;
  return text;
}

std::vector<OutputLoss> UnlabelledWorkbench::losses(const OnnxModel& /*model*/) {
  return judgement_of(held_out_).losses();
}

RunInputs UnlabelledWorkbench::calibration_samples(const OnnxModel& /*model*/) {
  return run_inputs(*feeds_, some_of(kept_, kMostToCalibrate, kSplitSeed));
}

TuneOutcome UnlabelledWorkbench::tune(const OnnxModel& model, const TuneRequest& request) {
  if (request.options.norm != NormTraining::kFrozen) {
    throw Error(ErrorCode::kUsage,
                "without labels normalisations keep their statistics: --norm frozen");
  }
  const auto network = engine_->load(load_model(model));
  const auto teacher = engine_->load(load_model(reference_));
  const std::size_t wanted = request.options.samples;
  std::vector<std::size_t> samples =
      wanted > 0 ? some_of(kept_, wanted, request.options.seed) : kept_;
  MonitoredTraining observer(monitor_, request, samples.size());
  Imitation imitation{.train = run_inputs(*feeds_, std::move(samples)),
                      .validation = run_inputs(*feeds_, held_out_.samples),
                      .outputs = judgement_of(held_out_).losses()};
  TrainJob job = train_job(model, request, observer);
  job.imitation = &imitation;
  job.teacher = teacher.get();
  TrainResult result = network->train(job);
  return {std::move(result.values), result.last_epoch, result.interrupted};
}

}  // namespace qc
