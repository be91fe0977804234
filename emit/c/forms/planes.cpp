// A few bits for each weight, which select from the sums of inputs: binary, ternary, small
// multiples.
#include <array>
#include <cmath>
#include <utility>

#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

using Scales = PlaneScales;

struct PlaneKind {
  std::size_t planes;
  bool signs;  // a bit that is 0 takes the scale away
  /// The scales of the planes for such weights; nothing where they have other ones.
  std::optional<Scales> (*scales)(std::span<const float> values);
  std::span<const unsigned> codes;  // the bits that a weight may have
};

// The magnitudes of what is not zero.
struct Magnitudes {
  float positive = 0;
  float negative = 0;
  float least = 0;
  bool one_positive = true;
  bool one_negative = true;
  bool zeros = false;
};

Magnitudes magnitudes_of(std::span<const float> values) {
  Magnitudes found;
  for (const float value : values) {
    if (value == 0) {
      found.zeros = true;
      continue;
    }
    const bool negative = std::signbit(value);
    float& magnitude = negative ? found.negative : found.positive;
    bool& one = negative ? found.one_negative : found.one_positive;
    if (magnitude == 0) magnitude = std::fabs(value);
    one = one && magnitude == std::fabs(value);
    if (found.least == 0 || std::fabs(value) < found.least) found.least = std::fabs(value);
  }
  return found;
}

std::optional<Scales> binary_scales(std::span<const float> values) {
  const Magnitudes found = magnitudes_of(values);
  const bool both = found.positive != 0 && found.negative != 0;
  if (!found.one_positive || !found.one_negative) return std::nullopt;
  if (both && found.positive != found.negative) return std::nullopt;
  if (found.zeros && (found.positive != 0 || found.negative != 0)) return std::nullopt;
  return Scales{found.positive != 0 ? found.positive : found.negative};
}

std::optional<Scales> ternary_scales(std::span<const float> values) {
  const Magnitudes found = magnitudes_of(values);
  if (!found.one_positive || !found.one_negative) return std::nullopt;
  return Scales{found.positive, -found.negative};
}

std::optional<Scales> level_scales(std::span<const float> values) {
  const float scale = magnitudes_of(values).least;
  if (!std::isfinite(2 * scale)) return std::nullopt;
  return Scales{scale, 2 * scale, -2 * scale};
}

float value_of(unsigned code, const PlaneKind& kind, const Scales& scales) {
  float value = 0;
  for (std::size_t plane = 0; plane < kind.planes; ++plane) {
    const bool set = (code >> plane & 1) != 0;
    if (set) value += scales[plane];
    if (!set && kind.signs) value -= scales[plane];
  }
  return value;
}

// The bits of a value.
std::optional<unsigned> code_of(float value, const PlaneKind& kind, const Scales& scales) {
  for (const unsigned code : kind.codes) {
    if (value_of(code, kind, scales) == value) return code;
  }
  return std::nullopt;
}

// The scales of the matrix, or else of each row; empty where there are none.
std::vector<Scales> find_scales(const WeightMatrix& weights, const PlaneKind& kind) {
  if (weights.values.empty()) return {};
  const auto fits = [&](std::span<const float> values, const std::optional<Scales>& scales) {
    if (!scales) return false;
    // Zeros times them must be zeros.
    for (const float scale : *scales) {
      if (!std::isfinite(scale)) return false;
    }
    for (const float value : values) {
      if (!code_of(value, kind, *scales)) return false;
    }
    return true;
  };
  const std::optional<Scales> all = kind.scales(weights.values);
  if (fits(weights.values, all)) return {*all};
  std::vector<Scales> scales;
  for (std::size_t row = 0; row < weights.rows; ++row) {
    const auto values = weights.values.subspan(row * weights.columns, weights.columns);
    const std::optional<Scales> one = kind.scales(values);
    if (!fits(values, one)) return {};
    scales.push_back(*one);
  }
  return scales;
}

// Where the kernel finds the four bits of a row, a group of four columns and a plane: in its half
// of a byte.
std::size_t place_of(const WeightMatrix& weights, const PlaneKind& kind, std::size_t row,
                     std::size_t group, std::size_t plane) {
  const std::size_t groups = (weights.columns + 3) / 4;
  return ((row / 8 * groups + group) * kind.planes + plane) * 4 + row % 8 / 2;
}

std::optional<CodedWeights> encode(const WeightMatrix& weights, const PlaneKind& kind) {
  const std::vector<Scales> scales = find_scales(weights, kind);
  if (scales.empty()) return std::nullopt;
  const std::size_t groups = (weights.columns + 3) / 4;
  const std::size_t blocks = (weights.rows + 7) / 8;
  Bytes bytes(blocks * groups * kind.planes * 4);
  for (std::size_t row = 0; row < weights.rows; ++row) {
    const Scales& of_row = scales[scales.size() == 1 ? 0 : row];
    for (std::size_t column = 0; column < weights.columns; ++column) {
      const unsigned code = *code_of(weights.values[row * weights.columns + column], kind, of_row);
      for (std::size_t plane = 0; plane < kind.planes; ++plane) {
        std::uint8_t& byte = bytes[place_of(weights, kind, row, column / 4, plane)];
        byte =
            static_cast<std::uint8_t>(byte | ((code >> plane & 1) << (column % 4 + row % 2 * 4)));
      }
    }
  }
  std::vector<float> factors;
  for (const Scales& some : scales) {
    factors.insert(factors.end(), some.begin(), some.begin() + static_cast<long>(kind.planes));
  }
  CodedWeights coded;
  add_array(coded, "planes", "uint8_t", std::move(bytes));
  add_number(coded, kind.planes);
  add_number(coded, kind.signs ? 1 : 0);
  add_floats(coded, "scales", factors);
  add_number(coded, scales.size() == 1 ? 0 : kind.planes);
  // The sums of four columns take 24 additions; a row then one look-up and addition each.
  coded.operations = groups * 24 + weights.rows * kind.planes * (2 * groups + 2);
  const std::uint64_t look_ups = weights.rows * kind.planes * groups;
  coded.time =
      weights.pixels == 1 ? 1'600 * look_ups + 80'000 * groups : 1'500 * look_ups + 40'000 * groups;
  return coded;
}

constexpr unsigned kBinaryCodes[] = {0, 1};
constexpr unsigned kTernaryCodes[] = {0, 1, 2};
// -1 is 1 - 2.
constexpr unsigned kLevelCodes[] = {0, 1, 2, 4, 5};

constexpr PlaneKind kBinary = {1, true, binary_scales, kBinaryCodes};
constexpr PlaneKind kTernary = {2, false, ternary_scales, kTernaryCodes};
constexpr PlaneKind kLevels = {3, false, level_scales, kLevelCodes};

std::optional<CodedWeights> encode_signs(const WeightMatrix& weights) {
  if (!weights.signs_only) return std::nullopt;
  const std::vector<Scales> scales = find_scales(weights, kBinary);
  if (scales.empty()) return std::nullopt;
  const std::size_t words = (weights.columns + 31) / 32;
  Bytes bytes(weights.rows * words * 4);
  for (std::size_t row = 0; row < weights.rows; ++row) {
    for (std::size_t column = 0; column < weights.columns; ++column) {
      if (!(weights.values[row * weights.columns + column] > 0)) continue;
      std::uint8_t& byte = bytes[row * words * 4 + column / 8];
      byte = static_cast<std::uint8_t>(byte | 1U << column % 8);
    }
  }
  std::vector<float> factors;
  factors.reserve(scales.size());
  for (const Scales& some : scales) factors.push_back(some[0]);
  CodedWeights coded;
  add_array(coded, "signs", "uint32_t", std::move(bytes));
  add_floats(coded, "scales", factors);
  add_number(coded, scales.size() == 1 ? 0 : 1);
  // Two comparisons for each input; XOR, AND, the count and its addition for each word.
  coded.operations = 2 * weights.columns + 4 * words * weights.rows;
  coded.time =
      (weights.pixels == 1 ? 15'000 : 4'500) * weights.columns + 6'000 * words * weights.rows;
  return coded;
}

}  // namespace

std::vector<PlaneScales> find_binary_scales(const WeightMatrix& weights) {
  return find_scales(weights, kBinary);
}

std::vector<PlaneScales> find_ternary_scales(const WeightMatrix& weights) {
  return find_scales(weights, kTernary);
}

const WeightForm kBinaryForm{
    "binary", "qk_planes", "one magnitude for the matrix or each row: sums of signed inputs",
    [](const WeightMatrix& weights) { return encode(weights, kBinary); }, &kBitsTiles};

const WeightForm kTernaryForm{
    "ternary", "qk_planes", "-a, 0 and b for the matrix or each row: sums of selected inputs",
    [](const WeightMatrix& weights) { return encode(weights, kTernary); }, &kTernaryTiles};

const WeightForm kLevelsForm{
    "levels", "qk_planes",
    "0, 1 and 2 times a scale of the matrix or each row, with signs: sums of inputs",
    [](const WeightMatrix& weights) { return encode(weights, kLevels); }};

const WeightForm kXnorForm{"xnor", "qk_xnor",
                           "signs with a scale, of inputs that are signs too: XNOR and counts",
                           encode_signs, &kXnorTiles};

}  // namespace qc::c
