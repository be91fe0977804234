#include "engine/torch/optimizer.h"

#include <ATen/ATen.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>

#include <utility>

#include "engine/torch/shift.h"

namespace qc::torch_engine {

std::unique_ptr<torch::optim::Optimizer> make_optimizer(
    const TrainOptions& options, const std::vector<ConstrainedTensor>& weights) {
  std::vector<at::Tensor> decayed;
  std::vector<at::Tensor> plain;
  for (const ConstrainedTensor& tensor : weights) {
    (tensor.weights().dim() > 1 ? decayed : plain).push_back(tensor.leaf());
  }
  const auto group = [&](std::vector<at::Tensor> leaves, auto settings, double decay) {
    settings.weight_decay(decay);
    return torch::optim::OptimizerParamGroup(std::move(leaves),
                                             std::make_unique<decltype(settings)>(settings));
  };
  const auto make = [&]<typename Settings>(Settings settings) {
    std::vector<torch::optim::OptimizerParamGroup> groups;
    if (!decayed.empty()) groups.push_back(group(decayed, settings, options.weight_decay));
    if (!plain.empty()) groups.push_back(group(plain, settings, 0));
    return groups;
  };
  switch (options.optimizer) {
    case Optimizer::kAdam: {
      const torch::optim::AdamOptions settings(options.learning_rate);
      return std::make_unique<torch::optim::Adam>(make(settings), settings);
    }
    case Optimizer::kShiftAdaMax: {
      const torch::optim::AdamOptions settings = ShiftAdaMax::options(options.learning_rate);
      return std::make_unique<ShiftAdaMax>(make(settings), settings);
    }
    case Optimizer::kSgd:
      break;
  }
  torch::optim::SGDOptions settings(options.learning_rate);
  settings.momentum(options.momentum);
  return std::make_unique<torch::optim::SGD>(make(settings), settings);
}

void set_learning_rate(torch::optim::Optimizer& optimizer, double rate) {
  for (torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    group.options().set_lr(rate);
  }
}

}  // namespace qc::torch_engine
