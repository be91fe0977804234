#include "passes/prune_patterns.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "passes/kernels/magnitude.h"

namespace qc {
namespace {

constexpr std::size_t kBlock = 4;

}  // namespace

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

}  // namespace qc
