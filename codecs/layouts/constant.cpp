// One value, repeated.
#include "codecs/layout_table.h"

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

bool encode(const Analysis& tensor, const EncodeOptions& /*options*/, Encoding& out) {
  const std::size_t width = tensor.element().width;
  const ByteView data = tensor.tensor().data;
  if (data.empty() || std::memcmp(data.data(), data.data() + width, data.size() - width) != 0) {
    return false;
  }
  append(out.bytes, data.first(width));
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t /*count*/,
                    DecodeContext& context) noexcept {
  const ByteView value = in.take(element.width);
  if (!in.ok()) return context.refuse("a constant is cut short");
  auto* reader = context.make<ConstantReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->start(value);
  if (context.stats != nullptr) {
    context.stats->codebook_bytes += element.width;
    context.stats->codebook_size += 1;
    context.stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const Layout kConstantLayout = {
    LayoutId::kConstant, "constant", "one value, repeated", true, false, false, 60, encode, open};

}  // namespace qc
