#include "codecs/decode/stage_table.h"

#include <array>

#include "codecs/decode/varint.h"

namespace qc {
namespace {

constexpr std::array kStages = {&kBitpackDecoder, &kHuffmanDecoder, &kRansDecoder, &kRadixDecoder,
                                &kZstdDecoder};

const StageDecoder* find_stage(std::uint8_t id) noexcept {
  for (const StageDecoder* stage : kStages) {
    if (static_cast<std::uint8_t>(stage->id) == id) return stage;
  }
  return nullptr;
}

}  // namespace

SymbolReader* open_stream(ByteReader& in, std::uint64_t count, std::uint32_t alphabet,
                          StreamUse use, DecodeContext& context, CodedStats* stats) noexcept {
  const StageDecoder* stage = find_stage(in.u8());
  const ByteView coded = in.take(read_varint(in));
  if (!in.ok()) return context.refuse("a stream is cut short");
  if (stage == nullptr) return context.refuse("a stream names an unknown entropy stage");
  std::uint64_t table_bytes = 0;
  SymbolReader* reader = stage->open(coded, count, alphabet, context, table_bytes);
  if (reader != nullptr && stats != nullptr) {
    stats->add_stream(use, stage->id, coded.size(), table_bytes);
  }
  return reader;
}

}  // namespace qc
