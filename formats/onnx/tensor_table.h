// From what the reader finds to the tensors of a model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "formats/onnx/onnx_reader.h"
#include "formats/onnx/wire_tensor.h"
#include "graph/tensor_info.h"

namespace qc {

/// A file with external data.
struct ExternalFile {
  std::size_t index = 0;   ///< in the model's list of files
  std::uint64_t size = 0;  ///< bytes
};

/// Finds the file for a location; throws Error when there is none or it may not be used.
using ExternalFiles = std::function<ExternalFile(const std::string& location)>;

/// What a tensor says of itself; its place counts where its elements are not in another file.
TensorInfo describe_tensor(const WireTensor& wire);

/// The tensors with places, names and roles. Throws Error(kCorrupt) when external data runs past
/// the end of its file, and what `files` throws.
std::vector<TensorInfo> make_tensors(const OnnxFile& model, const ExternalFiles& files);

}  // namespace qc
