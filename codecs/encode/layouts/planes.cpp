// Planes: chooses how many bits the head of the elements takes, and codes each plane by itself.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "codecs/encode/entropy.h"
#include "codecs/encode/layout_table.h"
#include "codecs/shared/plane_cut.h"

namespace qc {
namespace {

template <typename T>
T rotate_left(T value) noexcept {
  return static_cast<T>(static_cast<T>(value << 1) | static_cast<T>(value >> (8 * sizeof(T) - 1)));
}

template <typename T>
std::vector<Symbol> plane_symbols(const TensorView& tensor, unsigned shift, unsigned bits) {
  std::vector<Symbol> symbols(tensor.count());
  const std::uint8_t* at = tensor.data.data();
  const auto mask = static_cast<T>((1u << bits) - 1);
  for (Symbol& symbol : symbols) {
    T value = load_le<T>(at);
    if (tensor.element.is_float) value = rotate_left(value);
    symbol = static_cast<Symbol>((value >> shift) & mask);
    at += sizeof(T);
  }
  return symbols;
}

// The number of head bits with the least entropy in all, the rest taken as incompressible.
template <typename T>
unsigned best_head_bits(const TensorView& tensor) {
  constexpr auto kBits = static_cast<unsigned>(8 * sizeof(T));
  constexpr unsigned kMost = kBits < kMaxHeadBits ? kBits : kMaxHeadBits;
  const std::vector<Symbol> heads = plane_symbols<T>(tensor, kBits - kMost, kMost);
  std::vector<std::uint32_t> counts = SymbolStream(heads, 1u << kMost).counts;
  unsigned best = kMost;
  std::uint64_t least = UINT64_MAX;
  for (unsigned head = kMost;; --head) {
    constexpr std::uint64_t kTableBitsPerSymbol = 4;
    const auto distinct = static_cast<std::uint64_t>(
        std::ranges::count_if(counts, [](std::uint32_t count) { return count > 0; }));
    const std::uint64_t cost =
        entropy_bits(counts) + tensor.count() * (kBits - head) + kTableBitsPerSymbol * distinct;
    if (cost <= least) {
      least = cost;
      best = head;
    }
    if (head == kMinHeadBits) return best;
    // Heads of a bit less are those of two neighbours.
    for (std::size_t i = 0; i < counts.size() / 2; ++i)
      counts[i] = counts[2 * i] + counts[2 * i + 1];
    counts.resize(counts.size() / 2);
  }
}

// Encodes planes, those that several cuts have in common only once.
template <typename T>
class PlaneEncoder {
 public:
  PlaneEncoder(const TensorView& tensor, const StageChoice& stages)
      : tensor_(tensor), stages_(stages) {}

  Encoding encode(unsigned head_bits) {
    Encoding out{{static_cast<std::uint8_t>(head_bits)}};
    const PlaneCut cut = cut_bits(sizeof(T), head_bits);
    unsigned shift = 0;
    for (unsigned plane = 0; plane < cut.planes; ++plane) {
      out.append(plane_at(shift, cut.bits[plane]));
      shift += cut.bits[plane];
    }
    return out;
  }

 private:
  const Encoding& plane_at(unsigned shift, unsigned bits) {
    const auto [found, is_new] = planes_.try_emplace({shift, bits});
    Encoding& coded = found->second;
    if (is_new) {
      encode_stream(plane_symbols<T>(tensor_, shift, bits), 1u << bits, stages_, coded);
    }
    return coded;
  }

  const TensorView& tensor_;
  const StageChoice& stages_;
  std::map<std::pair<unsigned, unsigned>, Encoding> planes_;  // by lowest bit and bits
};

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const TensorView& view = tensor.tensor();
  if (view.element.width == 1) return false;
  StageChoice stages = options.stages;
  stages.matches = stages.matches && tensor.repeats();
  with_width(view.element.width, [&]<typename T>() {
    PlaneEncoder<T> encoder(view, stages);
    const unsigned head_bits = view.element.is_float ? best_head_bits<T>(view) : kMinHeadBits;
    Encoding best = encoder.encode(head_bits);
    // In a small tensor the code table of a long head may cost more than was estimated.
    constexpr std::size_t kMany = std::size_t{1} << 12;
    if (head_bits != kMinHeadBits && tensor.count() < kMany) {
      options.stages.keep_better(best, encoder.encode(kMinHeadBits));
    }
    out.append(best);
  });
  return true;
}

}  // namespace

const LayoutEncoder kPlanesEncoder = {
    .decoder = kPlanesDecoder,
    .help = "sign/exponent and mantissa bytes in planes of their own",
    .stores_plain_values = true,
    .element_ps = 400,
    .encode = encode};

}  // namespace qc
