#include "pipeline/shrink/distillation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "core/float_types.h"
#include "passes/kernels/short_mantissas.h"
#include "pipeline/constraints.h"

namespace qc {
namespace {

constexpr int kMantissaBits = 23;
// Trained, shared values are known better than the bits they were rounded to could tell.
constexpr int kMoreBits = 2;

class DistillObserver final : public TrainObserver {
 public:
  DistillObserver(const DistillOptions& options, int epochs, std::size_t samples)
      : options_(options), total_(static_cast<double>(samples) * epochs), samples_(samples) {}

  bool on_batch(const BatchReport& report) override {
    if (options_.progress) {
      const auto before = static_cast<double>(report.epoch - 1) * static_cast<double>(samples_);
      options_.progress((before + static_cast<double>(report.samples)) / total_);
    }
    return !options_.stop_requested || !options_.stop_requested();
  }
  void on_epoch(const EpochReport& /*report*/) override {}
  bool wants_state() override { return false; }
  void on_state(ByteView /*state*/) override {}

 private:
  const DistillOptions& options_;
  double total_;
  std::size_t samples_;
};

int mantissa_bits(const std::vector<float>& values) {
  int bits = 0;
  for (const float value : values) {
    while (bits < kMantissaBits && round_mantissa(value, bits) != value) ++bits;
  }
  return bits;
}

bool is_rounded_alone(const TensorInfo& tensor) {
  return tensor.role == Role::kBias || tensor.role == Role::kNorm;
}

TrainJob make_job(const OnnxModel& rounded, const ShrinkPlan& plan) {
  TrainJob job;
  std::set<std::size_t> tensors;
  job.constraints = find_constraints(rounded, Keep::kShared);
  for (const Constraint& constraint : job.constraints) {
    const bool planned = std::ranges::find(plan.layers, constraint.tensor, &WeightLayer::tensor) !=
                         plan.layers.end();
    if (planned) tensors.insert(constraint.tensor);
  }
  const auto add = [&](std::size_t tensor) {
    if (is_rounded_alone(rounded.tensors()[tensor])) tensors.insert(tensor);
  };
  for (const WeightLayer& layer : plan.layers) {
    if (layer.bias) add(*layer.bias);
  }
  std::ranges::for_each(plan.singles, add);
  job.tensors.assign(tensors.begin(), tensors.end());
  return job;
}

}  // namespace

std::vector<float> with_mantissas_like(const std::vector<float>& values,
                                       const std::vector<float>& like, int extra) {
  const int bits = std::min(mantissa_bits(like) + extra, kMantissaBits);
  std::vector<float> result;
  result.reserve(values.size());
  for (const float value : values) {
    result.push_back(static_cast<float>(round_mantissa(value, bits)));
  }
  return result;
}

std::vector<float> on_grid_of(const std::vector<float>& values, const std::vector<float>& like) {
  int exponent = std::numeric_limits<int>::max();
  for (const float value : like) {
    if (value == 0 || !std::isfinite(value)) continue;
    int own = 0;
    const double fraction = std::frexp(value, &own);
    int bits = 0;
    while (std::nearbyint(std::ldexp(fraction, bits)) != std::ldexp(fraction, bits)) ++bits;
    exponent = std::min(exponent, own - bits);
  }
  if (exponent == std::numeric_limits<int>::max()) return like;
  std::vector<float> result;
  result.reserve(values.size());
  for (const float value : values) {
    const double steps = std::nearbyint(std::ldexp(static_cast<double>(value), -exponent));
    result.push_back(static_cast<float>(std::ldexp(steps, exponent)) + 0.0F);
  }
  return result;
}

OnnxModel distilled(const OnnxModel& rounded, const OnnxModel& reference, const ShrinkPlan& plan,
                    Engine& engine, const Imitation& imitation, const DistillOptions& options) {
  TrainJob job = make_job(rounded, plan);
  if (job.tensors.empty()) return rounded;
  const std::size_t samples = imitation.train.count;
  const std::size_t steps = (samples + options.batch - 1) / options.batch;
  job.options.epochs =
      static_cast<int>((options.steps + steps - 1) / std::max<std::size_t>(steps, 1));
  job.options.batch = options.batch;
  job.options.optimizer = Optimizer::kAdam;
  job.options.learning_rate = options.learning_rate;
  job.options.schedule = Schedule::kCosine;
  job.options.seed = options.seed;
  job.imitation = &imitation;
  DistillObserver observer(options, job.options.epochs, samples);
  job.observer = &observer;
  const auto teacher = engine.load(load_model(reference));
  job.teacher = teacher.get();
  TrainResult result = engine.load(load_model(rounded))->train(job);
  if (result.best_epoch == 0) return rounded;
  enforce(rounded, job.constraints, result.values);
  for (auto& [tensor, payload] : result.values) {
    const TensorInfo& info = rounded.tensors()[tensor];
    const std::vector<float> before = values_of(rounded, tensor);
    std::vector<float> values = load_floats(info.type, payload);
    values = info.role == Role::kBias
                 ? on_grid_of(values, before)
                 : with_mantissas_like(values, before, info.role == Role::kNorm ? 0 : kMoreBits);
    store_floats(info.type, values, payload);
  }
  return rounded.edited(std::move(result.values));
}

}  // namespace qc
