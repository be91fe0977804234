// Sparse with a bitmap: a bit for every element, eight to a symbol, then the non-zero values.
#include <algorithm>

#include "codecs/decode/layout_table.h"
#include "codecs/decode/layouts/sparse_values.h"
#include "codecs/decode/varint.h"

namespace qc {
namespace {

class BitmapReader final : public ElementReader {
 public:
  StoredValues values;
  unsigned width = 1;

  void start(SymbolReader* bitmap, std::uint64_t bytes) noexcept {
    bitmap_ = bitmap;
    left_ = bytes;
  }

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    expand_all(out, count, StoreMode::kCached);
  }

  void stream(std::uint8_t* out, std::size_t count, unsigned /*width*/,
              std::uint8_t* /*scratch*/) noexcept override {
    expand_all(out, count, StoreMode::kStreaming);
  }

  bool finish() noexcept override { return valid_ && values.finish() && bitmap_->finish(); }

 private:
  // Bytes of the bitmap at a time: as many elements as a block of values.
  static constexpr std::size_t kStep = kBlock / 8;

  void refill() noexcept {
    Symbol symbols[kBlock];
    at_ = 0;
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlock));
    bitmap_->read({symbols, size_});
    for (std::size_t i = 0; i < size_; ++i) bits_[i] = static_cast<std::uint8_t>(symbols[i]);
    left_ -= size_;
  }

  void expand_all(std::uint8_t* out, std::size_t count, StoreMode mode) noexcept {
    while (count > 0) {
      if (at_ == size_) refill();
      if (size_ == 0) {
        // More than the tensor's elements are wanted.
        valid_ = false;
        std::memset(out, 0, count * width);
        return;
      }
      // Reads of other sizes than a step leave less than that in the buffer.
      const std::size_t some = std::min(count, 8 * std::min(kStep, size_ - at_));
      const std::size_t bytes = (some + 7) / 8;
      expand(bits_ + at_, bytes, some, out, mode);
      at_ += bytes;
      out += some * width;
      count -= some;
    }
  }

  // `count` elements, the last byte of whose bits may be over.
  void expand(std::uint8_t* bits, std::size_t bytes, std::size_t count, std::uint8_t* out,
              StoreMode mode) noexcept {
    const std::size_t whole = count / 8;
    if (whole < bytes) {
      const auto inside = static_cast<std::uint8_t>((1u << (count % 8)) - 1);
      if ((bits[whole] & ~inside) != 0) valid_ = false;
      bits[whole] &= inside;
    }
    expand_bits(bits, whole, values.take(count_bits(bits, whole)), width, out, mode);
    if (whole < bytes) {
      std::uint8_t last[8 * 8];
      expand_bits(bits + whole, 1, values.take(count_bits(bits + whole, 1)), width, last);
      std::memcpy(out + 8 * whole * width, last, (count % 8) * width);
    }
  }

  SymbolReader* bitmap_ = nullptr;
  std::uint64_t left_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  bool valid_ = true;
  std::uint8_t bits_[kBlock];
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const std::uint64_t stored = read_varint(in);
  if (!in.ok() || stored > count) return context.refuse("too many values for the tensor");
  auto* reader = context.make<BitmapReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->width = element.width;
  const std::uint64_t bytes = count / 8 + (count % 8 != 0 ? 1 : 0);
  SymbolReader* bitmap = open_stream(in, bytes, 256, StreamUse::kIndices, context, stats);
  if (bitmap == nullptr) return nullptr;
  reader->start(bitmap, bytes);
  ElementReader* values = open_dense(in, element, stored, context, stats);
  if (values == nullptr) return nullptr;
  reader->values.start(values, stored, element.width);
  if (stats != nullptr) {
    stats->value_symbols = stored;
    stats->index_symbols = bytes;
    stats->index_bits = 8;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kBitmapDecoder = {
    .id = LayoutId::kBitmap, .name = "bitmap", .is_dense = false, .open = open};

}  // namespace qc
