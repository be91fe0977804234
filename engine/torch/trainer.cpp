#include "engine/torch/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>
#include <sstream>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "engine/torch/convert.h"
#include "engine/torch/shift.h"

namespace qc::torch_engine {
namespace {

enum class NormPart { kScale, kMean, kVariance };

struct NormConstant {
  NormPart part;
  double epsilon;  // of its node
};

// The constants of batch normalisations but for the biases, by name.
std::map<std::string, NormConstant> norm_constants(const Graph& graph) {
  constexpr std::array<std::pair<std::size_t, NormPart>, 3> kInputs = {
      {{1, NormPart::kScale}, {3, NormPart::kMean}, {4, NormPart::kVariance}}};
  std::map<std::string, NormConstant> found;
  for (const Node& node : graph.nodes) {
    if (node.op != "BatchNormalization") continue;
    double epsilon = 1e-5F;
    const auto given = node.attributes.find("epsilon");
    if (given != node.attributes.end()) {
      if (const auto* value = std::get_if<float>(&given->second)) epsilon = *value;
    }
    for (const auto& [input, part] : kInputs) {
      if (input < node.inputs.size()) found[node.inputs[input]] = {part, epsilon};
    }
  }
  return found;
}

struct NamedConstant {
  std::string name;
  const GraphTensor* constant;
};

// Every constant of the main graph that comes from a tensor of the model, by its index there.
std::map<std::size_t, NamedConstant> constants_by_source(const Graph& graph) {
  std::map<std::size_t, NamedConstant> found;
  for (const auto& [name, tensor] : graph.initializers) {
    if (tensor.source) found[*tensor.source] = {name, &tensor};
  }
  for (const Node& node : graph.nodes) {
    if (node.op != "Constant" || node.outputs.empty()) continue;
    const auto value = node.attributes.find("value");
    if (value == node.attributes.end()) continue;
    const auto* tensor = std::get_if<GraphTensor>(&value->second);
    if (tensor != nullptr && tensor->source)
      found[*tensor->source] = {node.outputs.front(), tensor};
  }
  return found;
}

const Constraint* find_constraint(const TrainJob& job, std::size_t tensor) {
  const auto found = std::ranges::find(job.constraints, tensor, &Constraint::tensor);
  return found == job.constraints.end() ? nullptr : &*found;
}

// How to permute batches of such samples to {samples, channels, height, width}. Channels are the
// end with few entries.
std::vector<std::int64_t> channels_first(const std::vector<std::int64_t>& sample) {
  constexpr std::int64_t kMostChannels = 4;
  if (sample.size() == 3 && sample[0] <= kMostChannels) return {0, 1, 2, 3};
  if (sample.size() == 3 && sample[2] <= kMostChannels) return {0, 3, 1, 2};
  throw Error(
      ErrorCode::kUsage,
      fmt::format("--shift and --flip are for images; these samples are {}", shape_text(sample)));
}

bool better(const Metrics& a, const Metrics& b) {
  return a.top1 > b.top1 || (a.top1 == b.top1 && a.loss < b.loss);
}

}  // namespace

Trainer::Trainer(TorchNetwork& network, const TrainJob& job) : network_(network), job_(job) {
  network_.require_classifier(*job_.train);
  if (job_.validation != nullptr) network_.require_classifier(*job_.validation);
  take_tensors();
  make_optimizer();
}

Trainer::~Trainer() = default;

void Trainer::take_tensors() {
  gradients_.bits = job_.options.gradient_bits;
  const bool shift = job_.options.norm == NormTraining::kShift;
  const std::map<std::size_t, NamedConstant> constants =
      constants_by_source(network_.model().graph);
  const std::map<std::string, NormConstant> norms = norm_constants(network_.model().graph);
  for (const std::size_t source : job_.tensors) {
    const auto found = constants.find(source);
    if (found == constants.end()) continue;  // in a subgraph: it keeps its values
    const at::Tensor initial = network_.constants().get(*found->second.constant);
    if (!initial.is_floating_point()) continue;
    const auto norm = norms.find(found->second.name);
    const bool in_norm = norm != norms.end();
    if (in_norm && norm->second.part != NormPart::kScale) {
      if (job_.options.norm == NormTraining::kFrozen) continue;
      const at::Tensor values = initial.to(at::kFloat, false, /*copy=*/true);
      const bool shifts = shift && norm->second.part == NormPart::kVariance;
      statistics_.push_back(
          {source, values, shifts ? std::optional(norm->second.epsilon) : std::nullopt});
      network_.constants().replace(source, values);
      continue;
    }
    const Constraint power_of_two{.tensor = source, .form = WeightForm{FormKind::kPowerOfTwo}};
    tensors_.emplace_back(source, initial,
                          in_norm && shift ? &power_of_two : find_constraint(job_, source));
    const WeightForm* form = tensors_.back().form();
    if (form != nullptr && form->kind == FormKind::kDorefa) {
      gradients_.weights.insert(found->second.name);
    }
    network_.constants().replace(source, tensors_.back().weights());
  }
  if (tensors_.empty()) {
    throw Error(ErrorCode::kUnsupported, "the model has no float weights that can be trained");
  }
  round_statistics();
}

void Trainer::round_statistics() {
  for (const Statistic& statistic : statistics_) {
    if (statistic.shift_epsilon) {
      statistic.values.copy_(shift_variances(statistic.values, *statistic.shift_epsilon));
    }
  }
}

void Trainer::make_optimizer() {
  const TrainOptions& options = job_.options;
  // Biases and the scales of normalisations do not decay.
  std::vector<at::Tensor> decayed;
  std::vector<at::Tensor> plain;
  for (const ConstrainedTensor& tensor : tensors_) {
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
      optimizer_ = std::make_unique<torch::optim::Adam>(make(settings), settings);
      break;
    }
    case Optimizer::kShiftAdaMax: {
      const torch::optim::AdamOptions settings = ShiftAdaMax::options(options.learning_rate);
      optimizer_ = std::make_unique<ShiftAdaMax>(make(settings), settings);
      break;
    }
    case Optimizer::kSgd: {
      torch::optim::SGDOptions settings(options.learning_rate);
      settings.momentum(options.momentum);
      optimizer_ = std::make_unique<torch::optim::SGD>(make(settings), settings);
      break;
    }
  }
}

void Trainer::set_learning_rate(double rate) {
  for (torch::optim::OptimizerParamGroup& group : optimizer_->param_groups()) {
    group.options().set_lr(rate);
  }
}

double Trainer::learning_rate(double epochs_done) const {
  const TrainOptions& options = job_.options;
  switch (options.schedule) {
    case Schedule::kCosine:
      return options.learning_rate * 0.5 *
             (1 + std::cos(std::numbers::pi * epochs_done / options.epochs));
    case Schedule::kStep:
      return options.learning_rate *
             std::pow(options.step_factor, std::floor(epochs_done / options.step_epochs));
    case Schedule::kConstant:
      break;
  }
  return options.learning_rate;
}

TrainResult Trainer::run() {
  TrainResult result;
  int epoch = 1;
  if (!job_.resume_from.empty()) {
    epoch = resume(job_.resume_from) + 1;
  } else {
    best_ = snapshot();
    if (job_.validation != nullptr) {
      best_metrics_ = network_.evaluate(*job_.validation, job_.options.batch, {});
    }
  }
  const auto lost_patience = [&] {
    return job_.options.patience > 0 && epoch - 1 - best_epoch_ >= job_.options.patience;
  };
  for (; epoch <= job_.options.epochs && !interrupted_ && !lost_patience(); ++epoch) {
    result.epochs.push_back(run_epoch(epoch));
    EpochReport& report = result.epochs.back();
    report.best = improves(report);
    if (report.best) {
      best_ = snapshot();
      best_metrics_ = report.validation;
      best_epoch_ = epoch;
    }
    if (job_.observer != nullptr) {
      job_.observer->on_epoch(report);
      if (!interrupted_ && job_.observer->wants_state()) {
        const Bytes bytes = state(epoch);
        job_.observer->on_state(bytes);
      }
    }
  }
  restore(best_);
  result.last_epoch = epoch - 1;
  result.best_epoch = best_epoch_;
  result.interrupted = interrupted_;
  result.values = values();
  return result;
}

// An epoch that was cut short counts only if it validated better.
bool Trainer::improves(const EpochReport& report) const {
  if (!report.validation) return !interrupted_ || best_epoch_ == 0;
  return !best_metrics_ || better(*report.validation, *best_metrics_);
}

EpochReport Trainer::run_epoch(int epoch) {
  const auto start = std::chrono::steady_clock::now();
  const TrainOptions& options = job_.options;
  const Dataset& data = *job_.train;
  const std::size_t batch = std::min(options.batch, network_.batch_limit());
  const auto batches = static_cast<double>((data.size() + batch - 1) / batch);
  BatchStream stream(data, shuffled(data.size(), options.seed, static_cast<std::uint64_t>(epoch)),
                     batch);
  Batch samples;
  Tally tally;
  EpochReport report;
  report.epoch = epoch;
  for (std::uint64_t done = 0; stream.next(samples); ++done) {
    report.learning_rate = learning_rate(epoch - 1 + static_cast<double>(done) / batches);
    set_learning_rate(report.learning_rate);
    const std::uint64_t seed = stream_seed(options.seed, StreamPurpose::kBatch,
                                           (static_cast<std::uint64_t>(epoch) << 32) + done);
    at::manual_seed(stream_seed(seed, StreamPurpose::kDropout));
    const at::Tensor labels = at::tensor(samples.labels, at::kLong).to(network_.device());
    const at::Tensor input = network_.input_tensor(data, samples.inputs, samples.labels.size());
    const double loss = train_batch(augmented(input, seed), labels, seed, tally);
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
  for (ConstrainedTensor& tensor : tensors_) tensor.spread();
  round_statistics();
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
  for (const ConstrainedTensor& tensor : tensors_) tensor.weights().mutable_grad().reset();
  const at::Tensor scores = network_.scores(
      input, {true, job_.options.norm, gradients_.bits > 0 ? &gradients_ : nullptr, seed});
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
  for (ConstrainedTensor& tensor : tensors_) tensor.gather_gradient();
  optimizer_->step();
  for (ConstrainedTensor& tensor : tensors_) {
    tensor.spread(stream_seed(seed, StreamPurpose::kLowBitWeights, tensor.source()));
  }
  const double value = loss.item().toDouble();
  tally.add(scores, labels, value);
  return value;
}

at::Tensor Trainer::augmented(const at::Tensor& input, std::uint64_t batch_seed) const {
  const std::int64_t reach = job_.options.shift;
  if (reach == 0 && !job_.options.flip) return input;
  // The network may take the pixels in a row: the data knows their shape.
  const std::vector<std::int64_t> order = channels_first(job_.train->sample_shape());
  std::vector<std::int64_t> shape = job_.train->sample_shape();
  shape.insert(shape.begin(), input.size(0));
  const at::Tensor images = input.reshape(shape).permute(order);
  SplitMix64 random = random_stream(batch_seed, StreamPurpose::kAugmentation);
  const std::int64_t height = images.size(2);
  const std::int64_t width = images.size(3);
  // Edge pixels are repeated: a constant would depend on how the data is normalised.
  const at::Tensor padded =
      reach > 0 ? at::replication_pad2d(images, {reach, reach, reach, reach}) : images;
  at::Tensor output = at::empty(shape, input.options()).permute(order);
  const auto draw = [&](std::int64_t choices) {
    return static_cast<std::int64_t>(random.uniform() * static_cast<double>(choices));
  };
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const std::int64_t top = draw(2 * reach + 1);
    const std::int64_t left = draw(2 * reach + 1);
    at::Tensor sample = padded[i].narrow(1, top, height).narrow(2, left, width);
    if (job_.options.flip && draw(2) == 1) sample = sample.flip({2});
    output[i].copy_(sample);
  }
  const bool last = order[1] == 3;
  return (last ? output.permute({0, 2, 3, 1}) : output).reshape(input.sizes());
}

Trainer::Snapshot Trainer::snapshot() const {
  Snapshot result;
  for (const ConstrainedTensor& tensor : tensors_) result.leaves.push_back(tensor.snapshot());
  for (const Statistic& statistic : statistics_) {
    result.statistics.push_back(statistic.values.clone());
  }
  return result;
}

void Trainer::restore(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].restore(snapshot.leaves[i]);
  for (std::size_t i = 0; i < statistics_.size(); ++i) {
    statistics_[i].values.copy_(snapshot.statistics[i]);
  }
}

Bytes Trainer::state(int epoch) const {
  torch::serialize::OutputArchive archive;
  archive.write("epoch", c10::IValue(static_cast<std::int64_t>(epoch)));
  archive.write("best_epoch", c10::IValue(static_cast<std::int64_t>(best_epoch_)));
  if (best_metrics_) {
    archive.write("best_top1", c10::IValue(best_metrics_->top1));
    archive.write("best_loss", c10::IValue(best_metrics_->loss));
  }
  const auto write = [&](const std::string& prefix, const Snapshot& snapshot) {
    for (std::size_t i = 0; i < snapshot.leaves.size(); ++i) {
      archive.write(fmt::format("{}leaf{}", prefix, i), snapshot.leaves[i]);
    }
    for (std::size_t i = 0; i < snapshot.statistics.size(); ++i) {
      archive.write(fmt::format("{}statistic{}", prefix, i), snapshot.statistics[i]);
    }
  };
  write("", snapshot());
  write("best_", best_);
  torch::serialize::OutputArchive optimizer;
  optimizer_->save(optimizer);
  archive.write("optimizer", optimizer);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string text = std::move(stream).str();
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

int Trainer::resume(ByteView state) {
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(reinterpret_cast<const char*>(state.data()), state.size());
    c10::IValue value;
    archive.read("epoch", value);
    const int epoch = static_cast<int>(value.toInt());
    archive.read("best_epoch", value);
    best_epoch_ = static_cast<int>(value.toInt());
    if (archive.try_read("best_top1", value)) {
      best_metrics_.emplace();
      best_metrics_->top1 = value.toDouble();
      archive.read("best_loss", value);
      best_metrics_->loss = value.toDouble();
    }
    const auto read = [&](const std::string& prefix) {
      Snapshot result;
      for (std::size_t i = 0; i < tensors_.size(); ++i) {
        archive.read(fmt::format("{}leaf{}", prefix, i), result.leaves.emplace_back());
      }
      for (std::size_t i = 0; i < statistics_.size(); ++i) {
        archive.read(fmt::format("{}statistic{}", prefix, i), result.statistics.emplace_back());
      }
      return result;
    };
    restore(read(""));
    best_ = read("best_");
    torch::serialize::InputArchive optimizer;
    archive.read("optimizer", optimizer);
    optimizer_->load(optimizer);
    return epoch;
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kCorrupt,
                "the checkpoint cannot be read, or belongs to another model or other flags");
  }
}

PayloadEdits Trainer::values() const {
  const std::map<std::size_t, NamedConstant> constants =
      constants_by_source(network_.model().graph);
  PayloadEdits edits;
  const auto add = [&](std::size_t source, const at::Tensor& values) {
    const at::ScalarType type = scalar_type(constants.at(source).constant->value.type);
    edits[source] = to_host(values.detach().to(type)).bytes;
  };
  for (const ConstrainedTensor& tensor : tensors_) add(tensor.source(), tensor.weights());
  for (const Statistic& statistic : statistics_) add(statistic.source, statistic.values);
  return edits;
}

}  // namespace qc::torch_engine
