#include "codecs/codebook.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "codecs/bit_io.h"
#include "codecs/varint.h"

// A float codebook is two rising lists of magnitudes, the negative numbers' and the others'; a list
// of integers is one. A list is coded as differences: the bits below the lowest bit that any value
// uses are dropped, then every difference is a bit length and the bits below its leading one. The
// lengths are numbers of a fixed width, or steps from the length before in unary.
namespace qc {
namespace {

constexpr unsigned kLengthBits = 7;  // holds a bit length of 0 to 64, or a shift
constexpr unsigned kSpreadBits = 3;
constexpr unsigned kSteps = 7;  // as the spread: lengths are steps
constexpr unsigned kMaxStep = 128;

std::uint64_t sign_bit(Element element) noexcept {
  return std::uint64_t{1} << (8 * element.width - 1);
}

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

// The length after a step; over 64 where there is none.
unsigned after_step(unsigned from, unsigned step) noexcept {
  return step % 2 == 0 ? from + step / 2 : from - (step + 1) / 2;
}

// How lengths are written: above `base` in `spread` bits each, or from `base` on in steps.
struct LengthCode {
  unsigned base = 0;
  unsigned spread = 0;
};

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
  if (spread >= kSteps || step_bits < lengths.size() * spread) return {lengths.front(), kSteps};
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
  bits.put(shift, kLengthBits);
  bits.put(code.base, kLengthBits);
  bits.put(code.spread, kSpreadBits);
  for (std::size_t i = 0; i < differences.size(); ++i) {
    const unsigned length = lengths[i];
    if (code.spread == kSteps) {
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

bool read_codebook(ByteReader& in, std::uint64_t count, Element element, std::uint8_t* book,
                   DecodeContext& context) noexcept {
  const auto damaged = [&] {
    context.refuse("a codebook is damaged");
    return false;
  };
  const unsigned width = element.width;
  const std::size_t size_before = in.rest().size();
  const std::uint64_t head = element.is_float ? read_varint(in) : 0;
  const std::uint64_t negatives = head / 2;
  const bool symmetric = (head & 1) != 0;
  if (!in.ok() || negatives > count || (symmetric && 2 * negatives != count)) return damaged();
  BitReader bits(in.rest());
  const auto shift = static_cast<unsigned>(bits.get(kLengthBits));
  LengthCode code;
  code.base = static_cast<unsigned>(bits.get(kLengthBits));
  code.spread = static_cast<unsigned>(bits.get(kSpreadBits));
  if (shift >= 64 || code.base > 64) return damaged();

  const std::uint64_t limit = element.is_float ? sign_bit(element) : 0;
  const std::uint64_t largest =
      element.is_float ? limit - 1 : sign_bit(element) | (sign_bit(element) - 1);
  bool valid = true;
  const auto read_list = [&](std::uint64_t entries, auto&& place) {
    std::uint64_t next = 0;
    unsigned length = code.base;
    for (std::uint64_t i = 0; i < entries; ++i) {
      if (code.spread == kSteps) {
        unsigned step = 0;
        while (step <= kMaxStep && bits.get(1) != 0) ++step;
        length = after_step(length, step);
      } else {
        length = static_cast<unsigned>(code.base + bits.get(code.spread));
      }
      if (length > 64) {
        valid = false;
        return;
      }
      std::uint64_t difference = length > 0 ? std::uint64_t{1} << (length - 1) : 0;
      if (length > 1) difference |= bits.get_wide(length - 1);
      const std::uint64_t scaled = next + difference;
      const std::uint64_t value = scaled << shift;
      valid &= scaled >= difference && (i == 0 || next > 0) && value >> shift == scaled &&
               value <= largest;
      place(i, value);
      next = scaled + 1;
    }
  };
  const auto put = [&](std::uint64_t at, std::uint64_t pattern) {
    store_pattern(book + at * width, width, pattern);
  };
  if (!symmetric) {
    read_list(negatives, [&](std::uint64_t i, std::uint64_t magnitude) {
      put(negatives - 1 - i, magnitude | limit);
    });
  }
  read_list(count - negatives, [&](std::uint64_t i, std::uint64_t value) {
    put(negatives + i, value);
    if (symmetric) put(negatives - 1 - i, value | limit);
  });
  if (!valid || !bits.in_range() || !bits.padding_is_zero()) return damaged();
  in.take(bits.bytes_used());
  if (context.stats != nullptr) {
    context.stats->codebook_bytes += size_before - in.rest().size();
    context.stats->codebook_size += count;
  }
  return true;
}

}  // namespace qc
