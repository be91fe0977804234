#include "codecs/encode/stage_table.h"

#include <algorithm>
#include <array>
#include <limits>

namespace qc {
namespace {

constexpr std::array kStages = {&kBitpackEncoder, &kHuffmanEncoder, &kRansEncoder, &kRadixEncoder,
                                &kZstdEncoder};

}  // namespace

std::span<const StageEncoder* const> stage_encoders() noexcept { return kStages; }

void encode_stream(std::span<const Symbol> symbols, std::uint32_t alphabet,
                   const StageChoice& choice, Encoding& out) {
  const SymbolStream stream(symbols, alphabet);
  const auto time_of = [&](const StageEncoder& stage) {
    return std::uint64_t{stage.symbol_ps} * symbols.size();
  };
  // Codes of a fixed width have a size that is known: they are written when nothing is better.
  Encoding best;
  best.decode_ps = time_of(kBitpackEncoder);
  std::uint64_t best_size = 1 + (symbols.size() * symbol_bits(stream.used_alphabet()) + 7) / 8;
  StageId best_id = StageId::kBitpack;
  for (const StageEncoder* stage : kStages) {
    if (stage->id() == StageId::kBitpack) continue;
    if (choice.huffman_only && stage->id() != StageId::kHuffman) continue;
    if (!choice.matches && stage->id() == StageId::kZstd) continue;
    // The bytes with which the stage would cost as much as the best.
    std::uint64_t limit = best_size;
    if (choice.byte_ps != 0) {
      const std::uint64_t least = best_size * choice.byte_ps + best.decode_ps;
      const std::uint64_t time = time_of(*stage);
      limit = least > time ? (least - time + choice.byte_ps - 1) / choice.byte_ps : 0;
    }
    limit = std::min(limit, choice.too_many);
    if (stage->may_win != nullptr && !stage->may_win(stream, limit)) continue;
    Encoding coded;
    coded.decode_ps = time_of(*stage);
    if (!stage->encode(stream, limit, coded.bytes)) continue;
    best = std::move(coded);
    best_size = best.bytes.size();
    best_id = stage->id();
  }
  if (best_id == StageId::kBitpack) {
    kBitpackEncoder.encode(stream, std::numeric_limits<std::size_t>::max(), best.bytes);
  }
  out.bytes.push_back(static_cast<std::uint8_t>(best_id));
  append_varint(out.bytes, best.bytes.size());
  out.append(best);
}

}  // namespace qc
