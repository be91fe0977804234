// Few values: the place of each weight's value in a codebook, in some bits or as a digit of a byte.
#include <algorithm>
#include <utility>

#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

using Encode = CodedWeights (*)(const MatrixCodes& codes);

// The choice of codes that takes the fewest bytes.
std::optional<CodedWeights> smallest(const WeightMatrix& weights, Encode encode) {
  std::optional<CodedWeights> best;
  if (weights.values.empty()) return best;
  for (const MatrixCodes& codes : find_codes(weights)) {
    CodedWeights coded = encode(codes);
    // Unpacking, the look-up, the product and its addition; and for each row its scale.
    coded.operations = 4 * weights.values.size() + codes.scales.size();
    coded.time = (weights.pixels == 1 ? 12'000 : 3'500) * weights.values.size();
    if (!best || coded.flash < best->flash) best = std::move(coded);
  }
  return best;
}

CodedWeights pack_bits(const MatrixCodes& codes) {
  const unsigned bits = bits_for(codes.values.size());
  BitWriter writer;
  for (const std::uint8_t code : codes.codes) writer.put(code, bits);
  CodedWeights coded;
  add_array(coded, "codes", "uint8_t", writer.finish());
  add_number(coded, bits);
  add_floats(coded, "codebook", codes.values);
  add_scales(coded, codes.scales);
  return coded;
}

// The most digits that a byte has room for.
unsigned digits_for(std::size_t radix) {
  unsigned digits = 1;
  for (std::size_t numbers = radix * radix; numbers <= 256; numbers *= radix) ++digits;
  return digits;
}

CodedWeights pack_digits(const MatrixCodes& codes) {
  const std::size_t radix = std::max<std::size_t>(2, codes.values.size());
  const unsigned digits = digits_for(radix);
  Bytes bytes;
  for (std::size_t first = 0; first < codes.codes.size(); first += digits) {
    std::size_t number = 0;
    std::size_t numbers = 1;
    for (std::size_t i = first; i < first + digits; ++i) {
      number = number * radix + (i < codes.codes.size() ? codes.codes[i] : 0);
      numbers *= radix;
    }
    // Rounded up: what is too much by less than 1/256 moves no digit, as there are at most 256
    // numbers.
    bytes.push_back(static_cast<std::uint8_t>((number * 256 + numbers - 1) / numbers));
  }
  CodedWeights coded;
  add_array(coded, "codes", "uint8_t", std::move(bytes));
  add_number(coded, radix);
  add_number(coded, digits);
  add_floats(coded, "codebook", codes.values);
  add_scales(coded, codes.scales);
  return coded;
}

}  // namespace

const WeightForm kCodebookForm{
    "codebook", "qk_codebook", "at most 256 values: 1 to 8 bits for each weight",
    [](const WeightMatrix& weights) { return smallest(weights, pack_bits); }};

const WeightForm kRadixForm{
    "radix", "qk_radix", "at most 16 values: 2 to 8 weights to a byte",
    [](const WeightMatrix& weights) { return smallest(weights, pack_digits); }};

}  // namespace qc::c
