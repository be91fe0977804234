#include "codecs/decode/stages/rans_decoder.h"

#include <algorithm>

#include "codecs/shared/simd/cpu.h"

namespace qc {
namespace {

using RansKernel = void (*)(const RansTable& table, RansLanes& lanes, Symbol* out,
                            std::size_t rows) noexcept;

RansKernel kernel_for(SimdLevel level) noexcept {
#if QC_X86_KERNELS
  if (level == SimdLevel::kAvx512) return decode_rans_avx512;
  if (level == SimdLevel::kAvx2) return decode_rans_avx2;
#endif
  static_cast<void>(level);
  return nullptr;
}

// `Checked`: words may run out.
template <bool Checked>
void decode_scalar(const RansTable& table, RansLanes& lanes, std::span<Symbol> out) noexcept {
  const std::uint32_t mask = (1u << table.bits) - 1;
  const std::size_t lane_mask = lanes.count() - 1;
  const std::uint8_t* next = lanes.next;
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint32_t& state = lanes.states[i & lane_mask];
    const std::uint32_t slot = state & mask;
    const Symbol symbol = table.symbols[slot];
    const std::uint32_t range = table.ranges[symbol];
    std::uint32_t x = (range & 0xffff) * (state >> table.bits) + slot - (range >> 16);
    if (x < kRansLow) {
      std::uint32_t word = 0;
      if (!Checked || lanes.end - next >= 2) {
        word = load_le<std::uint16_t>(next);
        next += 2;
      } else {
        lanes.ran_out = true;
      }
      x = (x << 16) | word;
    }
    state = x;
    out[i] = symbol;
  }
  lanes.next = next;
}

}  // namespace

void decode_rans(const RansTable& table, RansLanes& lanes, std::span<Symbol> out) noexcept {
  const auto words_left = static_cast<std::size_t>(lanes.end - lanes.next) / 2;
  const std::size_t safe = std::min(out.size(), words_left);
  const RansKernel kernel = lanes.count() == kMaxRansLanes ? kernel_for(simd_level()) : nullptr;
  // A symbol takes one word at most.
  if (kernel != nullptr) {
    const std::size_t rows = safe / kMaxRansLanes;
    kernel(table, lanes, out.data(), rows);
    return decode_scalar<true>(table, lanes, out.subspan(rows * kMaxRansLanes));
  }
  const std::size_t whole = safe & ~(lanes.count() - 1);
  decode_scalar<false>(table, lanes, out.first(whole));
  decode_scalar<true>(table, lanes, out.subspan(whole));
}

}  // namespace qc
