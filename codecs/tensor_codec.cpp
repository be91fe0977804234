#include "codecs/tensor_codec.h"

#include <algorithm>
#include <cstring>

#include "codecs/simd/stream_copy.h"
#include "core/error.h"

// An encoded tensor: a byte for the layout, a byte for the element, then what the layout writes.
namespace qc {
namespace {

// Elements decoded at a time: whole blocks of every reader, which stay in L1.
constexpr std::size_t kStep = kBlock;
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
  // Leaving the zeros out is as small as coding them in every plane or rank, and much faster.
  constexpr std::size_t kManyZeros = 8;
  const bool leaves_zeros_out = analysis.is_large() && analysis.is_sparse() &&
                                kManyZeros * analysis.zeros() >= analysis.count();
  const auto codes_every_zero = [](const Layout& layout) {
    return (layout.plain && !layout.slow) || layout.id == LayoutId::kPalette;
  };
  for (const Layout* layout : layout_table()) {
    if (layout->slow && !options.slow_layouts) continue;
    if (!worth_trying(*layout, analysis)) continue;
    if (leaves_zeros_out && codes_every_zero(*layout)) continue;
    if (!encode_as(*layout, analysis, free_choice, coded)) continue;
    options.stages.keep_better(best, std::move(coded));
    free_choice.bytes_to_beat = best.bytes.size();
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

// Decodes a tensor of `size` bytes in order, a step at a time: take(reader, offset, count, width)
// has the reader give `count` elements of `width` bytes, which belong at that offset in bytes.
template <typename Take>
DecodeFailure decode_steps(ByteView coded, std::uint64_t size, DecodeContext& context,
                           Take&& take) noexcept {
  context.reset(size);
  ByteReader in(coded);
  CodedTensorInfo info;
  ElementReader* reader = open_tensor(in, size, context, info);
  if (reader == nullptr) return context.reason();
  const unsigned width = info.element.width;
  const std::size_t count = size / width;
  for (std::size_t done = 0; done < count; done += kStep) {
    take(*reader, done * width, std::min(count - done, kStep), width);
  }
  return reader->finish() ? nullptr : "its streams do not add up";
}

// True when the encoded tensor decodes to just these bytes.
bool decodes_to(ByteView coded, ByteView expected) {
  DecodeContext context;
  std::uint8_t step[kStep * kMaxWidth];
  bool same = true;
  const DecodeFailure failure = decode_steps(
      coded, expected.size(), context,
      [&](ElementReader& reader, std::size_t offset, std::size_t count, unsigned width) {
        reader.read(step, count);
        same = same && std::memcmp(step, expected.data() + offset, count * width) == 0;
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
  constexpr std::size_t kLine = 64;
  const bool aligned = reinterpret_cast<std::uintptr_t>(out.data()) % kLine == 0;
  const bool streaming = mode == StoreMode::kStreaming && aligned && out.size() >= kMinStreamed;
  const DecodeFailure failure = decode_steps(
      coded, out.size(), context,
      [&](ElementReader& reader, std::size_t offset, std::size_t count, unsigned width) {
        if (streaming) {
          reader.stream(out.data() + offset, count, width);
        } else {
          reader.read(out.data() + offset, count);
        }
      });
  if (streaming) stream_fence();
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
