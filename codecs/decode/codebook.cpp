#include "codecs/decode/codebook.h"

#include "codecs/decode/bit_reader.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/codebook_code.h"

namespace qc {
namespace {

constexpr unsigned kMaxStep = 128;

// Of the sorted entries: magnitudes grow from the middle outwards.
enum class Side : std::uint8_t { kNegative, kPositive, kBoth };

// The length after a step; over 64 where there is none.
unsigned after_step(unsigned from, unsigned step) noexcept {
  return step % 2 == 0 ? from + step / 2 : from - (step + 1) / 2;
}

}  // namespace

bool read_codebook(ByteReader& in, std::uint64_t count, Element element, std::uint8_t* book,
                   DecodeContext& context, CodedStats* stats) noexcept {
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
  const auto shift = static_cast<unsigned>(bits.get(kCodebookLengthBits));
  LengthCode code;
  code.base = static_cast<unsigned>(bits.get(kCodebookLengthBits));
  code.spread = static_cast<unsigned>(bits.get(kCodebookSpreadBits));
  if (shift >= 64 || code.base > 64) return damaged();

  const std::uint64_t limit = element.is_float ? sign_bit(element) : 0;
  const std::uint64_t largest =
      element.is_float ? limit - 1 : sign_bit(element) | (sign_bit(element) - 1);
  bool valid = true;
  const auto put = [&](std::uint64_t at, std::uint64_t pattern) {
    store_pattern(book + at * width, width, pattern);
  };
  const auto read_magnitudes = [&](std::uint64_t entries, Side side) {
    std::uint64_t next = 0;
    unsigned length = code.base;
    for (std::uint64_t i = 0; i < entries; ++i) {
      if (code.spread == kCodebookSteps) {
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
      if (side != Side::kNegative) put(negatives + i, value);
      if (side != Side::kPositive) put(negatives - 1 - i, value | limit);
      next = scaled + 1;
    }
  };
  if (!symmetric) read_magnitudes(negatives, Side::kNegative);
  read_magnitudes(count - negatives, symmetric ? Side::kBoth : Side::kPositive);
  if (!valid || !bits.in_range() || !bits.padding_is_zero()) return damaged();
  in.take(bits.bytes_used());
  if (stats != nullptr) {
    stats->codebook_bytes += size_before - in.rest().size();
    stats->codebook_size += count;
  }
  return true;
}

}  // namespace qc
