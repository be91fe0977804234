// A tensor of an ONNX file: what is said of it, and where its payload lies.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "formats/onnx/metered_fields.h"
#include "graph/tensor_info.h"

namespace qc {

/// One TensorProto.
struct WireTensor {
  std::string name;
  std::int32_t data_type = 0;
  std::vector<std::int64_t> dims;
  std::vector<std::string> strings;
  Storage storage = Storage::kNone;
  std::uint64_t offset = 0;  ///< of the payload field's bytes in the file
  std::uint64_t size = 0;
  bool single_payload = true;                   ///< false when several fields hold elements
  std::map<std::string, std::string> external;  ///< keys and values of external_data
};

/// Reads a TensorProto. The payload is not looked at.
WireTensor read_tensor(MeteredFields& fields, const OnnxField& message);

}  // namespace qc
