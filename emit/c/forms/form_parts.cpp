#include "emit/c/forms/form_parts.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "core/bit_cast.h"

namespace qc::c {
namespace {

constexpr std::size_t kMostValues = 256;

// An order of all floats: not every value can be compared with <.
std::uint32_t bits_of(float value) { return bit_cast<std::uint32_t>(value == 0 ? 0.0F : value); }

// Codes of `values`, which has a value for every weight; nothing where there are too many.
std::optional<MatrixCodes> code(std::span<const float> values, bool with_zeros) {
  std::vector<std::uint32_t> found;  // sorted
  for (const float value : values) {
    if (value == 0 && !with_zeros) continue;
    const auto at = std::lower_bound(found.begin(), found.end(), bits_of(value));
    if (at != found.end() && *at == bits_of(value)) continue;
    if (found.size() == kMostValues) return std::nullopt;
    found.insert(at, bits_of(value));
  }
  MatrixCodes codes;
  codes.codes.reserve(values.size());
  for (const float value : values) {
    const auto at = std::lower_bound(found.begin(), found.end(), bits_of(value));
    codes.codes.push_back(static_cast<std::uint8_t>(at == found.end() ? 0 : at - found.begin()));
  }
  for (const std::uint32_t bits : found) codes.values.push_back(bit_cast<float>(bits));
  if (codes.values.empty()) codes.values.push_back(0);
  return codes;
}

// The least magnitude of a row that is not zero; 0 where there is none.
float least_magnitude(std::span<const float> row) {
  float least = 0;
  for (const float value : row) {
    const float magnitude = std::fabs(value);
    if (magnitude > 0 && (least == 0 || magnitude < least)) least = magnitude;
  }
  return least;
}

std::vector<MatrixCodes> find(const WeightMatrix& weights, bool with_zeros) {
  std::vector<MatrixCodes> choices;
  if (auto codes = code(weights.values, with_zeros)) {
    const bool scales_may_help = codes->values.size() > 2 && weights.rows > 1;
    choices.push_back(std::move(*codes));
    if (!scales_may_help) return choices;
  }
  std::vector<float> multiples(weights.values.size());
  std::vector<float> scales;
  for (std::size_t row = 0; row < weights.rows; ++row) {
    const std::size_t first = row * weights.columns;
    scales.push_back(least_magnitude(weights.values.subspan(first, weights.columns)));
    for (std::size_t i = first; i < first + weights.columns; ++i) {
      const float value = weights.values[i];
      multiples[i] = value == 0 ? 0 : value / scales.back();
      if (!(multiples[i] * scales.back() == value)) return choices;
    }
  }
  if (auto codes = code(multiples, with_zeros)) {
    codes->scales = std::move(scales);
    choices.push_back(std::move(*codes));
  }
  return choices;
}

}  // namespace

void add_array(CodedWeights& weights, std::string_view suffix, std::string_view type, Bytes bytes) {
  weights.flash += bytes.size();
  weights.parts.push_back({std::string(suffix), std::string(type), std::move(bytes), {}});
}

void add_floats(CodedWeights& weights, std::string_view suffix, std::span<const float> values) {
  Bytes bytes;
  bytes.reserve(values.size_bytes());
  for (const float value : values) append_le(bytes, value);
  add_array(weights, suffix, "float", std::move(bytes));
}

void add_number(CodedWeights& weights, std::uint64_t number) {
  weights.parts.push_back({{}, {}, {}, std::to_string(number)});
}

void add_scales(CodedWeights& weights, std::span<const float> scales) {
  if (scales.empty()) {
    weights.parts.push_back({{}, {}, {}, "NULL"});
  } else {
    add_floats(weights, "scales", scales);
  }
}

void BitWriter::put(std::uint64_t number, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    if (used_ == 8) {
      bytes_.push_back(0);
      used_ = 0;
    }
    bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | ((number >> i & 1) << used_));
    ++used_;
  }
}

Bytes BitWriter::finish() {
  bytes_.resize(bytes_.size() + 3);
  return std::move(bytes_);
}

unsigned bits_for(std::size_t count) {
  return std::max(1U, static_cast<unsigned>(std::bit_width(count - 1)));
}

std::vector<MatrixCodes> find_codes(const WeightMatrix& weights) { return find(weights, true); }

std::vector<MatrixCodes> find_codes_of_others(const WeightMatrix& weights) {
  return find(weights, false);
}

std::uint64_t count_nonzero(std::span<const float> values) {
  return values.size() - static_cast<std::uint64_t>(std::count(values.begin(), values.end(), 0.0F));
}

}  // namespace qc::c
