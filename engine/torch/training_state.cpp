#include "engine/torch/training_state.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>

#include "core/error.h"

namespace qc::torch_engine {
namespace {

void write(torch::serialize::OutputArchive& archive, const std::string& prefix,
           const Snapshot& snapshot) {
  for (std::size_t i = 0; i < snapshot.leaves.size(); ++i) {
    archive.write(fmt::format("{}leaf{}", prefix, i), snapshot.leaves[i]);
  }
  for (std::size_t i = 0; i < snapshot.statistics.size(); ++i) {
    archive.write(fmt::format("{}statistic{}", prefix, i), snapshot.statistics[i]);
  }
}

Snapshot read(torch::serialize::InputArchive& archive, const std::string& prefix,
              const TrainedTensors& tensors) {
  Snapshot snapshot;
  for (std::size_t i = 0; i < tensors.weights().size(); ++i) {
    archive.read(fmt::format("{}leaf{}", prefix, i), snapshot.leaves.emplace_back());
  }
  for (std::size_t i = 0; i < tensors.statistics(); ++i) {
    archive.read(fmt::format("{}statistic{}", prefix, i), snapshot.statistics.emplace_back());
  }
  return snapshot;
}

}  // namespace

Bytes write_training_state(const TrainingState& state, const TrainedTensors& tensors,
                           const torch::optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  archive.write("epoch", c10::IValue(static_cast<std::int64_t>(state.epoch)));
  archive.write("best_epoch", c10::IValue(static_cast<std::int64_t>(state.best_epoch)));
  if (state.best_metrics) {
    archive.write("best_top1", c10::IValue(state.best_metrics->top1));
    archive.write("best_loss", c10::IValue(state.best_metrics->loss));
  }
  write(archive, "", tensors.snapshot());
  write(archive, "best_", state.best);
  torch::serialize::OutputArchive inner;
  optimizer.save(inner);
  archive.write("optimizer", inner);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string text = std::move(stream).str();
  const ByteView bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

TrainingState read_training_state(ByteView bytes, TrainedTensors& tensors,
                                  torch::optim::Optimizer& optimizer) {
  TrainingState state;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    c10::IValue value;
    archive.read("epoch", value);
    state.epoch = static_cast<int>(value.toInt());
    archive.read("best_epoch", value);
    state.best_epoch = static_cast<int>(value.toInt());
    if (archive.try_read("best_top1", value)) {
      state.best_metrics.emplace();
      state.best_metrics->top1 = value.toDouble();
      archive.read("best_loss", value);
      state.best_metrics->loss = value.toDouble();
    }
    tensors.restore(read(archive, "", tensors));
    state.best = read(archive, "best_", tensors);
    torch::serialize::InputArchive inner;
    archive.read("optimizer", inner);
    optimizer.load(inner);
  } catch (const c10::Error&) {
    throw Error(ErrorCode::kCorrupt,
                "the checkpoint cannot be read, or belongs to another model or other flags");
  }
  return state;
}

}  // namespace qc::torch_engine
