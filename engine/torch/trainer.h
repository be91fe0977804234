// Training of one network for one job.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/constrained.h"
#include "engine/torch/network.h"

namespace torch::optim {
class Optimizer;
}

namespace qc::torch_engine {

class Trainer {
 public:
  /// Both must outlive this.
  Trainer(TorchNetwork& network, const TrainJob& job);
  ~Trainer();

  TrainResult run();

 private:
  // A running mean or variance: learnt by batch normalisation itself, not by the optimiser.
  struct Statistic {
    std::size_t source;
    at::Tensor values;
    std::optional<double> shift_epsilon;  // of a variance that is to be one of shift_variances()
  };
  struct Snapshot {
    std::vector<at::Tensor> leaves;
    std::vector<at::Tensor> statistics;
  };

  void take_tensors();
  void round_statistics();
  void make_optimizer();
  void set_learning_rate(double rate);
  double learning_rate(double epochs_done) const;
  EpochReport run_epoch(int epoch);
  double train_batch(const at::Tensor& input, const at::Tensor& labels, std::uint64_t seed,
                     Tally& tally);
  at::Tensor augmented(const at::Tensor& input, std::uint64_t batch_seed) const;
  bool improves(const EpochReport& report) const;
  Snapshot snapshot() const;
  void restore(const Snapshot& snapshot);
  Bytes state(int epoch) const;
  int resume(ByteView state);
  PayloadEdits values() const;

  TorchNetwork& network_;
  const TrainJob& job_;
  std::vector<ConstrainedTensor> tensors_;
  std::vector<Statistic> statistics_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  Snapshot best_;
  std::optional<Metrics> best_metrics_;
  int best_epoch_ = 0;
  bool interrupted_ = false;
  GradientQuantizer gradients_;
};

}  // namespace qc::torch_engine
