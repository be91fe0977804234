#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>

#include "core/random.h"
#include "engine/torch/augmentation.h"
#include "engine/torch/objective.h"

namespace qc::torch_engine {
namespace {

class LabelledObjective final : public Objective {
 public:
  LabelledObjective(TorchNetwork& network, const TrainJob& job) : network_(network), job_(job) {
    network.require_classifier(*job.train);
    if (job.validation != nullptr) network.require_classifier(*job.validation);
    batch_ = std::min(job.options.batch, network.fixed_batch().value_or(job.options.batch));
  }

  std::size_t batches() const override { return (job_.train->size() + batch_ - 1) / batch_; }

  void start(int epoch) override {
    const auto number = static_cast<std::uint64_t>(epoch);
    stream_.emplace(*job_.train, shuffled(job_.train->size(), job_.options.seed, number), batch_);
  }

  double add_gradients(const GradientQuantizer* gradients, std::uint64_t seed,
                       Tally& tally) override {
    const TrainOptions& options = job_.options;
    Batch samples;
    stream_->next(samples);
    const at::Tensor labels = at::tensor(samples.labels, at::kLong).to(network_.device());
    const at::Tensor plain =
        network_.input_tensor(*job_.train, samples.inputs, samples.labels.size());
    const at::Tensor input = augmented(plain, job_.train->sample_shape(), options, seed);
    const at::Tensor scores = network_.scores(input, {true, options.norm, gradients, seed});
    TorchNetwork::require_classes(scores, *job_.train);
    at::Tensor loss = at::cross_entropy_loss(scores, labels, {}, at::Reduction::Mean, -100,
                                             options.label_smoothing);
    const double distill = job_.teacher != nullptr ? options.distill : 0;
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
    const double value = loss.item().toDouble();
    tally.add(scores, labels, value);
    return value;
  }

  std::optional<Metrics> validate() override {
    if (job_.validation == nullptr) return std::nullopt;
    return network_.evaluate(*job_.validation, batch_, {});
  }

  bool is_better(const Metrics& one, const Metrics& other) const override {
    return one.top1 > other.top1 || (one.top1 == other.top1 && one.loss < other.loss);
  }

 private:
  TorchNetwork& network_;
  const TrainJob& job_;
  std::size_t batch_ = 0;
  std::optional<BatchStream> stream_;
};

}  // namespace

std::unique_ptr<Objective> make_labelled_objective(TorchNetwork& network, const TrainJob& job) {
  return std::make_unique<LabelledObjective>(network, job);
}

}  // namespace qc::torch_engine
