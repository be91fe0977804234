// Where the bytes of a container go, tensor by tensor and in total.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "codecs/decode/coded_stats.h"
#include "formats/qc/read/qc_reader.h"
#include "graph/graph.h"
#include "graph/tensor_info.h"

namespace qc {

/// How a tensor is stored.
enum class Placement {
  kOwn,     ///< in units of its own
  kPooled,  ///< in a unit with other small tensors
  kRepeat,  ///< the same bytes as an earlier tensor, or those transposed
  kGraph,   ///< left in the graph, which is compressed as a whole
};

struct TensorBreakdown {
  TensorInfo tensor;
  Placement placement = Placement::kGraph;
  std::string layout;              ///< "csr+palette"; "repeat of NAME"; "graph"
  std::uint64_t stored_bytes = 0;  ///< in the container; its share of a pooled unit; 0 in the graph
  CodedStats stats;                ///< of its own units, added up
  bool measured = true;  ///< false: its elements were not looked at, and what follows is not known
  std::uint64_t nonzeros = 0;        ///< -0 is a zero
  std::uint64_t negative_zeros = 0;  ///< elements that are -0
  double zero_sign_bytes = 0;        ///< ZeroCount::sign_bytes()
  std::uint64_t distinct = 0;        ///< bit patterns other than zero; 0 when there are very many
  double position_entropy_bits = 0;  ///< zeroth-order entropy of +0, -0 or not, in bits in total
  double value_entropy_bits = 0;     ///< of the non-zero values; 0 when `distinct` is

  bool by_channel = false;  ///< coded with values of each channel's own

  /// True when the zeroth-order entropy of the values means something: there are few distinct ones,
  /// and not because of a scale per channel.
  bool has_floor() const noexcept {
    return measured && (distinct > 0 || nonzeros == 0) && !by_channel;
  }
  double floor_bytes() const noexcept { return (position_entropy_bits + value_entropy_bits) / 8; }
  double density() const noexcept;
  /// Bits of a fixed-width code: for a stored value, and for a non-zero's position; the latter 0
  /// for dense layouts.
  double value_bits() const noexcept;
  double index_bits() const noexcept;
  /// Bits in the container for each non-zero, whatever the layout: of values, among which dense
  /// layouts have the zeros, and of positions. 0 where there are none or they were not counted.
  double coded_value_bits() const noexcept;
  double coded_index_bits() const noexcept;
  /// Bits in the container, of everything, for each element, zeros too.
  double bits_per_element() const noexcept;
};

/// Parts of the whole file; they add up to `container`.
struct SizeTotals {
  std::uint64_t original = 0;   ///< all files of the model
  std::uint64_t container = 0;  ///< the .qc file
  std::uint64_t weights = 0;    ///< coded values of weight tensors
  std::uint64_t indices = 0;    ///< coded positions of their non-zeros
  std::uint64_t codebooks = 0;
  std::uint64_t tables = 0;  ///< Huffman code lengths
  std::uint64_t biases_norms = 0;
  std::uint64_t other_tensors = 0;
  std::uint64_t graph = 0;    ///< everything of the files that is no coded tensor
  std::uint64_t framing = 0;  ///< header, footer, manifest, headers of streams, padding

  /// The paper's accounting: plain bits of the weights over coded values and positions, nothing
  /// else.
  std::uint64_t paper_original = 0;
  std::uint64_t paper_coded = 0;
};

struct Breakdown {
  std::vector<GraphValue> inputs;  ///< of the model
  std::vector<GraphValue> outputs;
  std::vector<TensorBreakdown> tensors;  ///< in the order of the model
  SizeTotals totals;
};

/// The layouts of an encoded tensor, the outermost first: "csr+narrow+palette".
std::string layout_names(const CodedStats& stats);

/// What break_down() looks at.
enum class BreakdownDepth {
  kElements,  ///< decodes every tensor
  kIndex,     ///< reads the index and the heads of units: nothing of TensorBreakdown::measured
};

/// Adds up where the bytes go. Within the reader's limits: a tensor that is too large for them is
/// not measured. Throws Error as the reader does.
Breakdown break_down(const QcReader& reader, unsigned threads,
                     BreakdownDepth depth = BreakdownDepth::kElements);

}  // namespace qc
