// Fixed-width codes: a width, then every symbol in that many bits.
#include <algorithm>

#include "codecs/decode/bit_reader.h"
#include "codecs/decode/stage_table.h"

namespace qc {
namespace {

constexpr unsigned kMaxWidth = 14;
constexpr unsigned kByte = 8;

class BitpackReader final : public SymbolReader {
 public:
  void start(ByteView packed, unsigned width, std::uint32_t alphabet) noexcept {
    bits_ = BitReader(packed);
    width_ = width;
    alphabet_ = alphabet;
  }

  void read(std::span<Symbol> out) noexcept override {
    if (const ByteView bytes = take_bytes(out.size()); !bytes.empty()) {
      std::copy(bytes.begin(), bytes.end(), out.begin());
      return;
    }
    const std::size_t per_peek = width_ > 0 ? 56 / width_ : kBlock;
    const std::uint64_t mask = (std::uint64_t{1} << width_) - 1;
    while (!out.empty()) {
      const std::size_t some = std::min(per_peek, out.size());
      std::uint64_t bits = bits_.peek();
      for (Symbol& symbol : out.first(some)) {
        const std::uint64_t value = bits & mask;
        const bool valid = value < alphabet_;
        valid_ &= valid;
        symbol = valid ? static_cast<Symbol>(value) : Symbol{0};
        bits >>= width_;
      }
      bits_.skip(static_cast<unsigned>(some) * width_);
      out = out.subspan(some);
    }
  }

  ByteView take_bytes(std::size_t count) noexcept override {
    return width_ == kByte && alphabet_ >= 1u << kByte ? bits_.take_bytes(count) : ByteView();
  }

  bool finish() noexcept override { return valid_ && bits_.finish(); }

 private:
  BitReader bits_;
  unsigned width_ = 0;
  std::uint32_t alphabet_ = 0;
  bool valid_ = true;
};

[[gnu::cold]] SymbolReader* open(ByteView coded, std::uint64_t count, std::uint32_t alphabet,
                                 DecodeContext& context, std::uint64_t& /*table_bytes*/) noexcept {
  ByteReader in(coded);
  const unsigned width = in.u8();
  if (!in.ok() || width > kMaxWidth) return context.refuse("a bit width is out of range");
  // Division first: a hostile count cannot overflow.
  const std::uint64_t bits = 8 * static_cast<std::uint64_t>(in.rest().size());
  if (width > 0 && count > bits / width) return context.refuse("a packed stream is too short");
  auto* reader = context.make<BitpackReader>();
  if (reader == nullptr) return context.refuse("a stream wants too much memory");
  reader->start(in.rest(), width, alphabet);
  return reader;
}

}  // namespace

const StageDecoder kBitpackDecoder = {.id = StageId::kBitpack, .name = "bitpack", .open = open};

}  // namespace qc
