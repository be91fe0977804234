// ONNX models as files in memory: made with ONNX's own protobuf classes, packed and unpacked.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/write/qc_writer.h"

namespace qc::test {

/// Paths and contents, the .onnx file first.
using Files = std::vector<std::pair<std::filesystem::path, Bytes>>;

Bytes serialize(const onnx::ModelProto& model);

/// Sets name, type and dims of a tensor.
onnx::TensorProto& describe_tensor(onnx::TensorProto& tensor, const std::string& name,
                                   std::int32_t type, const std::vector<std::int64_t>& dims);

/// As describe_tensor, with `bytes` as raw_data.
onnx::TensorProto& set_raw(onnx::TensorProto& tensor, const std::string& name, std::int32_t type,
                           const std::vector<std::int64_t>& dims, ByteView bytes);

/// Moves the elements to an external file; numbers that are not given are left out.
void set_external(onnx::TensorProto& tensor, const std::string& location,
                  std::optional<std::uint64_t> offset = {},
                  std::optional<std::uint64_t> length = {});

/// A node with inputs and one output.
onnx::NodeProto& add_node(onnx::GraphProto& graph, const std::string& op,
                          const std::vector<std::string>& inputs, const std::string& output);

/// An attribute of a node, with name and type set.
onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const std::string& name,
                                    onnx::AttributeProto::AttributeType type);

/// `count` bytes that do not compress; the same for the same seed.
Bytes noise(std::size_t count, std::uint64_t seed);

/// `count` float32 values near the normal distribution as a payload.
Bytes bell_payload(std::size_t count, std::uint64_t seed);

/// The model with its one file, m.onnx.
OnnxModel open_model(const onnx::ModelProto& model);

/// The .onnx file of a model as protobuf reads it.
onnx::ModelProto parse(const OnnxModel& model);
OnnxModel open_files(const Files& files);

Bytes pack(const OnnxModel& model, const PackOptions& options = {});

/// What is in a container.
Files unpack(ByteView container);

/// The tensor of that name; fails the test and gives an empty one when there is none.
TensorInfo find_tensor(const OnnxModel& model, const std::string& name);

}  // namespace qc::test
