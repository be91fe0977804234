// Writes the .onnx file of a changed graph, the inverse of the reader: what did not change is taken
// from the file as it is.
#pragma once

#include <cstdint>

#include "core/byte_pieces.h"
#include "core/bytes.h"
#include "formats/onnx/onnx_messages.h"
#include "graph/edited_graph.h"
#include "graph/graph.h"

namespace qc {

/// A file in pieces: of the original, of new tensors, and of `own`.
struct WrittenFile {
  BytePieces bytes;
  Bytes own;
};

/// The file with another graph. `original` is the file and `before` its graph, from which `after`
/// was made. The bytes of new tensors stay where they are. Of what is copied from the file,
/// `leaves_out` tells what is not. Throws Error(kUnsupported) when the
/// original graph is written in several parts.
WrittenFile write_onnx(const BytePieces& original, const ModelGraph& before,
                       const EditedGraph& after, const FieldFilter& leaves_out = {});

}  // namespace qc
