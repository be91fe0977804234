// A packed model without its weights: the graph that a container holds is walked like that of a
// file, with gaps where payloads were cut out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "formats/onnx/gapped_bytes.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/read/shared_units.h"
#include "graph/graph.h"
#include "graph/tensor_info.h"

namespace qc {

/// A file of the model with a gap for each of its slots. The bytes are the reader's.
GappedBytes gapped_file(const QcReader& reader, std::size_t file);

/// What a packed model says of itself.
struct PackedGraph {
  std::vector<TensorInfo> tensors;
  std::vector<GraphValue> inputs;  ///< without initializers
  std::vector<GraphValue> outputs;
};

/// Reads the graph of a packed model, and decodes no tensor. Throws Error: kCorrupt when the first
/// file is no well-formed model, kLimit when its graph takes more memory than the reader may.
PackedGraph packed_graph(const QcReader& reader);

/// Finds the slots of a container by what they hold.
class SlotIndex {
 public:
  explicit SlotIndex(const QcReader& reader);

  /// The slot with the payload of a tensor; null for one that was left in the graph.
  const std::size_t* find(const TensorInfo& tensor) const;

 private:
  std::map<std::pair<std::size_t, std::uint64_t>, std::size_t> slot_at_;  // by file and offset
};

/// Decodes tensors of a packed model, what they share only once. Safe on several threads.
class PackedElements {
 public:
  /// Of a reader that outlives this.
  explicit PackedElements(const QcReader& reader);

  /// Announces a call of of(): all announcements come before the first call.
  void expect(const TensorInfo& tensor);

  /// The elements of a tensor; empty when it has none. Throws Error as the reader does.
  Bytes of(const TensorInfo& tensor);

 private:
  const QcReader& reader_;
  SlotIndex slots_;
  std::map<std::size_t, GappedBytes> literal_;  // by file
  SharedUnits shared_;
};

/// The same for one tensor.
Bytes packed_elements(const QcReader& reader, const TensorInfo& tensor);

}  // namespace qc
