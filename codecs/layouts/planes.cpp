// Planes: the low byte of every element, then the next, ... and last a head of the top bits. Floats
// are turned left by one bit first, so that the exponent comes on top and the sign joins the lowest
// mantissa bits: exponents compress, mantissas hardly do. The first mantissa bits still lean on the
// exponent, so the head may take a few of them along.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "codecs/layout_table.h"
#include "codecs/simd/join_planes.h"

namespace qc {
namespace {

constexpr std::size_t kMaxPlanes = 8;
constexpr unsigned kMinHeadBits = 8;
constexpr unsigned kMaxHeadBits = 12;

// Elements put together at a time: their planes stay in L1.
constexpr std::size_t kPlaneBlock = 2048;
static_assert(kPlaneBlock % kReadUnit == 0);

// How the bits of an element are cut, from the lowest on.
struct Cut {
  std::array<unsigned, kMaxPlanes> bits{};
  unsigned planes = 0;
};

Cut cut_bits(unsigned width, unsigned head_bits) noexcept {
  Cut cut;
  for (unsigned low = 8 * width - head_bits; low > 0;) {
    const unsigned bits = low < 8 ? low : 8;
    cut.bits[cut.planes++] = bits;
    low -= bits;
  }
  cut.bits[cut.planes++] = head_bits;
  return cut;
}

template <typename T>
T rotate_left(T value) noexcept {
  return static_cast<T>(static_cast<T>(value << 1) | static_cast<T>(value >> (8 * sizeof(T) - 1)));
}

class PlanesReader final : public ElementReader {
 public:
  std::array<SymbolReader*, kMaxPlanes> planes{};
  Cut cut;
  Element element;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    Symbol symbols[kMaxPlanes][kPlaneBlock];
    std::array<PlaneBlock, kMaxPlanes> blocks;
    while (count > 0) {
      const std::size_t some = count < kPlaneBlock ? count : kPlaneBlock;
      unsigned shift = 0;
      for (unsigned plane = 0; plane < cut.planes; ++plane) {
        const ByteView bytes = planes[plane]->take_bytes(some);
        blocks[plane] = {bytes.data(), nullptr, shift};
        if (bytes.empty()) {
          planes[plane]->read({symbols[plane], some});
          blocks[plane] = {nullptr, symbols[plane], shift};
        }
        shift += cut.bits[plane];
      }
      join_planes(std::span(blocks).first(cut.planes), element.width, element.is_float, out, some);
      out += some * element.width;
      count -= some;
    }
  }

  bool finish() noexcept override {
    bool fine = true;
    for (unsigned plane = 0; plane < cut.planes; ++plane) fine &= planes[plane]->finish();
    return fine;
  }
};

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
    const Cut cut = cut_bits(sizeof(T), head_bits);
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

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  const unsigned head_bits = in.u8();
  if (element.width == 1 || head_bits < kMinHeadBits || head_bits > kMaxHeadBits) {
    return context.refuse("byte planes are damaged");
  }
  auto* reader = context.make<PlanesReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->element = element;
  reader->cut = cut_bits(element.width, head_bits);
  for (unsigned plane = 0; plane < reader->cut.planes; ++plane) {
    reader->planes[plane] =
        open_stream(in, count, 1u << reader->cut.bits[plane], StreamUse::kValues, context);
    if (reader->planes[plane] == nullptr) return nullptr;
  }
  if (context.stats != nullptr) {
    context.stats->value_symbols += count;
    context.stats->value_bits = 8u * element.width;
  }
  return reader;
}

}  // namespace

const Layout kPlanesLayout = {LayoutId::kPlanes,
                              "planes",
                              "sign/exponent and mantissa bytes in planes of their own",
                              true,
                              true,
                              false,
                              400,
                              encode,
                              open};

}  // namespace qc
