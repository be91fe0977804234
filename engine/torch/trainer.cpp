#include "engine/torch/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "engine/torch/optimizer.h"
#include "engine/torch/training_schedule.h"

namespace qc::torch_engine {
namespace {

std::unique_ptr<Objective> make_objective(TorchNetwork& network, const TrainJob& job) {
  return job.imitation != nullptr ? make_imitation_objective(network, job)
                                  : make_labelled_objective(network, job);
}

}  // namespace

Trainer::Trainer(TorchNetwork& network, const TrainJob& job)
    : job_(job),
      objective_(make_objective(network, job)),
      tensors_(network, job),
      optimizer_(make_optimizer(job.options, tensors_.weights())) {}

TrainResult Trainer::run() {
  TrainResult result;
  if (!job_.resume_from.empty()) {
    state_ = read_training_state(job_.resume_from, tensors_, *optimizer_);
  } else {
    state_.best = tensors_.snapshot();
    state_.best_metrics = objective_->validate();
  }
  while (!interrupted_ && is_due(job_.options, state_.epoch + 1, state_.best_epoch)) {
    result.epochs.push_back(run_epoch(++state_.epoch));
    EpochReport& report = result.epochs.back();
    report.best = improves(report);
    if (report.best) {
      state_.best = tensors_.snapshot();
      state_.best_metrics = report.validation;
      state_.best_epoch = state_.epoch;
    }
    if (job_.observer != nullptr) {
      job_.observer->on_epoch(report);
      if (!interrupted_ && job_.observer->wants_state()) {
        const Bytes bytes = write_training_state(state_, tensors_, *optimizer_);
        job_.observer->on_state(bytes);
      }
    }
  }
  tensors_.restore(state_.best);
  result.last_epoch = state_.epoch;
  result.best_epoch = state_.best_epoch;
  result.interrupted = interrupted_;
  result.values = tensors_.values();
  return result;
}

// An epoch that was cut short counts only if it validated better.
bool Trainer::improves(const EpochReport& report) const {
  if (!report.validation) return !interrupted_ || state_.best_epoch == 0;
  return !state_.best_metrics || objective_->is_better(*report.validation, *state_.best_metrics);
}

EpochReport Trainer::run_epoch(int epoch) {
  const auto start = std::chrono::steady_clock::now();
  const TrainOptions& options = job_.options;
  const std::size_t batches = objective_->batches();
  objective_->start(epoch);
  Tally tally;
  EpochReport report;
  report.epoch = epoch;
  for (std::size_t done = 0; done < batches; ++done) {
    report.learning_rate = learning_rate(
        options, epoch - 1 + static_cast<double>(done) / static_cast<double>(batches));
    set_learning_rate(*optimizer_, report.learning_rate);
    const std::uint64_t seed = stream_seed(options.seed, StreamPurpose::kBatch,
                                           (static_cast<std::uint64_t>(epoch) << 32) + done);
    at::manual_seed(stream_seed(seed, StreamPurpose::kDropout));
    const double loss = train_batch(seed, tally);
    if (!std::isfinite(loss)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("training diverged in epoch {}: the loss is not finite; a smaller "
                              "learning rate than {} may help",
                              epoch, report.learning_rate));
    }
    if (job_.observer == nullptr) continue;
    const Metrics metrics = tally.metrics();
    if (!job_.observer->on_batch({epoch, tally.samples, metrics.loss, metrics.top1})) {
      interrupted_ = true;
      break;
    }
  }
  tensors_.settle();
  report.train_loss = tally.metrics().loss;
  report.train_top1 = tally.metrics().top1;
  report.validation = objective_->validate();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

double Trainer::train_batch(std::uint64_t seed, Tally& tally) {
  for (const ConstrainedTensor& tensor : tensors_.weights())
    tensor.weights().mutable_grad().reset();
  const double loss = objective_->add_gradients(tensors_.gradients(), seed, tally);
  for (ConstrainedTensor& tensor : tensors_.weights()) tensor.gather_gradient();
  optimizer_->step();
  for (ConstrainedTensor& tensor : tensors_.weights()) {
    tensor.spread(stream_seed(seed, StreamPurpose::kLowBitWeights, tensor.source()));
  }
  return loss;
}

}  // namespace qc::torch_engine
