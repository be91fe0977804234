#include "pipeline/engine_workbench.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace qc {
namespace {

constexpr std::uint64_t kHeldOutSeed = 0;

// Weights, biases and normalisations, which is what training changes.
std::vector<std::size_t> trainable(const OnnxModel& model) {
  std::vector<std::size_t> tensors;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (tensor.has_values() && tensor.role != Role::kOther) tensors.push_back(i);
  }
  return tensors;
}

class Observer final : public TrainObserver {
 public:
  Observer(Monitor& monitor, const TuneRequest& request, std::uint64_t total)
      : monitor_(monitor), request_(request), total_(total) {}

  bool on_batch(int epoch, std::uint64_t samples, double loss, double top1) override {
    monitor_.on_batch(request_, epoch, samples, total_, loss, top1);
    return !monitor_.stop_requested();
  }
  void on_epoch(const EpochReport& report) override { monitor_.on_epoch(request_, report); }
  bool wants_state() override {
    return request_.save_state && (!request_.state_due || request_.state_due());
  }
  void on_state(ByteView state) override { request_.save_state(state); }

 private:
  Monitor& monitor_;
  const TuneRequest& request_;
  std::uint64_t total_;
};

}  // namespace

EngineWorkbench::EngineWorkbench(const Options& options, Monitor& monitor)
    : options_(options),
      monitor_(monitor),
      engine_(open_engine(options.engine)),
      test_(open_dataset(options.data, Split::kTest)) {
  if (!options.trains) return;
  train_ = open_dataset(options.data, Split::kTrain);
  const auto count = static_cast<std::size_t>(
      std::llround(options.validation * static_cast<double>(train_->size())));
  HeldOut split = hold_out(train_->size(), count, kHeldOutSeed);
  kept_ = std::make_unique<Subset>(*train_, std::move(split.kept));
  held_out_ = std::make_unique<Subset>(*train_, std::move(split.held_out));
}

EngineWorkbench::~EngineWorkbench() = default;

Score EngineWorkbench::evaluate(const OnnxModel& model, const Dataset& data,
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

Score EngineWorkbench::validate(const OnnxModel& model) {
  // Without held-out samples the training data judges itself, which is still not the test data.
  return evaluate(model, held_out_->size() > 0 ? *held_out_ : *kept_, "validation");
}

Score EngineWorkbench::test(const OnnxModel& model) { return evaluate(model, *test_, "test"); }

TuneOutcome EngineWorkbench::tune(const OnnxModel& model, const TuneRequest& request) {
  const auto network = engine_->load(load_model(model));
  const bool distills = request.teacher != nullptr && request.options.distill > 0;
  const auto teacher = distills ? engine_->load(load_model(*request.teacher)) : nullptr;
  const std::size_t wanted = request.options.samples;
  const Subset some(*kept_, hold_out(kept_->size(), std::min(wanted, kept_->size()),
                                     request.options.seed, StreamPurpose::kTrainingSubset)
                                .held_out);
  const Dataset& samples = wanted > 0 ? some : *kept_;
  Observer observer(monitor_, request, samples.size());
  TrainJob job;
  job.options = request.options;
  job.tensors = trainable(model);
  job.train = &samples;
  job.validation = held_out_->size() > 0 ? held_out_.get() : nullptr;
  job.constraints = request.constraints;
  job.resume_from = request.resume_from;
  job.observer = &observer;
  job.teacher = teacher.get();
  TrainResult result = network->train(job);
  return {std::move(result.values), result.last_epoch, result.interrupted};
}

}  // namespace qc
