// Context floats: sign, exponent and first mantissa bits predicted from the elements around and
// coded bit by bit; the other mantissa bits in planes.
#include <algorithm>
#include <array>

#include "codecs/decode/bit_decoder.h"
#include "codecs/decode/context_grid.h"
#include "codecs/decode/layout_table.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/context/float_format.h"
#include "codecs/shared/context/float_model.h"
#include "codecs/shared/level_sets.h"

namespace qc {
namespace {

using context::BitDecoder;
using context::FloatFormat;
using context::FloatHead;
using context::FloatModel;
using context::kMaxRestPlanes;

class ContextFloatsReader final : public ElementReader {
 public:
  FloatFormat format;
  FloatModel model;
  BitDecoder coder;
  std::array<SymbolReader*, kMaxRestPlanes> planes{};
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

  std::array<std::array<Symbol, kBlock>, kMaxRestPlanes> block_{};
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  bool valid_ = true;
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
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
        open_stream(in, stored, 1u << format.plane_bits(plane), StreamUse::kValues, context, stats);
    if (reader->planes[plane] == nullptr) return nullptr;
  }
  if (!reader->model.create(static_cast<std::uint32_t>(head / 2), format.exponent(),
                            (head & 1) != 0, grid, count, context)) {
    return context.refuse("too much memory wanted");
  }
  const ByteView coded = in.take(read_varint(in));
  if (!in.ok()) return context.refuse("coded heads are cut short");
  reader->coder = BitDecoder(coded);
  if (stats != nullptr) {
    stats->value_bytes += coded.size();
    stats->value_symbols += stored;
    stats->value_bits = 8u * element.width;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kContextFloatsDecoder = {
    .id = LayoutId::kContextFloats, .name = "context-floats", .is_dense = false, .open = open};

}  // namespace qc
