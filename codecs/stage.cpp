#include "codecs/stage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "codecs/varint.h"

namespace qc {
namespace {

constexpr std::array kStages = {&kBitpackStage, &kHuffmanStage, &kRansStage, &kRadixStage,
                                &kZstdStage};

const Stage* find_stage(std::uint8_t id) noexcept {
  for (const Stage* stage : kStages) {
    if (static_cast<std::uint8_t>(stage->id) == id) return stage;
  }
  return nullptr;
}

constexpr unsigned kLogFraction = 12;

constexpr unsigned kLogIndexBits = 11;

// log2 of 1 + (i + 1/2) / 2^kLogIndexBits in fixed point, by squaring once for every fraction bit.
constexpr auto kLogFractions = [] {
  std::array<std::uint16_t, std::size_t{1} << kLogIndexBits> fractions{};
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    std::uint64_t mantissa = (std::uint64_t{1} << 31) + ((2 * i + 1) << (30 - kLogIndexBits));
    std::uint32_t result = 0;
    for (unsigned bit = 0; bit < kLogFraction; ++bit) {
      mantissa = mantissa * mantissa >> 31;
      result <<= 1;
      if (mantissa >> 32 != 0) {
        mantissa >>= 1;
        result |= 1;
      }
    }
    fractions[i] = static_cast<std::uint16_t>(result);
  }
  return fractions;
}();

// log2 in fixed point, right to the last bits of the fraction; exact for powers of two. 0 for 0.
std::uint64_t log2_fixed(std::uint64_t number) noexcept {
  if (number == 0) return 0;
  const auto whole = static_cast<unsigned>(std::bit_width(number)) - 1;
  if (std::has_single_bit(number)) return std::uint64_t{whole} << kLogFraction;
  const std::uint64_t rest = number ^ (std::uint64_t{1} << whole);
  const std::uint64_t index =
      whole > kLogIndexBits ? rest >> (whole - kLogIndexBits) : rest << (kLogIndexBits - whole);
  return (std::uint64_t{whole} << kLogFraction) + kLogFractions[index];
}

// Whole bits.
std::uint64_t round_up(std::uint64_t fixed) noexcept {
  return (fixed + (std::uint64_t{1} << kLogFraction) - 1) >> kLogFraction;
}

}  // namespace

SymbolStream::SymbolStream(std::span<const Symbol> all, std::uint32_t alphabet)
    : symbols(all), counts(alphabet) {
  // Several tables, so that a run of one symbol does not wait for its own count.
  constexpr std::size_t kTables = 4;
  std::size_t at = 0;
  if (all.size() > kTables * std::size_t{alphabet}) {
    std::vector<std::uint32_t> tables((kTables - 1) * std::size_t{alphabet});
    std::uint32_t* const second = tables.data();
    std::uint32_t* const third = second + alphabet;
    std::uint32_t* const fourth = third + alphabet;
    for (; at + kTables <= all.size(); at += kTables) {
      ++counts[all[at]];
      ++second[all[at + 1]];
      ++third[all[at + 2]];
      ++fourth[all[at + 3]];
    }
    for (std::uint32_t i = 0; i < alphabet; ++i) counts[i] += second[i] + third[i] + fourth[i];
  }
  for (; at < all.size(); ++at) ++counts[all[at]];
  entropy = entropy_bits(counts);
}

std::uint32_t SymbolStream::used_alphabet() const noexcept {
  std::uint32_t used = alphabet();
  while (used > 0 && counts[used - 1] == 0) --used;
  return used;
}

std::uint32_t SymbolStream::distinct() const noexcept {
  return static_cast<std::uint32_t>(
      std::count_if(counts.begin(), counts.end(), [](std::uint32_t count) { return count > 0; }));
}

std::span<const Stage* const> stage_table() noexcept { return kStages; }

unsigned symbol_bits(std::uint64_t alphabet) noexcept {
  return alphabet <= 1 ? 0 : static_cast<unsigned>(std::bit_width(alphabet - 1));
}

std::uint64_t entropy_bits(std::span<const std::uint32_t> counts) noexcept {
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  const std::uint64_t log_total = log2_fixed(total);
  std::uint64_t bits = 0;
  for (const std::uint32_t count : counts) {
    if (count > 0) bits += count * (log_total - log2_fixed(count));
  }
  return round_up(bits);
}

std::uint64_t cross_entropy_bits(std::span<const std::uint32_t> counts,
                                 std::span<const std::uint32_t> frequencies,
                                 unsigned bits) noexcept {
  const std::uint64_t log_total = std::uint64_t{bits} << kLogFraction;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) sum += counts[i] * (log_total - log2_fixed(frequencies[i]));
  }
  return round_up(sum);
}

void encode_stream(std::span<const Symbol> symbols, std::uint32_t alphabet,
                   const StageChoice& choice, Encoding& out) {
  const SymbolStream stream(symbols, alphabet);
  const auto time_of = [&](const Stage& stage) {
    return std::uint64_t{stage.symbol_ps} * symbols.size();
  };
  // Codes of a fixed width have a size that is known: they are written when nothing is better.
  Encoding best;
  best.decode_ps = time_of(kBitpackStage);
  std::uint64_t best_size = 1 + (symbols.size() * symbol_bits(stream.used_alphabet()) + 7) / 8;
  StageId best_id = StageId::kBitpack;
  for (const Stage* stage : kStages) {
    if (stage->id == StageId::kBitpack) continue;
    if (choice.huffman_only && stage->id != StageId::kHuffman) continue;
    if (!choice.matches && stage->id == StageId::kZstd) continue;
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
    best_id = stage->id;
  }
  if (best_id == StageId::kBitpack) {
    kBitpackStage.encode(stream, std::numeric_limits<std::size_t>::max(), best.bytes);
  }
  out.bytes.push_back(static_cast<std::uint8_t>(best_id));
  append_varint(out.bytes, best.bytes.size());
  out.append(best);
}

SymbolReader* open_stream(ByteReader& in, std::uint64_t count, std::uint32_t alphabet,
                          StreamUse use, DecodeContext& context) noexcept {
  const Stage* stage = find_stage(in.u8());
  const ByteView coded = in.take(read_varint(in));
  if (!in.ok()) return context.refuse("a stream is cut short");
  if (stage == nullptr) return context.refuse("a stream names an unknown entropy stage");
  std::uint64_t table_bytes = 0;
  SymbolReader* reader = stage->open(coded, count, alphabet, context, table_bytes);
  if (reader != nullptr && context.stats != nullptr) {
    CodedStats& stats = *context.stats;
    const bool huffman = stage->id == StageId::kHuffman;
    const std::uint64_t stream_bytes = coded.size() - table_bytes;
    stats.table_bytes += table_bytes;
    if (use == StreamUse::kValues) {
      stats.value_bytes += stream_bytes;
      stats.value_huffman |= huffman;
    } else {
      stats.index_bytes += stream_bytes;
      stats.index_huffman |= huffman;
    }
  }
  return reader;
}

}  // namespace qc
