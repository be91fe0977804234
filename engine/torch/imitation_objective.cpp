#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/batches.h"
#include "engine/torch/objective.h"
#include "engine/torch/output_losses.h"

namespace qc::torch_engine {
namespace {

// Outputs of the teacher that are kept; beyond them it runs again for every epoch.
constexpr std::uint64_t kKeptBytes = std::uint64_t{256} << 20;

class ImitationObjective final : public Objective {
 public:
  ImitationObjective(TorchNetwork& network, const TrainJob& job)
      : network_(network),
        teacher_(dynamic_cast<TorchNetwork&>(*job.teacher)),
        job_(job),
        imitation_(*job.imitation),
        losses_(network.graph(), imitation_.outputs),
        teacher_losses_(teacher_.graph(), imitation_.outputs),
        train_(imitation_.train.count),
        validation_(imitation_.validation.count),
        energies_(imitation_.outputs.size()) {
    if (imitation_.train.count == 0) {
      throw Error(ErrorCode::kUsage, "there are no samples to train on");
    }
    for (std::size_t i = 0; i < imitation_.train.count; ++i) {
      const Targets targets = targets_of(imitation_.train, i, train_);
      for (std::size_t k = 0; k < targets.size(); ++k) {
        if (!is_used(targets[k])) continue;
        energies_[k] += targets[k].to(at::kDouble).pow(2).mean().item().toDouble() /
                        static_cast<double>(imitation_.train.count);
      }
    }
  }

  std::size_t batches() const override {
    return (imitation_.train.count + job_.options.batch - 1) / job_.options.batch;
  }

  void start(int epoch) override {
    order_ = shuffled(imitation_.train.count, job_.options.seed, static_cast<std::uint64_t>(epoch));
    next_ = 0;
  }

  double add_gradients(const GradientQuantizer* gradients, std::uint64_t seed,
                       Tally& tally) override {
    const std::size_t end = std::min(next_ + job_.options.batch, order_.size());
    const auto count = static_cast<double>(end - next_);
    const Mode mode{true, NormTraining::kFrozen, gradients, seed};
    double sum = 0;
    for (; next_ < end; ++next_) {
      const std::size_t sample = order_[next_];
      const Closeness closeness = compare(imitation_.train, sample, train_, mode);
      if (closeness.loss.requires_grad()) (closeness.loss / count).backward();
      sum += add(closeness, tally);
    }
    return sum / count;
  }

  std::optional<Metrics> validate() override {
    if (imitation_.validation.count == 0) return std::nullopt;
    const at::NoGradGuard no_gradient;
    Tally tally;
    for (std::size_t i = 0; i < imitation_.validation.count; ++i) {
      add(compare(imitation_.validation, i, validation_, {}), tally);
    }
    return tally.metrics();
  }

  bool is_better(const Metrics& one, const Metrics& other) const override {
    return one.loss < other.loss;
  }

 private:
  using Targets = std::vector<at::Tensor>;  // by output

  struct Closeness {
    at::Tensor loss;
    double agreement = std::numeric_limits<double>::quiet_NaN();
  };

  static bool is_used(const at::Tensor& target) {
    return target.defined() && target.is_floating_point() && target.numel() > 0;
  }

  static double add(const Closeness& closeness, Tally& tally) {
    const double loss = closeness.loss.item().toDouble();
    tally.samples += 1;
    tally.loss += loss;
    tally.top1 += closeness.agreement;
    tally.top5 += closeness.agreement;
    return loss;
  }

  // What the outputs are to be: of scores, log p.
  Targets targets_of(const RunInputs& inputs, std::size_t sample, std::vector<Targets>& kept) {
    if (!kept[sample].empty()) return kept[sample];
    const at::NoGradGuard no_gradient;
    Targets targets;
    const Values values = teacher_.values(inputs.load(sample), teacher_losses_.names(), {});
    std::uint64_t bytes = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      at::Tensor target = values[k].tensor;
      if (is_used(target) && losses_.has_scores(k)) {
        target = teacher_losses_.log_probabilities(k, target);
      }
      if (target.defined()) bytes += target.nbytes();
      targets.push_back(std::move(target));
    }
    if (kept_bytes_ + bytes <= kKeptBytes) {
      kept_bytes_ += bytes;
      kept[sample] = targets;
    }
    return targets;
  }

  Closeness compare(const RunInputs& inputs, std::size_t sample, std::vector<Targets>& kept,
                    const Mode& mode) {
    const Targets targets = targets_of(inputs, sample, kept);
    const Values values = network_.values(inputs.load(sample), losses_.names(), mode);
    Closeness closeness{at::zeros({}, at::kFloat)};
    double agreeing = 0;
    double positions = 0;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      if (!is_used(targets[k])) continue;
      const bool scores = losses_.has_scores(k);
      const at::Tensor value =
          scores ? losses_.log_probabilities(k, values[k].tensor) : values[k].tensor.to(at::kFloat);
      require_same_shape(k, value, targets[k]);
      if (scores) {
        const at::Tensor divergence = (targets[k].exp() * (targets[k] - value)).sum(1).mean();
        closeness.loss = closeness.loss + with_label(divergence, value, inputs, sample);
        agreeing += value.argmax(1).eq(targets[k].argmax(1)).sum().item().toDouble();
        positions += static_cast<double>(value.size(0));
      } else if (energies_[k] > 0) {
        const at::Tensor error = (value - targets[k]).pow(2).mean();
        closeness.loss = closeness.loss + error / energies_[k];
      }
    }
    if (positions > 0) closeness.agreement = agreeing / positions;
    return closeness;
  }

  // The divergence, mixed with the cross-entropy where there is a label.
  at::Tensor with_label(const at::Tensor& divergence, const at::Tensor& log_probabilities,
                        const RunInputs& inputs, std::size_t sample) const {
    const double weight = imitation_.label_weight;
    if (weight <= 0 || !inputs.label || log_probabilities.size(0) != 1) return divergence;
    const auto label = inputs.label(sample);
    if (!label || *label >= log_probabilities.size(1)) return divergence;
    return divergence * (1 - weight) - log_probabilities.select(1, *label).sum() * weight;
  }

  void require_same_shape(std::size_t k, const at::Tensor& value, const at::Tensor& target) const {
    if (value.sizes() == target.sizes()) return;
    const std::size_t output = imitation_.outputs[k].output;
    throw Error(
        ErrorCode::kUsage,
        fmt::format("output {} has another shape than output {} of the teacher",
                    network_.graph().outputs[output].name, teacher_.graph().outputs[output].name));
  }

  TorchNetwork& network_;
  TorchNetwork& teacher_;
  const TrainJob& job_;
  const Imitation& imitation_;
  OutputLosses losses_;
  OutputLosses teacher_losses_;
  std::vector<Targets> train_;  // by sample, as far as they are kept
  std::vector<Targets> validation_;
  std::uint64_t kept_bytes_ = 0;
  std::vector<double> energies_;  // mean squares of the teacher's outputs
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Objective> make_imitation_objective(TorchNetwork& network, const TrainJob& job) {
  return std::make_unique<ImitationObjective>(network, job);
}

}  // namespace qc::torch_engine
