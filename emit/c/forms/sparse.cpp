// Mostly zeros: the weights that are not zero, with the zeros between them as numbers.
#include <algorithm>
#include <limits>
#include <utility>

#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

// What the kernels read at once.
constexpr unsigned kMostGapBits = 16;

// A code of gaps.
struct GapCode {
  std::uint64_t (*bits)(std::uint64_t gap, unsigned low);
  void (*put)(BitWriter& writer, std::uint64_t gap, unsigned low);
  std::uint64_t time_of_one;   // a weight's, in a fully connected layer
  std::uint64_t time_of_many;  // and in a convolution
};

constexpr std::uint64_t most_of(unsigned low) { return (1U << low) - 1; }

constexpr GapCode kFixed = {
    [](std::uint64_t gap, unsigned low) { return (gap / most_of(low) + 1) * low; },
    [](BitWriter& writer, std::uint64_t gap, unsigned low) {
      for (; gap >= most_of(low); gap -= most_of(low)) writer.put(most_of(low), low);
      writer.put(gap, low);
    },
    20'000, 5'000};

constexpr GapCode kRice = {[](std::uint64_t gap, unsigned low) { return (gap >> low) + 1 + low; },
                           [](BitWriter& writer, std::uint64_t gap, unsigned low) {
                             for (std::uint64_t i = 0; i < gap >> low; ++i) writer.put(1, 1);
                             writer.put(0, 1);
                             writer.put(gap & most_of(low), low);
                           },
                           150'000, 30'000};

// The zeros before each weight that is not zero, and after the last.
std::vector<std::uint64_t> find_gaps(std::span<const float> values) {
  std::vector<std::uint64_t> gaps = {0};
  for (const float value : values) {
    if (value == 0) {
      ++gaps.back();
    } else {
      gaps.push_back(0);
    }
  }
  return gaps;
}

unsigned best_low(const std::vector<std::uint64_t>& gaps, const GapCode& code) {
  unsigned best = 1;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (unsigned low = 1; low <= kMostGapBits; ++low) {
    std::uint64_t bits = 0;
    for (const std::uint64_t gap : gaps) bits += code.bits(gap, low);
    if (bits < least) {
      least = bits;
      best = low;
    }
  }
  return best;
}

// The stream with a codebook, or with the weights beside it.
CodedWeights pack(const WeightMatrix& weights, const std::vector<std::uint64_t>& gaps,
                  const GapCode& code, const MatrixCodes* codes) {
  const unsigned low = best_low(gaps, code);
  const unsigned bits = codes != nullptr ? bits_for(codes->values.size()) : 0;
  BitWriter writer;
  std::vector<float> others;
  std::size_t next = 0;
  for (std::size_t i = 0; i < weights.values.size(); ++i) {
    if (weights.values[i] == 0) continue;
    code.put(writer, gaps[next++], low);
    if (codes != nullptr) {
      writer.put(codes->codes[i], bits);
    } else {
      others.push_back(weights.values[i]);
    }
  }
  code.put(writer, gaps[next], low);
  if (others.empty()) others.push_back(0);  // C has no empty arrays
  CodedWeights coded;
  add_array(coded, "stream", "uint8_t", writer.finish());
  add_number(coded, low);
  add_number(coded, bits);
  add_floats(coded, "values", codes != nullptr ? codes->values : others);
  add_scales(coded,
             codes != nullptr ? std::span<const float>(codes->scales) : std::span<const float>());
  return coded;
}

std::optional<CodedWeights> encode_stream(const WeightMatrix& weights, const GapCode& code) {
  if (weights.values.empty()) return std::nullopt;
  const std::vector<std::uint64_t> gaps = find_gaps(weights.values);
  CodedWeights best = pack(weights, gaps, code, nullptr);
  for (const MatrixCodes& codes : find_codes_of_others(weights)) {
    CodedWeights coded = pack(weights, gaps, code, &codes);
    if (coded.flash < best.flash) best = std::move(coded);
  }
  // Of each weight the gap and the code are taken, the value is looked up; product and addition.
  const std::uint64_t count = gaps.size() - 1;
  best.operations = 5 * count + weights.rows;
  best.time =
      count * (weights.pixels == 1 ? code.time_of_one : code.time_of_many) + 10'000 * weights.rows;
  return best;
}

std::optional<CodedWeights> encode_columns(const WeightMatrix& weights) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();
  if (weights.values.empty() || weights.columns > kMost) return std::nullopt;
  Bytes counts;
  Bytes places;
  std::vector<float> values;
  for (std::size_t row = 0; row < weights.rows; ++row) {
    const std::size_t before = values.size();
    for (std::size_t column = 0; column < weights.columns; ++column) {
      const float value = weights.values[row * weights.columns + column];
      if (value == 0) continue;
      append_le(places, static_cast<std::uint16_t>(column));
      values.push_back(value);
    }
    append_le(counts, static_cast<std::uint16_t>(values.size() - before));
  }
  CodedWeights coded;
  coded.operations = 3 * values.size() + weights.rows;
  coded.time = (weights.pixels == 1 ? 5'000 : 2'200) * values.size() + 10'000 * weights.rows;
  if (values.empty()) {
    append_le(places, std::uint16_t{0});
    values.push_back(0);
  }
  add_array(coded, "counts", "uint16_t", std::move(counts));
  add_array(coded, "places", "uint16_t", std::move(places));
  add_floats(coded, "values", values);
  return coded;
}

}  // namespace

const WeightForm kSparseForm{
    "sparse", "qk_sparse", "zeros skipped: gaps of some bits, codes or floats",
    [](const WeightMatrix& weights) { return encode_stream(weights, kFixed); }};

const WeightForm kSparseRiceForm{
    "sparse-rice", "qk_sparse_rice",
    "zeros skipped: gaps as Rice codes, which are smaller and slower",
    [](const WeightMatrix& weights) { return encode_stream(weights, kRice); }};

const WeightForm kSparse16Form{"sparse16", "qk_sparse16",
                               "zeros skipped: columns of 16 bits, floats; the fastest",
                               encode_columns, &kSparseTiles};

}  // namespace qc::c
