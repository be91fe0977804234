// Writes the sample model: a LeNet-5-like digit classifier with bell-shaped random weights.
//
// Every machine writes the same bytes: the draws are integers, and each weight is one integer below
// 2^24 times one float constant, which IEEE 754 defines to the bit.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace qc {
namespace {

constexpr std::uint64_t kSeed = 5;

/// Steele, Lea and Flood's SplitMix64.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

 private:
  std::uint64_t state_;
};

/// A draw close to the normal distribution with mean 0 and standard deviation 1: the sum of twelve
/// uniform 16-bit numbers has variance 2^32.
class Bell {
 public:
  explicit Bell(std::uint64_t seed) : random_(seed) {}

  float next(float deviation) {
    std::int32_t sum = -6 * 0xffff;
    for (int word = 0; word < 3; ++word) {
      const std::uint64_t bits = random_.next();
      for (unsigned shift = 0; shift < 64; shift += 16) {
        sum += static_cast<std::int32_t>((bits >> shift) & 0xffffU);
      }
    }
    return static_cast<float>(sum) * (deviation * 0x1p-16F);
  }

 private:
  SplitMix64 random_;
};

void add_shape(onnx::ValueInfoProto& value, const std::string& name,
               std::initializer_list<std::int64_t> dims_after_batch) {
  value.set_name(name);
  onnx::TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  for (const std::int64_t dim : dims_after_batch)
    type.mutable_shape()->add_dim()->set_dim_value(dim);
}

class SampleModel {
 public:
  SampleModel() {
    model_.set_ir_version(8);
    model_.set_producer_name("qcompress make_sample");
    onnx::OperatorSetIdProto& opset = *model_.add_opset_import();
    opset.set_domain("");
    opset.set_version(13);

    graph().set_name("lenet");
    add_shape(*graph().add_input(), "image", {1, 28, 28});
    // The deviations are He's sqrt(2 / fan_in).
    add_conv("conv1", "image", {8, 1, 5, 5}, 0.28284271F);
    add_conv("conv2", "pool1", {16, 8, 5, 5}, 0.1F);
    add_node("Flatten", "flatten", {"pool2"}, "features");
    add_gemm("fc1", "features", "fc1_sum", {120, 256}, 0.088388348F);
    add_node("Relu", "relu3", {"fc1_sum"}, "hidden");
    add_gemm("fc2", "hidden", "logits", {10, 120}, 0.12909944F);
    add_shape(*graph().add_output(), "logits", {10});
  }

  std::string bytes() const {
    std::string bytes;
    {
      google::protobuf::io::StringOutputStream stream(&bytes);
      google::protobuf::io::CodedOutputStream coded(&stream);
      coded.SetSerializationDeterministic(true);
      if (!model_.SerializeToCodedStream(&coded)) throw std::runtime_error("cannot serialise");
    }
    return bytes;
  }

 private:
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  onnx::NodeProto& add_node(const std::string& op, const std::string& name,
                            const std::vector<std::string>& inputs, const std::string& output) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(op);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  static void add_ints(onnx::NodeProto& node, const std::string& name,
                       std::initializer_list<std::int64_t> values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }

  /// An initializer of bell-shaped float32 values.
  void add_tensor(const std::string& name, const std::vector<std::int64_t>& dims, float deviation) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) {
      tensor.add_dims(dim);
      count *= dim;
    }
    std::string& raw = *tensor.mutable_raw_data();
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = bell_.next(deviation);
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      for (unsigned shift = 0; shift < 32; shift += 8) {
        raw.push_back(static_cast<char>((bits >> shift) & 0xffU));
      }
    }
  }

  void add_parameters(const std::string& layer, const std::vector<std::int64_t>& dims,
                      float deviation) {
    add_tensor(layer + ".weight", dims, deviation);
    add_tensor(layer + ".bias", {dims.front()}, deviation / 4);
  }

  /// input -> Conv -> Relu -> MaxPool -> "poolN", N being the last character of the layer's name.
  void add_conv(const std::string& layer, const std::string& input,
                const std::vector<std::int64_t>& dims, float deviation) {
    const std::string number(1, layer.back());
    add_parameters(layer, dims, deviation);
    onnx::NodeProto& conv =
        add_node("Conv", layer, {input, layer + ".weight", layer + ".bias"}, layer + "_sum");
    add_ints(conv, "kernel_shape", {5, 5});
    add_node("Relu", "relu" + number, {layer + "_sum"}, layer + "_active");
    onnx::NodeProto& pool =
        add_node("MaxPool", "pool" + number, {layer + "_active"}, "pool" + number);
    add_ints(pool, "kernel_shape", {2, 2});
    add_ints(pool, "strides", {2, 2});
  }

  void add_gemm(const std::string& layer, const std::string& input, const std::string& output,
                const std::vector<std::int64_t>& dims, float deviation) {
    add_parameters(layer, dims, deviation);
    onnx::NodeProto& gemm =
        add_node("Gemm", layer, {input, layer + ".weight", layer + ".bias"}, output);
    onnx::AttributeProto& transpose = *gemm.add_attribute();
    transpose.set_name("transB");
    transpose.set_type(onnx::AttributeProto::INT);
    transpose.set_i(1);
  }

  onnx::ModelProto model_;
  Bell bell_{kSeed};
};

void write_sample(const std::string& path) {
  const std::string bytes = SampleModel().bytes();
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_sample OUTPUT.onnx\n";
    return 2;
  }
  try {
    qc::write_sample(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "make_sample: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
