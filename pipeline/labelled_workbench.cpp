#include "pipeline/labelled_workbench.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/error.h"
#include "graph/final_softmax.h"
#include "pipeline/run_inputs.h"

namespace qc {
namespace {

constexpr std::uint64_t kHeldOutSeed = 0;

}  // namespace

LabelledWorkbench::LabelledWorkbench(std::unique_ptr<Engine> engine, const Options& options,
                                     std::unique_ptr<Dataset> train, Monitor& monitor)
    : options_(options),
      monitor_(monitor),
      engine_(std::move(engine)),
      train_(std::move(train)),
      test_(open_dataset(options.data, Split::kTest)) {
  if (train_ == nullptr) return;
  const auto count = static_cast<std::size_t>(
      std::llround(options.validation * static_cast<double>(train_->size())));
  HeldOut split = hold_out(train_->size(), count, kHeldOutSeed);
  kept_indices_ = split.kept;
  kept_ = std::make_unique<Subset>(*train_, std::move(split.kept));
  held_out_ = std::make_unique<Subset>(*train_, std::move(split.held_out));
}

LabelledWorkbench::~LabelledWorkbench() = default;

Score LabelledWorkbench::evaluate(const OnnxModel& model, const Dataset& data,
                                  std::string_view name) {
  return scores_.score_of(model, name, [&] {
    const auto network = engine_->load(load_model(model));
    std::uint64_t done = 0;
    const Metrics metrics = network->evaluate(data, options_.batch, [&](std::uint64_t samples) {
      done += samples;
      monitor_.on_evaluation(done, data.size());
    });
    return Score{"top1", metrics.top1, metrics};
  });
}

Score LabelledWorkbench::validate(const OnnxModel& model) {
  // Without held-out samples the training data judges itself, which is still not the test data.
  return evaluate(model, held_out_->size() > 0 ? *held_out_ : *kept_, "validation");
}

Score LabelledWorkbench::test(const OnnxModel& model) { return evaluate(model, *test_, "test"); }

std::string LabelledWorkbench::samples_text() const {
  return fmt::format("{}: {} samples to train on, {} held out, {} to test", test_->description(),
                     kept_->size(), held_out_->size(), test_->size());
}

std::vector<OutputLoss> LabelledWorkbench::losses(const OnnxModel& model) {
  const bool probabilities = final_softmax(model.graph()->main) != nullptr;
  return {{.output = 0, .scores_axis = 1, .probabilities = probabilities}};
}

RunInputs LabelledWorkbench::calibration_samples(const OnnxModel& model) {
  // No pass changes the inputs of a graph.
  if (feeds_ == nullptr) feeds_ = open_feeds(options_.data, Split::kTrain, model.graph()->main);
  return run_inputs(*feeds_, some_of(kept_indices_, kMostToCalibrate, kHeldOutSeed));
}

TuneOutcome LabelledWorkbench::tune(const OnnxModel& model, const TuneRequest& request) {
  const auto network = engine_->load(load_model(model));
  const bool distills = request.teacher != nullptr && request.options.distill > 0;
  const auto teacher = distills ? engine_->load(load_model(*request.teacher)) : nullptr;
  const std::size_t wanted = request.options.samples;
  const Subset some(*train_, some_of(kept_indices_, wanted, request.options.seed));
  const Dataset& samples = wanted > 0 ? some : *kept_;
  MonitoredTraining observer(monitor_, request, samples.size());
  TrainJob job = train_job(model, request, observer);
  job.train = &samples;
  job.validation = held_out_->size() > 0 ? held_out_.get() : nullptr;
  job.teacher = teacher.get();
  TrainResult result = network->train(job);
  return {std::move(result.values), result.last_epoch, result.interrupted};
}

}  // namespace qc
