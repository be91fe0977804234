#include "report/breakdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "codecs/decode/layout.h"
#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/zstd_compress.h"
#include "core/error.h"
#include "core/zeros.h"
#include "formats/packed/packed_tensors.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "system/parallel.h"

namespace qc {
namespace {

double entropy(std::uint64_t count, std::uint64_t total) {
  if (count == 0 || total == 0) return 0;
  const auto n = static_cast<double>(count);
  return n * std::log2(static_cast<double>(total) / n);
}

// Zeros, distinct values and entropies of a tensor's elements, of which no zero is negative.
void measure(const TensorView& view, TensorBreakdown& line) {
  const Analysis analysis(view);
  const std::uint64_t count = analysis.count();
  line.nonzeros = count - analysis.zeros();
  // A place holds something, +0 or -0.
  line.position_entropy_bits = entropy(line.nonzeros, count) + entropy(line.negative_zeros, count) +
                               entropy(analysis.zeros() - line.negative_zeros, count);
  const Bytes nonzeros = analysis.nonzeros().values;
  const std::size_t most = std::min<std::size_t>(kMaxAlphabet, line.nonzeros / 2 + 1);
  if (const auto values = count_distinct({nonzeros, view.element, {}}, most)) {
    line.distinct = values->size();
    for (const auto& [pattern, uses] : *values) {
      line.value_entropy_bits += entropy(uses, line.nonzeros);
    }
  }
}

void add(const CodedStats& part, CodedStats& sum) {
  sum.value_bytes += part.value_bytes;
  sum.index_bytes += part.index_bytes;
  sum.codebook_bytes += part.codebook_bytes;
  sum.table_bytes += part.table_bytes;
  sum.value_symbols += part.value_symbols;
  sum.index_symbols += part.index_symbols;
  sum.codebook_size += part.codebook_size;
  sum.value_bits = std::max(sum.value_bits, part.value_bits);
  sum.index_bits = std::max(sum.index_bits, part.index_bits);
  sum.has_palette |= part.has_palette;
  sum.value_huffman |= part.value_huffman;
  sum.index_huffman |= part.index_huffman;
}

class Accountant {
 public:
  Accountant(const QcReader& reader, unsigned threads)
      : reader_(reader), slots_(reader), threads_(threads) {}

  Breakdown run(BreakdownDepth depth) {
    if (depth == BreakdownDepth::kElements) reader_.require_model_size();
    PackedGraph graph = packed_graph(reader_);
    result_.inputs = std::move(graph.inputs);
    result_.outputs = std::move(graph.outputs);
    for (TensorInfo& tensor : graph.tensors) {
      if (tensor.storage == Storage::kNone) continue;
      TensorBreakdown line;
      line.tensor = std::move(tensor);
      result_.tensors.push_back(std::move(line));
    }
    describe_units();
    place_tensors();
    if (depth == BreakdownDepth::kElements) {
      measure_tensors();
    } else {
      for (TensorBreakdown& line : result_.tensors) line.measured = false;
    }
    add_up();
    return std::move(result_);
  }

 private:
  void describe_units() {
    DecodeContext context(reader_.limits().memory);
    for (const QcUnit& unit : reader_.units()) {
      CodedTensorInfo info;
      if (const DecodeFailure failure = describe_tensor(unit.stored, unit.size, context, info)) {
        throw Error(ErrorCode::kCorrupt, fmt::format("a unit is damaged: {}", failure));
      }
      units_.push_back(info);
    }
  }

  void place_tensors() {
    std::map<std::size_t, std::string> name_of_slot;
    for (TensorBreakdown& line : result_.tensors) {
      const std::size_t* index = slots_.find(line.tensor);
      if (index == nullptr) {
        line.layout = "graph";
        continue;
      }
      const QcSlot& slot = reader_.slots()[*index];
      const auto [owner, first] = name_of_slot.emplace(*index, line.tensor.name);
      if (slot.repeat_of || !first) {
        line.placement = Placement::kRepeat;
        const std::string& source = slot.repeat_of ? name_of_slot[*slot.repeat_of] : owner->second;
        line.layout = fmt::format("{} of {}", slot.transposed ? "transpose" : "repeat", source);
        continue;
      }
      place_in_units(slot, line);
    }
  }

  void place_in_units(const QcSlot& slot, TensorBreakdown& line) {
    std::uint64_t left = slot.size;
    std::uint64_t begin = slot.unit_offset;
    for (std::size_t unit = slot.unit; left > 0; ++unit) {
      const QcUnit& source = reader_.units()[unit];
      const std::uint64_t some = std::min(left, source.size - begin);
      // Shares of a pooled unit: rounded so that they add up.
      const auto share = [&](std::uint64_t at) { return source.stored.size() * at / source.size; };
      line.stored_bytes += share(begin + some) - share(begin);
      line.placement = source.is_shared() ? Placement::kPooled : Placement::kOwn;
      line.layout =
          source.is_shared() ? fmt::format("pool {}", unit) : layout_names(units_[unit].stats);
      if (!source.is_shared()) add(units_[unit].stats, line.stats);
      left -= some;
      begin = 0;
    }
  }

  void measure_tensors() {
    // Beside its elements, those that are not zero and a table of the distinct ones.
    constexpr std::uint64_t kCopies = 4;
    const std::uint64_t memory = reader_.limits().memory;
    MemoryGate gate(memory);
    PackedElements packed(reader_);
    for (TensorBreakdown& line : result_.tensors) {
      if (!line.tensor.elements || line.tensor.count() == 0) continue;
      line.measured = line.tensor.size <= memory / kCopies;
      if (line.measured) packed.expect(line.tensor);
    }
    parallel_for(result_.tensors.size(), threads_, [&](std::size_t i) {
      TensorBreakdown& line = result_.tensors[i];
      const TensorInfo& tensor = line.tensor;
      if (!line.measured || !tensor.elements || tensor.count() == 0) return;
      const MemoryGate::Share share(gate, kCopies * tensor.size);
      Bytes elements = packed.of(tensor);
      const Element element = element_of(tensor.type);
      if (elements.empty() || elements.size() % element.width != 0) return;
      if (tensor.has_values()) {
        const ZeroCount zeros = count_zeros(tensor.type, elements);
        line.negative_zeros = zeros.negative;
        line.zero_sign_bytes = zeros.sign_bytes();
        if (zeros.negative > 0) make_zeros_positive(tensor.type, elements);
      }
      measure({elements, element, {}}, line);
      constexpr std::uint64_t kMostLevels = 4;  // other than 0, of one scale
      line.by_channel = line.layout.starts_with("channel-palette") ||
                        (line.layout.starts_with("levels") &&
                         (line.distinct == 0 || line.distinct > kMostLevels));
    });
  }

  void add_up() {
    SizeTotals& totals = result_.totals;
    for (const QcFile& file : reader_.files()) totals.original += file.size;
    totals.container = reader_.container_size();
    std::uint64_t stream_headers = 0;
    for (const TensorBreakdown& line : result_.tensors) {
      const bool own = line.placement == Placement::kOwn;
      if (line.tensor.role == Role::kWeight && line.placement != Placement::kGraph) {
        totals.paper_original += line.tensor.size;
        totals.paper_coded +=
            own ? line.stats.value_bytes + line.stats.index_bytes : line.stored_bytes;
      }
      if (line.tensor.role == Role::kWeight && own) {
        totals.weights += line.stats.value_bytes;
        totals.indices += line.stats.index_bytes;
        totals.codebooks += line.stats.codebook_bytes;
        totals.tables += line.stats.table_bytes;
        stream_headers += line.stored_bytes - line.stats.value_bytes - line.stats.index_bytes -
                          line.stats.codebook_bytes - line.stats.table_bytes;
      } else if (line.tensor.role == Role::kWeight) {
        totals.weights += line.stored_bytes;
      } else if (line.tensor.role == Role::kBias || line.tensor.role == Role::kNorm) {
        totals.biases_norms += line.stored_bytes;
      } else {
        totals.other_tensors += line.stored_bytes;
      }
    }
    // The manifest shares a zstd frame with the graph; alone it would take about this much.
    const QcOverhead& overhead = reader_.overhead();
    const std::uint64_t manifest = std::min<std::uint64_t>(
        zstd_compress(reader_.manifest_bytes(), 19, graph_dictionary()).size(), overhead.index);
    totals.graph = overhead.index - manifest;
    totals.framing = overhead.framing + manifest + stream_headers;
  }

  const QcReader& reader_;
  SlotIndex slots_;
  unsigned threads_;
  std::vector<CodedTensorInfo> units_;
  Breakdown result_;
};

}  // namespace

std::string layout_names(const CodedStats& stats) {
  std::string names;
  for (const LayoutDecoder* layout : stats.layouts()) {
    if (!names.empty()) names += '+';
    names += layout->name;
  }
  return names;
}

double TensorBreakdown::density() const noexcept {
  const std::uint64_t count = tensor.count();
  return count > 0 ? static_cast<double>(nonzeros) / static_cast<double>(count) : 0;
}

double TensorBreakdown::value_bits() const noexcept {
  return placement == Placement::kPooled ? data_type_bits(tensor.type) : stats.value_bits;
}

double TensorBreakdown::coded_value_bits() const noexcept {
  if (nonzeros == 0) return 0;
  const bool pooled = placement == Placement::kPooled;
  return 8 * static_cast<double>(pooled ? stored_bytes : stats.value_bytes) /
         static_cast<double>(nonzeros);
}

double TensorBreakdown::index_bits() const noexcept {
  if (stats.index_symbols == 0 || nonzeros == 0) return 0;
  return static_cast<double>(stats.index_bits) * static_cast<double>(stats.index_symbols) /
         static_cast<double>(nonzeros);
}

double TensorBreakdown::coded_index_bits() const noexcept {
  if (nonzeros == 0) return 0;
  return 8 * static_cast<double>(stats.index_bytes) / static_cast<double>(nonzeros);
}

double TensorBreakdown::bits_per_element() const noexcept {
  const std::uint64_t count = tensor.count();
  return count > 0 ? 8 * static_cast<double>(stored_bytes) / static_cast<double>(count) : 0;
}

Breakdown break_down(const QcReader& reader, unsigned threads, BreakdownDepth depth) {
  return Accountant(reader, threads).run(depth);
}

}  // namespace qc
