// The messages of an ONNX file, copied without some of their fields.
#pragma once

#include <cstdint>
#include <functional>

#include "core/byte_pieces.h"
#include "formats/onnx/wire_fields.h"
#include "formats/onnx/wire_message.h"

namespace qc {

/// The messages of onnx.proto that hold tensors or documentation at some depth.
enum class OnnxMessage {
  kModel,
  kTraining,
  kGraph,
  kNode,
  kAttribute,
  kSparse,
  kTensor,
  kValue,
  kFunction
};

/// Whether a field of a `parent` is left out. None: nothing is.
using FieldFilter = std::function<bool(OnnxMessage parent, const OnnxField& field)>;

/// Documentation: fields called doc_string.
bool is_doc_string(OnnxMessage parent, const OnnxField& field);

/// The elements of a tensor, where they take more than `bytes` bytes.
bool is_payload_over(std::uint64_t bytes, OnnxMessage parent, const OnnxField& field);

/// Appends a field of a `parent`, without what is to be left out at any depth.
void copy_field(const WireFields& fields, OnnxMessage parent, const OnnxField& field,
                const FieldFilter& leaves_out, WireMessage& out);

struct DocStrings {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;  ///< of the fields, with tag and length
};

/// Every doc_string of a .onnx file: of the model, graphs, nodes, attributes, tensors, values and
/// functions.
DocStrings count_doc_strings(const BytePieces& file);

}  // namespace qc
