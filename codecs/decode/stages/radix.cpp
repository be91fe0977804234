// Several digits of a small base in a byte: 5 of base 3 take 1.6 bits each, where fixed-width codes
// take 2.
#include <algorithm>
#include <array>

#include "codecs/decode/stage_table.h"
#include "codecs/shared/radix_bases.h"

namespace qc {
namespace {

using Digits = std::array<std::uint8_t, kMostDigits>;
using DigitTable = std::array<Digits, 256>;

// The digits of every byte, the lowest first; zeros for a byte that stands for none.
DigitTable make_table(RadixBase base) noexcept {
  DigitTable table{};
  for (std::uint32_t byte = 0; byte < base.values; ++byte) {
    std::uint32_t rest = byte;
    for (std::uint32_t i = 0; i < base.digits; ++i, rest /= base.base) {
      table[byte][i] = static_cast<std::uint8_t>(rest % base.base);
    }
  }
  return table;
}

class RadixReader final : public SymbolReader {
 public:
  void start(ByteView packed, RadixBase base, std::uint32_t alphabet) noexcept {
    bytes_ = packed;
    base_ = base;
    table_ = make_table(base);
    alphabet_ = alphabet;
    next_ = base_.digits;
  }

  void read(std::span<Symbol> out) noexcept override {
    for (Symbol& symbol : out) {
      if (next_ == base_.digits) load();
      symbol = digits_[next_++];
      if (symbol >= alphabet_) {
        symbol = 0;
        valid_ = false;
      }
    }
  }

  bool finish() noexcept override {
    // The digits that pad the last byte are zero.
    while (next_ < base_.digits) valid_ &= digits_[next_++] == 0;
    return valid_ && at_ == bytes_.size();
  }

 private:
  void load() noexcept {
    next_ = 0;
    if (at_ == bytes_.size()) {
      valid_ = false;
      digits_ = {};
      return;
    }
    const std::uint8_t byte = bytes_[at_++];
    valid_ &= byte < base_.values;
    digits_ = table_[byte];
  }

  ByteView bytes_;
  RadixBase base_ = kRadixBases[0];
  DigitTable table_{};
  std::uint32_t alphabet_ = 0;
  std::size_t at_ = 0;
  Digits digits_{};
  std::uint32_t next_ = 0;
  bool valid_ = true;
};

[[gnu::cold]] SymbolReader* open(ByteView coded, std::uint64_t count, std::uint32_t alphabet,
                                 DecodeContext& context, std::uint64_t& /*table_bytes*/) noexcept {
  ByteReader in(coded);
  const std::uint32_t number = in.u8();
  const auto base = std::find_if(kRadixBases.begin(), kRadixBases.end(),
                                 [&](const RadixBase& row) { return row.base == number; });
  if (!in.ok() || base == kRadixBases.end()) return context.refuse("an unknown base of digits");
  const std::uint64_t bytes = in.rest().size();
  if (count / base->digits + (count % base->digits != 0 ? 1 : 0) != bytes) {
    return context.refuse("a stream of digits has the wrong length");
  }
  auto* reader = context.make<RadixReader>();
  if (reader == nullptr) return context.refuse("a stream wants too much memory");
  reader->start(in.rest(), *base, alphabet);
  return reader;
}

}  // namespace

const StageDecoder kRadixDecoder = {.id = StageId::kRadix, .name = "radix", .open = open};

}  // namespace qc
