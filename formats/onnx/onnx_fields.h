// The numbers of the fields of ONNX's messages (onnx.proto3) that this program knows.
#pragma once

#include <cstdint>

namespace qc::onnx_field {

namespace model {
inline constexpr std::uint32_t kIrVersion = 1;
inline constexpr std::uint32_t kDoc = 6;
inline constexpr std::uint32_t kGraph = 7;
inline constexpr std::uint32_t kOpsetImport = 8;
inline constexpr std::uint32_t kTrainingInfo = 20;
inline constexpr std::uint32_t kFunctions = 25;
}  // namespace model

namespace opset {
inline constexpr std::uint32_t kDomain = 1;
inline constexpr std::uint32_t kVersion = 2;
}  // namespace opset

namespace training {
inline constexpr std::uint32_t kInitialization = 1;
inline constexpr std::uint32_t kAlgorithm = 2;
inline constexpr std::uint32_t kInitializationBinding = 3;
inline constexpr std::uint32_t kUpdateBinding = 4;
}  // namespace training

namespace entry {  // StringStringEntryProto
inline constexpr std::uint32_t kKey = 1;
inline constexpr std::uint32_t kValue = 2;
}  // namespace entry

namespace function {
inline constexpr std::uint32_t kName = 1;
inline constexpr std::uint32_t kNode = 7;
inline constexpr std::uint32_t kDoc = 8;
inline constexpr std::uint32_t kDomain = 10;
inline constexpr std::uint32_t kAttributeProto = 11;
inline constexpr std::uint32_t kValueInfo = 12;
}  // namespace function

namespace graph {
inline constexpr std::uint32_t kNode = 1;
inline constexpr std::uint32_t kName = 2;
inline constexpr std::uint32_t kInitializer = 5;
inline constexpr std::uint32_t kDoc = 10;
inline constexpr std::uint32_t kInput = 11;
inline constexpr std::uint32_t kOutput = 12;
inline constexpr std::uint32_t kValueInfo = 13;
inline constexpr std::uint32_t kAnnotation = 14;
inline constexpr std::uint32_t kSparseInitializer = 15;
}  // namespace graph

namespace annotation {
inline constexpr std::uint32_t kTensorName = 1;
inline constexpr std::uint32_t kParameterNames = 2;
}  // namespace annotation

namespace node {
inline constexpr std::uint32_t kInput = 1;
inline constexpr std::uint32_t kOutput = 2;
inline constexpr std::uint32_t kName = 3;
inline constexpr std::uint32_t kOp = 4;
inline constexpr std::uint32_t kAttribute = 5;
inline constexpr std::uint32_t kDoc = 6;
inline constexpr std::uint32_t kDomain = 7;
}  // namespace node

namespace attribute {
inline constexpr std::uint32_t kName = 1;
inline constexpr std::uint32_t kFloat = 2;
inline constexpr std::uint32_t kInt = 3;
inline constexpr std::uint32_t kString = 4;
inline constexpr std::uint32_t kTensor = 5;
inline constexpr std::uint32_t kGraph = 6;
inline constexpr std::uint32_t kFloats = 7;
inline constexpr std::uint32_t kInts = 8;
inline constexpr std::uint32_t kStrings = 9;
inline constexpr std::uint32_t kTensors = 10;
inline constexpr std::uint32_t kGraphs = 11;
inline constexpr std::uint32_t kDoc = 13;
inline constexpr std::uint32_t kType = 20;
inline constexpr std::uint32_t kSparse = 22;
inline constexpr std::uint32_t kSparses = 23;
}  // namespace attribute

/// AttributeProto.AttributeType.
enum class AttributeType : std::uint64_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparse = 11,
  kSparses = 12,
};

namespace sparse {
inline constexpr std::uint32_t kValues = 1;
inline constexpr std::uint32_t kIndices = 2;
inline constexpr std::uint32_t kDims = 3;
}  // namespace sparse

namespace tensor {
inline constexpr std::uint32_t kDims = 1;
inline constexpr std::uint32_t kDataType = 2;
inline constexpr std::uint32_t kFloatData = 4;
inline constexpr std::uint32_t kInt32Data = 5;
inline constexpr std::uint32_t kStringData = 6;
inline constexpr std::uint32_t kInt64Data = 7;
inline constexpr std::uint32_t kName = 8;
inline constexpr std::uint32_t kRawData = 9;
inline constexpr std::uint32_t kDoubleData = 10;
inline constexpr std::uint32_t kUint64Data = 11;
inline constexpr std::uint32_t kDoc = 12;
inline constexpr std::uint32_t kExternalData = 13;
inline constexpr std::uint32_t kDataLocation = 14;
}  // namespace tensor

namespace value {  // ValueInfoProto
inline constexpr std::uint32_t kName = 1;
inline constexpr std::uint32_t kType = 2;
inline constexpr std::uint32_t kDoc = 3;
}  // namespace value

namespace type {  // TypeProto, TypeProto.Tensor, TensorShapeProto and its Dimension
inline constexpr std::uint32_t kTensorType = 1;
inline constexpr std::uint32_t kElemType = 1;
inline constexpr std::uint32_t kShape = 2;
inline constexpr std::uint32_t kDim = 1;
inline constexpr std::uint32_t kDimValue = 1;
}  // namespace type

}  // namespace qc::onnx_field
