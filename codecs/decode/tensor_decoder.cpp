#include "codecs/decode/tensor_decoder.h"

#include <algorithm>
#include <cstring>

#include "codecs/decode/layout.h"

// An encoded tensor: a byte for the layout, a byte for the element, then what the layout writes.
namespace qc {
namespace {

// Elements decoded at a time: whole blocks of every reader, which stay in L1.
constexpr std::size_t kStep = kBlock;

// Smaller results stay in a cache anyway.
constexpr std::size_t kMinStreamed = std::size_t{1} << 20;

// Opens the outermost layout; null with the reason in the context.
ElementReader* open_tensor(ByteReader& in, std::uint64_t size, DecodeContext& context,
                           Element& element, CodedStats* stats) noexcept {
  const std::uint8_t id = in.u8();
  const LayoutDecoder* layout = find_layout_decoder(id);
  const std::uint8_t code = in.u8();
#ifdef QC_NO_CONTEXT_LAYOUTS
  for (const LayoutId left_out : {LayoutId::kContextPalette, LayoutId::kContextFloats}) {
    if (in.ok() && id == static_cast<std::uint8_t>(left_out)) {
      return context.refuse("this decoder was built without the context layouts of pack --max");
    }
  }
#endif
  if (!in.ok() || layout == nullptr) return context.refuse("it names an unknown layout");
  if (!element_from_code(code, element) || size % element.width != 0) {
    return context.refuse("it names an unknown element");
  }
  if (stats != nullptr) stats->add_layout(*layout);
  ElementReader* reader = layout->open(in, element, size / element.width, context, stats);
  if (reader != nullptr && !in.at_end()) return context.refuse("it has bytes left over");
  return reader;
}

// Decodes a tensor of `size` bytes in order, a step at a time: take(reader, offset, count, width,
// scratch) has the reader give `count` elements of `width` bytes, which belong at that offset in
// bytes. `scratch` has room for them, if it was asked for.
template <typename Take>
DecodeFailure decode_steps(ByteView coded, std::size_t size, DecodeContext& context,
                           bool with_scratch, Take&& take) noexcept {
  context.reset(size);
  ByteReader in(coded);
  Element element;
  ElementReader* reader = open_tensor(in, size, context, element, nullptr);
  if (reader == nullptr) return context.reason();
  const unsigned width = element.width;
  std::uint8_t* scratch = nullptr;
  if (with_scratch) {
    scratch = context.blocks.make_array<std::uint8_t>(kStep * width);
    if (scratch == nullptr) return "too much memory wanted";
  }
  const std::size_t count = size / width;
  for (std::size_t done = 0; done < count; done += kStep) {
    take(*reader, done * width, std::min(count - done, kStep), width, scratch);
  }
  return reader->finish() ? nullptr : "its streams do not add up";
}

}  // namespace

DecodeFailure decode_tensor(ByteView coded, MutableBytes out, DecodeContext& context,
                            StoreMode mode) noexcept {
  constexpr std::size_t kLine = 64;
  const bool aligned = reinterpret_cast<std::uintptr_t>(out.data()) % kLine == 0;
  const bool streaming = mode == StoreMode::kStreaming && aligned && out.size() >= kMinStreamed;
  const DecodeFailure failure =
      decode_steps(coded, out.size(), context, streaming,
                   [&](ElementReader& reader, std::size_t offset, std::size_t count, unsigned width,
                       std::uint8_t* scratch) noexcept {
                     if (streaming) {
                       reader.stream(out.data() + offset, count, width, scratch);
                     } else {
                       reader.read(out.data() + offset, count);
                     }
                   });
  if (streaming) stream_fence();
  return failure;
}

bool decodes_to(ByteView coded, ByteView expected, DecodeContext& context) noexcept {
  bool same = true;
  const DecodeFailure failure = decode_steps(
      coded, expected.size(), context, true,
      [&](ElementReader& reader, std::size_t offset, std::size_t count, unsigned width,
          std::uint8_t* scratch) noexcept {
        reader.read(scratch, count);
        same = same && std::memcmp(scratch, expected.data() + offset, count * width) == 0;
      });
  return failure == nullptr && same;
}

DecodeFailure describe_tensor(ByteView coded, std::uint64_t size, DecodeContext& context,
                              CodedTensorInfo& info) noexcept {
  context.reset(size);
  ByteReader in(coded);
  const ElementReader* reader = open_tensor(in, size, context, info.element, &info.stats);
  return reader != nullptr ? nullptr : context.reason();
}

}  // namespace qc
