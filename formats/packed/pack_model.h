// Packs a model into a .qc container: the one place where the writer meets ONNX.
#pragma once

#include "formats/onnx/onnx_model.h"
#include "formats/qc/write/qc_writer.h"

namespace qc {

/// The files and slots of a model, to which the result refers.
PackSource pack_source(const OnnxModel& model);

/// Writes the container of a model. See write_container().
void pack_model(const OnnxModel& model, const PackOptions& options, ByteSink& out);

}  // namespace qc
