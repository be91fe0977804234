#include "formats/onnx/model_skeleton.h"

#include <cstdint>

#include "formats/onnx/onnx_wire.h"
#include "formats/onnx/skeleton.h"

namespace qc {

onnx::ModelProto read_skeleton(const OnnxModel& model) {
  // How much memory it takes was looked at when the model was opened.
  const GappedBytes file(model.files().front().bytes);
  return parse_model(as_bytes(walk_model(file, UINT64_MAX).skeleton));
}

}  // namespace qc
