// Floats whose values all fit a narrower float type exactly, stored in that type.
#include <algorithm>
#include <array>
#include <bit>

#include "codecs/layout_table.h"
#include "core/float_types.h"

namespace qc {
namespace {

float as_float(std::uint64_t pattern) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(pattern));
}

std::uint64_t to_half(std::uint64_t pattern) noexcept { return float_to_half(as_float(pattern)); }

std::uint64_t from_half(std::uint64_t pattern) noexcept {
  return std::bit_cast<std::uint32_t>(half_to_float(static_cast<std::uint16_t>(pattern)));
}

std::uint64_t drop_low_half(std::uint64_t pattern) noexcept { return pattern >> 16; }
std::uint64_t add_low_half(std::uint64_t pattern) noexcept { return pattern << 16; }

bool is_nan(std::uint64_t pattern) noexcept {
  return (pattern & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
}

// NaNs are excluded on both sides: converting them may change their payload.
std::uint64_t double_to_float(std::uint64_t pattern) noexcept {
  if (is_nan(pattern)) return 0;
  return std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(pattern)));
}

std::uint64_t float_to_double(std::uint64_t pattern) noexcept {
  if ((pattern & 0x7fffffffu) > 0x7f800000u) return 0;
  return std::bit_cast<std::uint64_t>(static_cast<double>(as_float(pattern)));
}

// A narrowing is exact when widening gives the same bits back.
struct Narrowing {
  std::uint8_t code;  // on disk
  Element from;
  Element to;
  std::uint64_t (*narrow)(std::uint64_t pattern) noexcept;
  std::uint64_t (*widen)(std::uint64_t pattern) noexcept;
  void (*widen_all)(const std::uint8_t* elements, std::size_t count, std::uint8_t* out) noexcept;
};

template <typename From, typename To, auto Widen>
void widen_all(const std::uint8_t* elements, std::size_t count, std::uint8_t* out) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t pattern = load_le<To>(elements + i * sizeof(To));
    store_le(out + i * sizeof(From), static_cast<From>(Widen(pattern)));
  }
}

template <typename From, typename To, auto Narrow, auto Widen>
constexpr Narrowing narrowing(std::uint8_t code) {
  return {code,  {sizeof(From), true},      {sizeof(To), true}, Narrow,
          Widen, widen_all<From, To, Widen>};
}

constexpr std::array<Narrowing, 3> kNarrowings = {
    narrowing<std::uint32_t, std::uint16_t, to_half, from_half>(0),
    narrowing<std::uint32_t, std::uint16_t, drop_low_half, add_low_half>(1),
    narrowing<std::uint64_t, std::uint32_t, double_to_float, float_to_double>(2),
};

class NarrowReader final : public ElementReader {
 public:
  const Narrowing* narrowing = nullptr;
  ElementReader* inner = nullptr;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    std::uint8_t block[kBlock * 4];
    while (count > 0) {
      const std::size_t some = count < kBlock ? count : kBlock;
      inner->read(block, some);
      narrowing->widen_all(block, some, out);
      out += some * narrowing->from.width;
      count -= some;
    }
  }

  bool finish() noexcept override { return inner->finish(); }
};

// Narrows elements to `out`; false when some value does not fit.
bool narrow_all(const Narrowing& narrowing, ByteView elements, std::uint8_t* out) noexcept {
  const unsigned from = narrowing.from.width;
  for (std::size_t at = 0; at < elements.size(); at += from) {
    const std::uint64_t pattern = load_pattern(elements.data() + at, from);
    const std::uint64_t narrow = narrowing.narrow(pattern);
    if (narrowing.widen(narrow) != pattern) return false;
    store_pattern(out, narrowing.to.width, narrow);
    out += narrowing.to.width;
  }
  return true;
}

// The narrowed elements; empty when some value does not fit.
Bytes narrowed(const TensorView& tensor, const Narrowing& narrowing) {
  // Most tensors that do not fit show it at once.
  constexpr std::size_t kFirst = 16;
  constexpr std::size_t kMaxWidth = 8;
  std::array<std::uint8_t, kFirst * kMaxWidth> first;
  const std::size_t few = std::min(tensor.count(), kFirst) * narrowing.from.width;
  if (!narrow_all(narrowing, tensor.data.first(few), first.data())) return {};
  Bytes out(tensor.count() * narrowing.to.width);
  if (!narrow_all(narrowing, tensor.data, out.data())) return {};
  return out;
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  EncodeOptions inner = options;
  inner.layout.reset();
  Encoding best;
  for (const Narrowing& narrowing : kNarrowings) {
    if (narrowing.from != tensor.element()) continue;
    const Bytes elements = narrowed(tensor.tensor(), narrowing);
    if (elements.empty()) continue;
    Encoding coded{{narrowing.code}};
    encode_dense({elements, narrowing.to, {}}, inner, coded);
    options.stages.keep_better(best, std::move(coded));
  }
  out.append(best);
  return !best.bytes.empty();
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  const std::uint8_t code = in.u8();
  if (!in.ok() || code >= kNarrowings.size() || kNarrowings[code].from != element) {
    return context.refuse("an unknown narrowing");
  }
  auto* reader = context.make<NarrowReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->narrowing = &kNarrowings[code];
  reader->inner = open_dense(in, reader->narrowing->to, count, context);
  return reader->inner != nullptr ? reader : nullptr;
}

}  // namespace

const Layout kNarrowLayout = {LayoutId::kNarrow,
                              "narrow",
                              "floats that all fit a narrower float type, in that type",
                              true,
                              true,
                              false,
                              600,
                              encode,
                              open};

}  // namespace qc
