// Floats whose values all fit a narrower float type exactly, stored in that type.
#include <algorithm>
#include <array>
#include <bit>

#include "codecs/encode/layout_table.h"
#include "codecs/shared/narrowing.h"

namespace qc {
namespace {

std::uint64_t to_half(std::uint64_t pattern) noexcept { return float_to_half(as_float(pattern)); }

std::uint64_t drop_low_half(std::uint64_t pattern) noexcept { return pattern >> 16; }

bool is_nan(std::uint64_t pattern) noexcept {
  return (pattern & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
}

// NaNs are excluded on both sides: converting them may change their payload.
std::uint64_t double_to_float(std::uint64_t pattern) noexcept {
  if (is_nan(pattern)) return 0;
  return std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(pattern)));
}

// In the order of kNarrowings.
constexpr std::array<std::uint64_t (*)(std::uint64_t pattern) noexcept, kNarrowings.size()>
    kNarrow = {to_half, drop_low_half, double_to_float};

// Narrows elements to `out`; false when some value does not fit.
bool narrow_all(const Narrowing& narrowing, ByteView elements, std::uint8_t* out) noexcept {
  const unsigned from = narrowing.from.width;
  for (std::size_t at = 0; at < elements.size(); at += from) {
    const std::uint64_t pattern = load_pattern(elements.data() + at, from);
    const std::uint64_t narrow = kNarrow[narrowing.code](pattern);
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

}  // namespace

const LayoutEncoder kNarrowEncoder = {
    .decoder = kNarrowDecoder,
    .help = "floats that all fit a narrower float type, in that type",
    .stores_plain_values = true,
    .element_ps = 600,
    .encode = encode};

}  // namespace qc
