// Models of one node.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/host_tensor.h"

namespace qc::test {

/// A node with the inputs to give it; one of type kUndefined is left out.
struct NodeCase {
  std::string op;
  std::int64_t opset = 0;
  std::vector<HostTensor> inputs;
  std::vector<onnx::AttributeProto> attributes = {};
  int outputs = 1;
  std::string domain = {};  ///< other than ONNX's own: of version 1

  /// For messages: operator, opset and attributes.
  std::string name() const;
};

onnx::AttributeProto attribute(const std::string& name, std::int64_t value);
onnx::AttributeProto attribute(const std::string& name, int value);
onnx::AttributeProto attribute(const std::string& name, float value);
onnx::AttributeProto attribute(const std::string& name, const char* value);
onnx::AttributeProto int_list(const std::string& name, const std::vector<std::int64_t>& values);
onnx::AttributeProto float_list(const std::string& name, const std::vector<float>& values);
onnx::AttributeProto string_list(const std::string& name, const std::vector<std::string>& values);

/// Random numbers in [-1, 1), the same for the same shape.
HostTensor floats(const std::vector<std::int64_t>& dims);
HostTensor float_values(const std::vector<std::int64_t>& dims, const std::vector<float>& values);
HostTensor int64s(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& values);
HostTensor int32s(const std::vector<std::int64_t>& dims, const std::vector<std::int32_t>& values);
/// Random bytes.
HostTensor uint8s(const std::vector<std::int64_t>& dims);
HostTensor int8s(const std::vector<std::int64_t>& dims);

/// A serialised ModelProto of the node, called "the_node".
std::string model_of(const NodeCase& node);

/// Those of com.microsoft's operators, a part of the following.
std::vector<NodeCase> microsoft_node_cases();

/// The cases for which ONNX Runtime is asked.
std::vector<NodeCase> node_cases();

}  // namespace qc::test
