#include "passes/prune_patterns.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "passes/kernels/magnitude.h"
#include "passes/pruned_values.h"
#include "passes/weight_layers.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr std::size_t kBlock = 4;

// Of four inputs in a row the two smallest weights go.
void prune_two_of_four(const WeightLayer& layer, std::size_t taps, std::span<float> values) {
  const MatrixForm& form = layer.form;
  for (std::size_t group = 0; group < form.groups; ++group) {
    for (std::size_t row = 0; row < form.rows; ++row) {
      for (std::size_t begin = 0; begin + kBlock * taps <= form.columns; begin += kBlock * taps) {
        for (std::size_t tap = 0; tap < taps; ++tap) {
          std::array<std::size_t, kBlock> block{};
          for (std::size_t i = 0; i < kBlock; ++i) {
            block[i] = form.element(group, row, begin + i * taps + tap);
          }
          std::ranges::stable_sort(block, {}, [&](std::size_t i) { return std::fabs(values[i]); });
          values[block[0]] = 0;
          values[block[1]] = 0;
        }
      }
    }
  }
}

// Blocks that are zero already count.
void prune_four_by_one(const WeightLayer& layer, double rate, std::span<float> values) {
  const MatrixForm& form = layer.form;
  const std::size_t bands = (form.rows + kBlock - 1) / kBlock;
  struct Block {
    std::size_t group;
    std::size_t row;
    std::size_t column;
    double energy;
  };
  std::vector<Block> blocks;
  for (std::size_t group = 0; group < form.groups; ++group) {
    for (std::size_t band = 0; band < bands; ++band) {
      for (std::size_t column = 0; column < form.columns; ++column) {
        Block block{group, band * kBlock, column, 0};
        for (std::size_t i = 0; i < kBlock && block.row + i < form.rows; ++i) {
          const double value = values[form.element(group, block.row + i, column)];
          block.energy += value * value;
        }
        blocks.push_back(block);
      }
    }
  }
  std::ranges::stable_sort(blocks, {}, &Block::energy);
  blocks.resize(zeros_at_rate(rate, blocks.size()));
  for (const Block& block : blocks) {
    for (std::size_t i = 0; i < kBlock && block.row + i < form.rows; ++i) {
      values[form.element(block.group, block.row + i, block.column)] = 0;
    }
  }
}

// Elements of a kernel: of a convolution's weights, all axes behind the first two.
std::size_t taps_of(const TensorInfo& tensor) {
  std::size_t taps = 1;
  if (tensor.op.find("Conv") == std::string::npos) return taps;
  for (std::size_t axis = 2; axis < tensor.dims.size(); ++axis) {
    taps *= static_cast<std::size_t>(tensor.dims[axis]);
  }
  return taps;
}

Outcome skipped(std::size_t tensor, std::string reason) {
  Outcome outcome;
  outcome.tensor = tensor;
  outcome.skip_reason = std::move(reason);
  return outcome;
}

Outcome prune_layer(const OnnxModel& model, const WeightLayer& layer, PruneStructure structure,
                    double rate) {
  std::vector<float> values = values_of(model, layer.tensor);
  if (structure == PruneStructure::kFourByOne) {
    prune_four_by_one(layer, rate, values);
    return pruned_outcome(model, layer.tensor, values);
  }
  const std::size_t taps = taps_of(model.tensors()[layer.tensor]);
  if (layer.form.columns < kBlock * taps) return skipped(layer.tensor, "fewer than four inputs");
  prune_two_of_four(layer, taps, values);
  return pruned_outcome(model, layer.tensor, values);
}

}  // namespace

std::vector<Outcome> prune_in_pattern(const OnnxModel& model, PruneStructure structure,
                                      const std::map<std::size_t, double>& rates,
                                      unsigned threads) {
  std::map<std::size_t, WeightLayer> layers;
  for (const WeightLayer& layer : find_layers(model, {})) {
    if (!layer.form.is_table) layers.emplace(layer.tensor, layer);
  }
  const std::vector<std::pair<std::size_t, double>> work(rates.begin(), rates.end());
  std::vector<Outcome> outcomes(work.size());
  parallel_for(work.size(), threads, [&](std::size_t i) {
    const auto& [tensor, rate] = work[i];
    const auto layer = layers.find(tensor);
    outcomes[i] = layer == layers.end() ? skipped(tensor, "no matrix that multiplies activations")
                                        : prune_layer(model, layer->second, structure, rate);
  });
  return outcomes;
}

}  // namespace qc
