#include "engine/torch/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/random.h"
#include "engine/torch/augmentation.h"
#include "engine/torch/optimizer.h"
#include "engine/torch/training_schedule.h"

namespace qc::torch_engine {
namespace {

bool better(const Metrics& a, const Metrics& b) {
  return a.top1 > b.top1 || (a.top1 == b.top1 && a.loss < b.loss);
}

const TrainJob& checked(const TorchNetwork& network, const TrainJob& job) {
  network.require_classifier(*job.train);
  if (job.validation != nullptr) network.require_classifier(*job.validation);
  return job;
}

}  // namespace

Trainer::Trainer(TorchNetwork& network, const TrainJob& job)
    : network_(network),
      job_(checked(network, job)),
      tensors_(network, job),
      optimizer_(make_optimizer(job.options, tensors_.weights())) {}

TrainResult Trainer::run() {
  TrainResult result;
  if (!job_.resume_from.empty()) {
    state_ = read_training_state(job_.resume_from, tensors_, *optimizer_);
  } else {
    state_.best = tensors_.snapshot();
    if (job_.validation != nullptr) {
      state_.best_metrics = network_.evaluate(*job_.validation, job_.options.batch, {});
    }
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
  return !state_.best_metrics || better(*report.validation, *state_.best_metrics);
}

EpochReport Trainer::run_epoch(int epoch) {
  const auto start = std::chrono::steady_clock::now();
  const TrainOptions& options = job_.options;
  const Dataset& data = *job_.train;
  const std::size_t batch = std::min(options.batch, network_.fixed_batch().value_or(options.batch));
  const auto batches = static_cast<double>((data.size() + batch - 1) / batch);
  BatchStream stream(data, shuffled(data.size(), options.seed, static_cast<std::uint64_t>(epoch)),
                     batch);
  Batch samples;
  Tally tally;
  EpochReport report;
  report.epoch = epoch;
  for (std::uint64_t done = 0; stream.next(samples); ++done) {
    report.learning_rate = learning_rate(options, epoch - 1 + static_cast<double>(done) / batches);
    set_learning_rate(*optimizer_, report.learning_rate);
    const std::uint64_t seed = stream_seed(options.seed, StreamPurpose::kBatch,
                                           (static_cast<std::uint64_t>(epoch) << 32) + done);
    at::manual_seed(stream_seed(seed, StreamPurpose::kDropout));
    const at::Tensor labels = at::tensor(samples.labels, at::kLong).to(network_.device());
    const at::Tensor input = network_.input_tensor(data, samples.inputs, samples.labels.size());
    const double loss =
        train_batch(augmented(input, data.sample_shape(), options, seed), labels, seed, tally);
    if (!std::isfinite(loss)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("training diverged in epoch {}: the loss is not finite; a smaller "
                              "learning rate than {} may help",
                              epoch, report.learning_rate));
    }
    if (job_.observer == nullptr) continue;
    const Metrics metrics = tally.metrics();
    if (!job_.observer->on_batch(epoch, tally.samples, metrics.loss, metrics.top1)) {
      interrupted_ = true;
      break;
    }
  }
  tensors_.settle();
  report.train_loss = tally.metrics().loss;
  report.train_top1 = tally.metrics().top1;
  if (job_.validation != nullptr) {
    report.validation = network_.evaluate(*job_.validation, batch, {});
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

double Trainer::train_batch(const at::Tensor& input, const at::Tensor& labels, std::uint64_t seed,
                            Tally& tally) {
  for (const ConstrainedTensor& tensor : tensors_.weights())
    tensor.weights().mutable_grad().reset();
  const at::Tensor scores =
      network_.scores(input, {true, job_.options.norm, tensors_.gradients(), seed});
  TorchNetwork::require_classes(scores, *job_.train);
  at::Tensor loss = at::cross_entropy_loss(scores, labels, {}, at::Reduction::Mean, -100,
                                           job_.options.label_smoothing);
  const double distill = job_.teacher != nullptr ? job_.options.distill : 0;
  if (distill > 0) {
    at::Tensor wanted;
    {
      const at::NoGradGuard no_gradient;
      wanted = at::softmax(dynamic_cast<TorchNetwork&>(*job_.teacher).scores(input, {}), 1);
    }
    const at::Tensor imitation = -(wanted * at::log_softmax(scores, 1)).sum(1).mean();
    loss = loss * (1 - distill) + imitation * distill;
  }
  loss.backward();
  for (ConstrainedTensor& tensor : tensors_.weights()) tensor.gather_gradient();
  optimizer_->step();
  for (ConstrainedTensor& tensor : tensors_.weights()) {
    tensor.spread(stream_seed(seed, StreamPurpose::kLowBitWeights, tensor.source()));
  }
  const double value = loss.item().toDouble();
  tally.add(scores, labels, value);
  return value;
}

}  // namespace qc::torch_engine
