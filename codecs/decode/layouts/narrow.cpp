// Floats whose values all fit a narrower float type exactly, stored in that type.
#include <array>

#include "codecs/decode/layout_table.h"
#include "codecs/shared/narrowing.h"

namespace qc {
namespace {

// Widens elements one after the other to `out`.
using WidenAll = void (*)(const std::uint8_t* elements, std::size_t count,
                          std::uint8_t* out) noexcept;

template <typename From, typename To, auto Widen>
void widen(const std::uint8_t* __restrict elements, std::size_t count,
           std::uint8_t* __restrict out) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t pattern = load_le<To>(elements + i * sizeof(To));
    store_le(out + i * sizeof(From), static_cast<From>(Widen(pattern)));
  }
}

template <typename From, typename To, auto Widen>
void widen_all(const std::uint8_t* elements, std::size_t count, std::uint8_t* out) noexcept {
  constexpr std::size_t kSome = 32;  // a number that is known makes compilers use vectors
  std::size_t done = 0;
  for (; done + kSome <= count; done += kSome) {
    widen<From, To, Widen>(elements + done * sizeof(To), kSome, out + done * sizeof(From));
  }
  widen<From, To, Widen>(elements + done * sizeof(To), count - done, out + done * sizeof(From));
}

// In the order of kNarrowings.
constexpr std::array<WidenAll, kNarrowings.size()> kWidenAll = {
    widen_all<std::uint32_t, std::uint16_t, from_half>,
    widen_all<std::uint32_t, std::uint16_t, add_low_half>,
    widen_all<std::uint64_t, std::uint32_t, float_to_double>,
};

class NarrowReader final : public ElementReader {
 public:
  const Narrowing* narrowing = nullptr;
  WidenAll widen_all = nullptr;
  ElementReader* inner = nullptr;
  std::uint8_t* block = nullptr;  // kBlock elements of `inner`

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    while (count > 0) {
      const std::size_t some = count < kBlock ? count : kBlock;
      inner->read(block, some);
      widen_all(block, some, out);
      out += some * narrowing->from.width;
      count -= some;
    }
  }

  bool finish() noexcept override { return inner->finish(); }
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const std::uint8_t code = in.u8();
  if (!in.ok() || code >= kNarrowings.size() || kNarrowings[code].from != element) {
    return context.refuse("an unknown narrowing");
  }
  auto* reader = context.make<NarrowReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  const Narrowing& narrowing = kNarrowings[code];
  reader->narrowing = &narrowing;
  reader->widen_all = kWidenAll[code];
  reader->block = context.blocks.make_array<std::uint8_t>(kBlock * narrowing.to.width);
  if (reader->block == nullptr) return context.refuse("too much memory wanted");
  reader->inner = open_dense(in, narrowing.to, count, context, stats);
  return reader->inner != nullptr ? reader : nullptr;
}

}  // namespace

const LayoutDecoder kNarrowDecoder = {
    .id = LayoutId::kNarrow, .name = "narrow", .is_dense = true, .open = open};

}  // namespace qc
