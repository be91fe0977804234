// Reads an ONNX file: its graph, and where the payload of every tensor lies. Payloads are not
// looked at, and may be missing.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/onnx/gapped_bytes.h"
#include "formats/onnx/wire_tensor.h"
#include "graph/graph.h"

namespace qc {

/// What is in a file. The graph refers to tensors by their index.
struct OnnxFile {
  ModelGraph graph;
  std::vector<WireTensor> tensors;
};

/// Reads a ModelProto: initializers, sparse initializers, tensors in attributes, subgraphs at any
/// depth, functions and training info. Throws Error(kCorrupt) when the bytes are no well-formed
/// message, have no graph or are nested deeper than kMaxMessageNesting. Throws Error(kLimit) when
/// what is known of the graph could take more than `memory` bytes: an empty message is two bytes in
/// a file and hundreds in memory. 0: a quarter of the machine's. Fed with untrusted bytes.
OnnxFile read_onnx(const GappedBytes& file, std::uint64_t memory = 0);

/// Messages inside each other; ONNX needs three for each level of subgraphs.
inline constexpr int kMaxMessageNesting = 200;

}  // namespace qc
