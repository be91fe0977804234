#include "codecs/tensor_codec.h"

#include <algorithm>
#include <cstring>

#include "codecs/simd/stream_copy.h"
#include "core/error.h"

// An encoded tensor: a byte for the layout, a byte for the element, then what the layout writes.
namespace qc {
namespace {

// Elements decoded at a time: whole blocks of every reader, which stay in L2.
constexpr std::size_t kStep = 8 * kBlock;
constexpr std::size_t kMaxWidth = 8;

// Smaller results stay in a cache anyway.
constexpr std::size_t kMinStreamed = std::size_t{1} << 20;

bool encode_as(const Layout& layout, const Analysis& analysis, const EncodeOptions& options,
               Encoding& out) {
  out = {{static_cast<std::uint8_t>(layout.id), element_code(analysis.element())}};
  return encode_layout(layout, analysis, options, out);
}

Encoding encode_best(const Analysis& analysis, const EncodeOptions& options) {
  Encoding best;
  Encoding coded;
  if (options.layout) {
    const Layout* forced = find_layout(static_cast<std::uint8_t>(*options.layout));
    if (forced != nullptr && encode_as(*forced, analysis, options, coded)) return coded;
  }
  EncodeOptions free_choice = options;
  free_choice.layout.reset();
  // Ranks that are mostly zero: leaving the zeros out is as small and much faster to code.
  const bool sparse = analysis.is_large() && analysis.palette() != nullptr && analysis.is_sparse();
  for (const Layout* layout : layout_table()) {
    if (layout->slow && !options.slow_layouts) continue;
    if (!worth_trying(*layout, analysis)) continue;
    if (sparse && layout->id == LayoutId::kPalette) continue;
    if (!encode_as(*layout, analysis, free_choice, coded)) continue;
    options.stages.keep_better(best, std::move(coded));
  }
  return best;
}

// Opens the outermost layout; null with the reason in the context.
ElementReader* open_tensor(ByteReader& in, std::uint64_t size, DecodeContext& context,
                           CodedTensorInfo& info) noexcept {
  info.layout = find_layout(in.u8());
  const std::uint8_t code = in.u8();
  if (!in.ok() || info.layout == nullptr) return context.refuse("it names an unknown layout");
  if (!element_from_code(code, info.element) || size % info.element.width != 0) {
    return context.refuse("it names an unknown element");
  }
  ElementReader* reader = info.layout->open(in, info.element, size / info.element.width, context);
  if (reader != nullptr && !in.at_end()) return context.refuse("it has bytes left over");
  return reader;
}

// Decodes a tensor of `size` bytes and hands it in order, a step at a time, to
// `take(offset, bytes, read)`, which calls read(memory) once with room for the bytes.
template <typename Take>
DecodeFailure decode_steps(ByteView coded, std::uint64_t size, DecodeContext& context,
                           Take&& take) noexcept {
  context.reset(size);
  ByteReader in(coded);
  CodedTensorInfo info;
  ElementReader* reader = open_tensor(in, size, context, info);
  if (reader == nullptr) return context.reason();
  const std::size_t width = info.element.width;
  const std::size_t count = size / width;
  for (std::size_t done = 0; done < count; done += kStep) {
    const std::size_t some = std::min(count - done, kStep);
    take(done * width, some * width, [&](std::uint8_t* to) { reader->read(to, some); });
  }
  return reader->finish() ? nullptr : "its streams do not add up";
}

// True when the encoded tensor decodes to just these bytes.
bool decodes_to(ByteView coded, ByteView expected) {
  DecodeContext context;
  Bytes step(kStep * kMaxWidth);
  bool same = true;
  const DecodeFailure failure = decode_steps(
      coded, expected.size(), context, [&](std::size_t offset, std::size_t bytes, auto&& read) {
        read(step.data());
        same = same && std::memcmp(step.data(), expected.data() + offset, bytes) == 0;
      });
  return failure == nullptr && same;
}

}  // namespace

Bytes encode_tensor(const TensorView& tensor, const EncodeOptions& options) {
  const Analysis analysis(tensor);
  Bytes coded = encode_best(analysis, options).bytes;
  if (!decodes_to(coded, tensor.data)) {
    throw Error(ErrorCode::kInternal, "an encoded tensor does not decode to what it was made of");
  }
  return coded;
}

DecodeFailure decode_tensor(ByteView coded, MutableBytes out, DecodeContext& context,
                            StoreMode mode) noexcept {
  if (mode == StoreMode::kCached || out.size() < kMinStreamed) {
    return decode_steps(
        coded, out.size(), context,
        [&](std::size_t offset, std::size_t /*bytes*/, auto&& read) { read(out.data() + offset); });
  }
  alignas(64) std::uint8_t step[kStep * 4];
  const DecodeFailure failure = decode_steps(
      coded, out.size(), context, [&](std::size_t offset, std::size_t bytes, auto&& read) {
        if (bytes > sizeof step) return read(out.data() + offset);
        read(step);
        stream_copy(out.data() + offset, step, bytes);
      });
  stream_fence();
  return failure;
}

DecodeFailure describe_tensor(ByteView coded, std::uint64_t size, DecodeContext& context,
                              CodedTensorInfo& info) noexcept {
  context.reset(size);
  context.stats = &info.stats;
  ByteReader in(coded);
  const ElementReader* reader = open_tensor(in, size, context, info);
  info.values = info.stats.inner;
  context.stats = nullptr;
  return reader != nullptr ? nullptr : context.reason();
}

}  // namespace qc
