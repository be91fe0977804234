// Models of a few nodes with inputs and outputs of any name and shape.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"

namespace qc::test {

class SmallModel {
 public:
  explicit SmallModel(int opset = 13);

  /// Of floats. A size of -1 is open.
  SmallModel& input(const std::string& name, const std::vector<std::int64_t>& dims);
  SmallModel& output(const std::string& name);
  SmallModel& floats(const std::string& name, const std::vector<std::int64_t>& dims,
                     const std::vector<float>& values);
  SmallModel& integers(const std::string& name, const std::vector<std::int64_t>& values);
  SmallModel& node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs);

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  OnnxModel open() const;

 private:
  onnx::ModelProto model_;
};

/// A tensor of float32.
HostTensor tensor_of(const std::vector<std::int64_t>& dims, const std::vector<float>& values);
std::vector<float> values_of(const HostTensor& tensor);

}  // namespace qc::test
