// Weights of convolutions by tiles.
#include <algorithm>
#include <utility>

#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

constexpr std::size_t kBlock = 128;       // columns that kernels take at a time
constexpr std::uint64_t kGather = 2'500;  // what it takes to gather one

std::optional<CodedWeights> encode_dense(const WeightMatrix& weights) {
  if (weights.values.empty()) return std::nullopt;
  CodedWeights coded;
  add_floats(coded, "weights", weights.values);
  coded.operations = 2 * weights.values.size();
  coded.time = tile_time(weights, 380 * weights.values.size() + kGather * weights.columns);
  return coded;
}

std::size_t blocks(const WeightMatrix& weights) { return (weights.columns + kBlock - 1) / kBlock; }

// Columns of rows, a block after the other, as steps from one to the next.
class Steps {
 public:
  /// Adds those of a row in a block for which choose(value) is true.
  template <typename Choose>
  void add(std::span<const float> row, std::size_t block, const Choose& choose) {
    std::size_t last = block;
    std::uint8_t count = 0;
    for (std::size_t column = block; column < std::min(row.size(), block + kBlock); ++column) {
      if (!choose(row[column])) continue;
      steps_.push_back(static_cast<std::uint8_t>(column - last));
      last = column;
      ++count;
    }
    counts_.push_back(count);
  }

  std::uint64_t total() const { return steps_.size(); }
  /// With what each of them takes.
  std::uint64_t time(const WeightMatrix& weights, std::uint64_t of_one) const {
    return tile_time(weights, of_one * steps_.size() + 6'500 * weights.rows * blocks(weights) +
                                  kGather * weights.columns);
  }

  void finish(CodedWeights& coded) {
    if (steps_.empty()) steps_.push_back(0);  // C has no empty arrays
    add_array(coded, "counts", "uint8_t", std::move(counts_));
    add_array(coded, "steps", "uint8_t", std::move(steps_));
  }

 private:
  Bytes counts_;
  Bytes steps_;
};

// Calls body(row, block) for each row in each block of columns.
template <typename Body>
void each_block(const WeightMatrix& weights, const Body& body) {
  for (std::size_t block = 0; block < weights.columns; block += kBlock) {
    for (std::size_t row = 0; row < weights.rows; ++row) {
      body(weights.values.subspan(row * weights.columns, weights.columns), block);
    }
  }
}

std::optional<CodedWeights> encode_sparse(const WeightMatrix& weights) {
  if (weights.values.empty()) return std::nullopt;
  Steps steps;
  std::vector<float> values;
  each_block(weights, [&](std::span<const float> row, std::size_t block) {
    steps.add(row, block, [&values](float value) {
      if (value != 0) values.push_back(value);
      return value != 0;
    });
  });
  if (values.empty()) values.push_back(0);
  CodedWeights coded;
  coded.operations = 3 * steps.total() + weights.rows;
  coded.time = steps.time(weights, 570);
  steps.finish(coded);
  add_floats(coded, "values", values);
  return coded;
}

std::optional<CodedWeights> encode_ternary(const WeightMatrix& weights) {
  const std::vector<PlaneScales> scales = find_ternary_scales(weights);
  if (scales.empty()) return std::nullopt;
  Steps steps;
  each_block(weights, [&](std::span<const float> row, std::size_t block) {
    steps.add(row, block, [](float value) { return value > 0; });
    steps.add(row, block, [](float value) { return value < 0; });
  });
  std::vector<float> factors;
  for (const PlaneScales& some : scales) factors.insert(factors.end(), {some[0], some[1]});
  CodedWeights coded;
  coded.operations = 2 * steps.total() + 4 * weights.rows;
  coded.time = steps.time(weights, 440);
  steps.finish(coded);
  add_floats(coded, "scales", factors);
  add_number(coded, scales.size() == 1 ? 0 : 2);
  return coded;
}

}  // namespace

std::uint64_t tile_time(const WeightMatrix& weights, std::uint64_t time) {
  constexpr std::size_t kLanes = 16;
  const std::size_t width = weights.tiles->width;
  return time * ((width + kLanes - 1) / kLanes * kLanes) / width;
}

const TileForm kDenseTiles{"qk_dense_tiles", TileInput::kFloats, encode_dense};
const TileForm kSparseTiles{"qk_sparse_tiles", TileInput::kFloats, encode_sparse};
const TileForm kTernaryTiles{"qk_ternary_tiles", TileInput::kFloats, encode_ternary};

}  // namespace qc::c
