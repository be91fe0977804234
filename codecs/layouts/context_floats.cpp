// Context floats: sign, exponent and first mantissa bits predicted from the elements around and
// coded bit by bit; the other mantissa bits in planes.
#include <algorithm>
#include <array>

#include "codecs/context/arithmetic_coder.h"
#include "codecs/context/float_model.h"
#include "codecs/context/grid.h"
#include "codecs/layout_table.h"
#include "codecs/levels.h"
#include "codecs/varint.h"

namespace qc {
namespace {

using context::BitDecoder;
using context::BitEncoder;
using context::FloatHead;
using context::FloatModel;
using context::kHeadBits;

constexpr std::size_t kMaxPlanes = 7;  // a double has 49 bits below the modelled ones

// How the bits of a float are cut.
struct FloatFormat {
  unsigned width = 4;      // bytes
  unsigned mantissa = 23;  // bits

  unsigned exponent() const noexcept { return 8 * width - 1 - mantissa; }
  unsigned rest() const noexcept { return mantissa - kHeadBits; }
  std::size_t planes() const noexcept { return (rest() + 7) / 8; }
  unsigned plane_bits(std::size_t plane) const noexcept {
    return std::min(8u, rest() - 8 * static_cast<unsigned>(plane));
  }

  FloatHead head(std::uint64_t pattern) const noexcept {
    FloatHead head;
    head.zero = pattern == 0;
    head.negative = (pattern >> (8 * width - 1)) != 0;
    head.exponent =
        static_cast<std::uint32_t>((pattern >> mantissa) & ((std::uint64_t{1} << exponent()) - 1));
    head.mantissa = static_cast<std::uint32_t>((pattern >> rest()) & ((1u << kHeadBits) - 1));
    return head;
  }

  std::uint64_t pattern(const FloatHead& head) const noexcept {
    return std::uint64_t{head.negative} << (8 * width - 1) |
           std::uint64_t{head.exponent} << mantissa | std::uint64_t{head.mantissa} << rest();
  }
};

class ContextFloatsReader final : public ElementReader {
 public:
  FloatFormat format;
  FloatModel model;
  BitDecoder coder;
  std::array<SymbolReader*, kMaxPlanes> planes{};
  std::uint64_t stored = 0;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    with_width(format.width, [&]<typename T>() {
      for (std::size_t i = 0; i < count; ++i) {
        const FloatHead head = model.code(coder, {});
        std::uint64_t pattern = 0;
        if (!head.zero) pattern = format.pattern(head) | next_rest();
        store_le(out + i * sizeof(T), static_cast<T>(pattern));
      }
    });
  }

  bool finish() noexcept override {
    return valid_ && stored == 0 && at_ == size_ && coder.at_end() &&
           std::all_of(planes.begin(), planes.begin() + format.planes(),
                       [](SymbolReader* plane) { return plane->finish(); });
  }

 private:
  std::uint64_t next_rest() noexcept {
    if (at_ == size_) refill();
    std::uint64_t rest = 0;
    for (std::size_t plane = 0; plane < format.planes(); ++plane) {
      rest |= std::uint64_t{block_[plane][at_]} << (8 * plane);
    }
    ++at_;
    return rest;
  }

  void refill() noexcept {
    valid_ = valid_ && stored > 0;
    at_ = 0;
    size_ = static_cast<std::size_t>(std::clamp<std::uint64_t>(stored, 1, kBlock));
    if (stored == 0) return;
    for (std::size_t plane = 0; plane < format.planes(); ++plane) {
      planes[plane]->read({block_[plane].data(), size_});
    }
    stored -= size_;
  }

  std::array<std::array<Symbol, kBlock>, kMaxPlanes> block_{};
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  bool valid_ = true;
};

bool encode_format(const Analysis& tensor, const FloatFormat& format, const EncodeOptions& options,
                   Encoding& out) {
  const std::uint8_t* data = tensor.tensor().data.data();
  const std::size_t count = tensor.count();
  const bool has_zeros = tensor.zeros() > 0;
  std::uint32_t top = 0;
  std::array<std::vector<Symbol>, kMaxPlanes> planes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t pattern = load_pattern(data + i * format.width, format.width);
    if (pattern == 0) continue;
    top = std::max(top, format.head(pattern).exponent);
    for (std::size_t plane = 0; plane < format.planes(); ++plane) {
      const std::uint64_t mask = (std::uint64_t{1} << format.plane_bits(plane)) - 1;
      planes[plane].push_back(static_cast<Symbol>((pattern >> (8 * plane)) & mask));
    }
  }
  const Grid grid = context::context_grid(tensor.tensor().grid, count);
  DecodeContext memory;
  memory.reset(tensor.tensor().data.size());
  FloatModel model;
  if (!model.create(top, format.exponent(), has_zeros, grid, count, memory)) return false;
  out.bytes.push_back(static_cast<std::uint8_t>(format.mantissa));
  append_varint(out.bytes, 2 * std::uint64_t{top} + (has_zeros ? 1 : 0));
  append_varint(out.bytes, count - tensor.zeros());
  context::write_grid(grid, out.bytes);
  for (std::size_t plane = 0; plane < format.planes(); ++plane) {
    encode_stream(planes[plane], 1u << format.plane_bits(plane), options.stages, out);
  }
  Bytes coded;
  BitEncoder coder(coded);
  for (std::size_t i = 0; i < count; ++i) {
    model.code(coder, format.head(load_pattern(data + i * format.width, format.width)));
  }
  coder.finish();
  append_varint(out.bytes, coded.size());
  append(out.bytes, coded);
  return true;
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const unsigned width = tensor.element().width;
  if (!tensor.element().is_float || tensor.count() == 0 || tensor.zeros() == tensor.count()) {
    return false;
  }
  Encoding best;
  for (const unsigned mantissa : {7u, 10u, 23u, 52u}) {
    if (!is_mantissa(mantissa, width)) continue;
    Encoding coded;
    if (!encode_format(tensor, {width, mantissa}, options, coded)) return false;
    options.stages.keep_better(best, std::move(coded));
  }
  out.append(best);
  return !best.bytes.empty();
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  FloatFormat format{element.width, in.u8()};
  const std::uint64_t head = read_varint(in);
  const std::uint64_t stored = read_varint(in);
  if (!in.ok() || !element.is_float || !is_mantissa(format.mantissa, element.width) ||
      head / 2 >> format.exponent() != 0 || stored > count) {
    return context.refuse("the head of floats is damaged");
  }
  Grid grid;
  if (!context::read_grid(in, count, grid)) return context.refuse("a grid is damaged");
  auto* reader = context.make<ContextFloatsReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->format = format;
  reader->stored = stored;
  for (std::size_t plane = 0; plane < format.planes(); ++plane) {
    reader->planes[plane] =
        open_stream(in, stored, 1u << format.plane_bits(plane), StreamUse::kValues, context);
    if (reader->planes[plane] == nullptr) return nullptr;
  }
  if (!reader->model.create(static_cast<std::uint32_t>(head / 2), format.exponent(),
                            (head & 1) != 0, grid, count, context)) {
    return context.refuse("too much memory wanted");
  }
  const ByteView coded = in.take(read_varint(in));
  if (!in.ok()) return context.refuse("coded heads are cut short");
  reader->coder = BitDecoder(coded);
  if (context.stats != nullptr) {
    context.stats->value_bytes += coded.size();
    context.stats->value_symbols += stored;
    context.stats->value_bits = 8u * element.width;
  }
  return reader;
}

}  // namespace

const Layout kContextFloatsLayout = {LayoutId::kContextFloats,
                                     "context-floats",
                                     "floats, the heads predicted from their neighbours",
                                     false,
                                     true,
                                     true,
                                     100000,
                                     encode,
                                     open};

}  // namespace qc
