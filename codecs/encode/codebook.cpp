#include "codecs/encode/codebook.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <vector>

#include "codecs/encode/bit_writer.h"
#include "codecs/shared/codebook_code.h"

namespace qc {
namespace {

// The differences of a rising list: the first value, then how far each is above its successor's
// least value.
void add_differences(std::span<const std::uint64_t> rising, unsigned shift,
                     std::vector<std::uint64_t>& out) {
  std::uint64_t least = 0;
  for (const std::uint64_t value : rising) {
    const std::uint64_t scaled = value >> shift;
    out.push_back(scaled - least);
    least = scaled + 1;
  }
}

unsigned length_of(std::uint64_t difference) noexcept {
  return static_cast<unsigned>(std::bit_width(difference));
}

// From one length to the next: 0 for the same, then one less, one more, two less, ...
unsigned step_between(unsigned from, unsigned to) noexcept {
  return to >= from ? 2 * (to - from) : 2 * (from - to) - 1;
}

// The step to each length: from the one before, at the start of either list from the first of all.
std::vector<unsigned> steps_of(std::span<const unsigned> lengths, std::size_t second) {
  std::vector<unsigned> steps;
  steps.reserve(lengths.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const bool starts = i == 0 || i == second;
    steps.push_back(step_between(lengths[starts ? 0 : i - 1], lengths[i]));
  }
  return steps;
}

// The shorter code for some lengths.
LengthCode choose_code(std::span<const unsigned> lengths, std::span<const unsigned> steps) {
  unsigned least = 64;
  unsigned most = 0;
  for (const unsigned length : lengths) {
    least = std::min(least, length);
    most = std::max(most, length);
  }
  const std::size_t step_bits = std::accumulate(steps.begin(), steps.end(), steps.size());
  least = std::min(least, most);
  const auto spread = static_cast<unsigned>(std::bit_width(most - least));
  if (spread >= kCodebookSteps || step_bits < lengths.size() * spread)
    return {lengths.front(), kCodebookSteps};
  return {least, spread};
}

}  // namespace

void write_codebook(std::span<const std::uint64_t> sorted, Element element, Bytes& out) {
  const std::uint64_t sign = sign_bit(element);
  std::vector<std::uint64_t> negative;
  std::vector<std::uint64_t> rest;
  for (const std::uint64_t pattern : sorted) {
    if (element.is_float && (pattern & sign) != 0) {
      negative.insert(negative.begin(), pattern & ~sign);
    } else {
      rest.push_back(pattern);
    }
  }
  std::uint64_t all = 0;
  for (const std::uint64_t value : negative) all |= value;
  for (const std::uint64_t value : rest) all |= value;
  const unsigned shift = all == 0 ? 0 : static_cast<unsigned>(std::countr_zero(all));
  // A symmetric codebook (+-alpha) stores its magnitudes once.
  const bool symmetric = !negative.empty() && negative == rest;

  std::vector<std::uint64_t> differences;
  if (!symmetric) add_differences(negative, shift, differences);
  add_differences(rest, shift, differences);
  std::vector<unsigned> lengths(differences.size());
  std::ranges::transform(differences, lengths.begin(), length_of);
  const std::vector<unsigned> steps = steps_of(lengths, symmetric ? 0 : negative.size());
  const LengthCode code = choose_code(lengths, steps);

  if (element.is_float) append_varint(out, 2 * negative.size() + (symmetric ? 1 : 0));
  BitWriter bits(out);
  bits.put(shift, kCodebookLengthBits);
  bits.put(code.base, kCodebookLengthBits);
  bits.put(code.spread, kCodebookSpreadBits);
  for (std::size_t i = 0; i < differences.size(); ++i) {
    const unsigned length = lengths[i];
    if (code.spread == kCodebookSteps) {
      for (unsigned bit = 0; bit < steps[i]; ++bit) bits.put(1, 1);
      bits.put(0, 1);
    } else {
      bits.put(length - code.base, code.spread);
    }
    if (length > 1) {
      bits.put_wide(differences[i] & ~(std::uint64_t{1} << (length - 1)), length - 1);
    }
  }
  bits.finish();
}

}  // namespace qc
