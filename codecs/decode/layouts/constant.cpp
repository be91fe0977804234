// One value, repeated.
#include "codecs/decode/layout_table.h"

namespace qc {
namespace {

class ConstantReader final : public ElementReader {
 public:
  void start(ByteView value) noexcept { value_ = value; }

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    with_width(static_cast<unsigned>(value_.size()), [&]<typename T>() {
      const T value = load_le<T>(value_.data());
      for (std::size_t i = 0; i < count; ++i) store_le(out + i * sizeof(T), value);
    });
  }

  bool finish() noexcept override { return true; }

 private:
  ByteView value_;
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t /*count*/,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const ByteView value = in.take(element.width);
  if (!in.ok()) return context.refuse("a constant is cut short");
  auto* reader = context.make<ConstantReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->start(value);
  if (stats != nullptr) {
    stats->codebook_bytes += element.width;
    stats->codebook_size += 1;
    stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kConstantDecoder = {
    .id = LayoutId::kConstant, .name = "constant", .is_dense = true, .open = open};

}  // namespace qc
