// Small ONNX models made in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/tensor.h"
#include "formats/onnx/onnx_model.h"

namespace onnx {
class ModelProto;
}

namespace qc::test {

/// Values as the payload of a tensor of a float type.
Bytes encode(DataType type, std::span<const float> values);

/// `count` values close to the normal distribution with mean 0; the same for the same seed.
std::vector<float> bell_values(std::size_t count, std::uint64_t seed, float deviation = 0.05F);

/// Builds a chain of layers on one float input "x"; every layer takes the output of the one before.
class ModelBuilder {
 public:
  ModelBuilder();
  ~ModelBuilder();
  ModelBuilder(const ModelBuilder&) = delete;
  ModelBuilder& operator=(const ModelBuilder&) = delete;

  /// An initializer with its elements in raw_data.
  ModelBuilder& add_initializer(const std::string& name, DataType type,
                                const std::vector<std::int64_t>& dims, ByteView raw);
  /// An initializer of a float type.
  ModelBuilder& add_floats(const std::string& name, const std::vector<std::int64_t>& dims,
                           std::span<const float> values, DataType type = DataType::kFloat);

  /// A node on the current output and initializers by name; its output becomes the current one.
  ModelBuilder& add_node(const std::string& op, const std::vector<std::string>& initializers);

  /// A Conv with NAME.weight of dims {out, in, height, width} and a float32 NAME.bias of {out}.
  ModelBuilder& add_conv(const std::string& name, const std::vector<std::int64_t>& dims,
                         std::span<const float> weights, DataType type = DataType::kFloat);
  /// A Gemm with NAME.weight of dims {in, out} and a float32 NAME.bias of {out}.
  ModelBuilder& add_gemm(const std::string& name, const std::vector<std::int64_t>& dims,
                         std::span<const float> weights, DataType type = DataType::kFloat);
  /// A BatchNormalization with NAME.scale, .shift, .mean and .var of `channels` float32 each.
  ModelBuilder& add_batch_norm(const std::string& name, std::int64_t channels);

  /// Gives the last node an attribute.
  ModelBuilder& set_ints(const std::string& name, const std::vector<std::int64_t>& values);
  ModelBuilder& set_opset(std::int64_t version);

  /// The message itself, for everything the functions above cannot say.
  onnx::ModelProto& proto() { return *model_; }

  Bytes bytes() const;
  /// The model opened, as the file "m.onnx".
  OnnxModel open() const;

 private:
  ModelBuilder& add_layer(const std::string& op, const std::string& name,
                          const std::vector<std::int64_t>& dims, std::int64_t outputs,
                          std::span<const float> weights, DataType type);

  std::unique_ptr<onnx::ModelProto> model_;
  std::string output_ = "x";
};

}  // namespace qc::test
