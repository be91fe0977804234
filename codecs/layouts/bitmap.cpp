// Sparse with a bitmap: a bit for every element, eight to a symbol, then the non-zero values.
#include "codecs/layout_table.h"
#include "codecs/layouts/sparse_values.h"

namespace qc {
namespace {

class BitmapReader final : public ElementReader {
 public:
  SymbolReader* bitmap = nullptr;
  StoredValues values;
  unsigned width = 1;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    with_width(width, [&]<typename T>() {
      std::memset(out, 0, count * sizeof(T));
      Symbol block[kBlock];
      while (count > 0) {
        const std::size_t some = std::min(count, 8 * kBlock);
        const std::size_t bytes = (some + 7) / 8;
        bitmap->read({block, bytes});
        if (some % 8 != 0 && (block[bytes - 1] >> (some % 8)) != 0) valid_ = false;
        for (std::size_t byte = 0; byte < bytes; ++byte) {
          for (unsigned bits = block[byte]; bits != 0; bits &= bits - 1) {
            const std::size_t at = 8 * byte + static_cast<unsigned>(__builtin_ctz(bits));
            if (at >= some) break;
            std::memcpy(out + at * sizeof(T), values.next(), sizeof(T));
          }
        }
        out += some * sizeof(T);
        count -= some;
      }
    });
  }

  bool finish() noexcept override { return valid_ && values.finish() && bitmap->finish(); }

 private:
  bool valid_ = true;
};

bool encode(const Analysis& tensor, const EncodeOptions& options, Bytes& out) {
  if (!tensor.is_sparse() && options.layout != LayoutId::kBitmap) return false;
  const NonZeros& nonzeros = tensor.nonzeros();
  std::vector<Symbol> bitmap((tensor.count() + 7) / 8);
  for (const std::uint64_t position : nonzeros.positions) {
    bitmap[position / 8] = static_cast<Symbol>(bitmap[position / 8] | (1u << (position % 8)));
  }
  append_varint(out, nonzeros.positions.size());
  encode_stream(bitmap, 256, options.stages, out);
  encode_nonzeros(tensor, options, out);
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  const std::uint64_t stored = in.varint();
  if (!in.ok() || stored > count) return context.refuse("too many values for the tensor");
  auto* reader = context.make<BitmapReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->width = element.width;
  const std::uint64_t bytes = count / 8 + (count % 8 != 0 ? 1 : 0);
  reader->bitmap = open_stream(in, bytes, 256, StreamUse::kIndices, context);
  if (reader->bitmap == nullptr) return nullptr;
  ElementReader* values = open_dense(in, element, stored, context);
  if (values == nullptr) return nullptr;
  reader->values.start(values, stored, element.width);
  if (context.stats != nullptr) {
    context.stats->value_symbols = stored;
    context.stats->index_symbols = bytes;
    context.stats->index_bits = 8;
  }
  return reader;
}

}  // namespace

const Layout kBitmapLayout = {LayoutId::kBitmap,
                              "bitmap",
                              "a bit for every element, then the non-zero values",
                              false,
                              false,
                              false,
                              encode,
                              open};

}  // namespace qc
