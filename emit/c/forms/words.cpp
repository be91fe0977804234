// Binary weights of convolutions by tiles whose inputs are packed into words.
#include <utility>

#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

// The words of a row: for each 32 channels and each tap, a bit for each channel.
void add_words(CodedWeights& coded, const WeightMatrix& weights) {
  const TileWindow& tiles = *weights.tiles;
  const std::size_t words = (tiles.channels + 31) / 32 * tiles.taps;
  std::vector<std::uint32_t> bits(weights.rows * words);
  for (std::size_t row = 0; row < weights.rows; ++row) {
    for (std::size_t column = 0; column < weights.columns; ++column) {
      if (!(weights.values[row * weights.columns + column] > 0)) continue;
      const std::size_t channel = column / tiles.taps;
      const std::size_t tap = column % tiles.taps;
      bits[row * words + channel / 32 * tiles.taps + tap] |= 1U << channel % 32;
    }
  }
  Bytes bytes;
  for (const std::uint32_t word : bits) append_le(bytes, word);
  add_array(coded, "words", "uint32_t", std::move(bytes));
  add_number(coded, words);
  add_number(coded, tiles.taps);
  // XOR or AND, the count and its addition; of inputs a comparison or two each.
  const std::size_t planes = tiles.bits != 0 ? tiles.bits : 1;
  coded.operations = 3 * words * weights.rows * planes + 2 * tiles.channels;
  coded.time = tile_time(weights, 800 * words * weights.rows * planes + 3'000 * tiles.channels);
}

// The scales, divided by a number; none where the weights are not binary.
std::vector<float> find_factors(const WeightMatrix& weights, float divisor) {
  std::vector<float> factors;
  for (const PlaneScales& scales : find_binary_scales(weights)) {
    factors.push_back(scales[0] / divisor);
  }
  return factors;
}

std::optional<CodedWeights> encode_signs(const WeightMatrix& weights) {
  if (!weights.signs_only) return std::nullopt;
  const std::vector<float> factors = find_factors(weights, 1);
  if (factors.empty()) return std::nullopt;
  CodedWeights coded;
  add_words(coded, weights);
  add_floats(coded, "scales", factors);
  add_number(coded, factors.size() == 1 ? 0 : 1);
  return coded;
}

std::optional<CodedWeights> encode_bits(const WeightMatrix& weights) {
  const unsigned bits = weights.tiles->bits;
  if (bits == 0) return std::nullopt;
  const std::vector<float> factors = find_factors(weights, static_cast<float>((1U << bits) - 1));
  if (factors.empty()) return std::nullopt;
  CodedWeights coded;
  add_words(coded, weights);
  add_number(coded, bits);
  add_floats(coded, "scales", factors);
  add_number(coded, factors.size() == 1 ? 0 : 1);
  return coded;
}

}  // namespace

const TileForm kXnorTiles{"qk_xnor_tiles", TileInput::kWords, encode_signs};
const TileForm kBitsTiles{"qk_bits_tiles", TileInput::kWords, encode_bits};

}  // namespace qc::c
