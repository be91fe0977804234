// Writes digit classifiers with bell-shaped random weights: the sample model, the two networks of
// the Deep Compression paper, and three for low-bit training.
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
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"

namespace qc {
namespace {

constexpr std::uint64_t kSeed = 5;

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

class ModelWriter {
 public:
  explicit ModelWriter(const std::string& name) {
    model_.set_ir_version(8);
    model_.set_producer_name("qcompress make_sample");
    onnx::OperatorSetIdProto& opset = *model_.add_opset_import();
    opset.set_domain("");
    opset.set_version(13);
    graph().set_name(name);
  }

  void add_input(const std::string& name, std::initializer_list<std::int64_t> dims_after_batch) {
    add_shape(*graph().add_input(), name, dims_after_batch);
  }

  void add_output(const std::string& name, std::initializer_list<std::int64_t> dims_after_batch) {
    add_shape(*graph().add_output(), name, dims_after_batch);
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

  onnx::NodeProto& add_node(const std::string& op, const std::string& name,
                            const std::vector<std::string>& inputs, const std::string& output) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(op);
    if (!name.empty()) node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  /// input -> Conv 5x5 -> "LAYER_sum".
  void add_conv(const std::string& layer, const std::string& input,
                const std::vector<std::int64_t>& dims, float deviation) {
    add_parameters(layer, dims, deviation);
    onnx::NodeProto& conv =
        add_node("Conv", layer, {input, layer + ".weight", layer + ".bias"}, layer + "_sum");
    add_ints(conv, "kernel_shape", {5, 5});
  }

  /// input -> Conv 5x5 without bias, as large as its input -> "LAYER_sum".
  void add_same_conv(const std::string& layer, const std::string& input,
                     const std::vector<std::int64_t>& dims, float deviation) {
    add_tensor(layer + ".weight", dims, deviation);
    onnx::NodeProto& conv = add_node("Conv", layer, {input, layer + ".weight"}, layer + "_sum");
    add_ints(conv, "kernel_shape", {5, 5});
    add_ints(conv, "pads", {2, 2, 2, 2});
  }

  void add_norm(const std::string& name, const std::string& input, const std::string& output,
                std::int64_t channels) {
    std::vector<std::string> inputs = {input};
    const auto add = [&](const char* part, float value) {
      inputs.push_back(name + part);
      add_values(inputs.back(), {channels}, [value] { return value; });
    };
    add(".scale", 1);
    add(".shift", 0);
    add(".mean", 0);
    add(".variance", 1);
    add_node("BatchNormalization", name, inputs, output);
  }

  /// Clip to [least, 1].
  void add_clip(const std::string& input, const std::string& output, float least) {
    for (const float limit : {least, 1.0F}) {
      const std::string name = limit == 1 ? "one" : "least";
      if (names_.insert(name).second) add_values(name, {}, [limit] { return limit; });
    }
    add_node("Clip", output, {input, "least", "one"}, output);
  }

  void add_plain_gemm(const std::string& layer, const std::string& input,
                      const std::vector<std::int64_t>& dims, float deviation) {
    add_tensor(layer + ".weight", dims, deviation);
    transpose_b(add_node("Gemm", layer, {input, layer + ".weight"}, layer + "_sum"));
  }

  void add_pool(const std::string& name, const std::string& input) {
    onnx::NodeProto& pool = add_node("MaxPool", name, {input}, name);
    add_ints(pool, "kernel_shape", {2, 2});
    add_ints(pool, "strides", {2, 2});
  }

  void add_gemm(const std::string& layer, const std::string& input, const std::string& output,
                const std::vector<std::int64_t>& dims, float deviation) {
    add_parameters(layer, dims, deviation);
    transpose_b(add_node("Gemm", layer, {input, layer + ".weight", layer + ".bias"}, output));
  }

 private:
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  static void transpose_b(onnx::NodeProto& gemm) {
    onnx::AttributeProto& transpose = *gemm.add_attribute();
    transpose.set_name("transB");
    transpose.set_type(onnx::AttributeProto::INT);
    transpose.set_i(1);
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
    add_values(name, dims, [this, deviation] { return bell_.next(deviation); });
  }

  template <typename Next>
  void add_values(const std::string& name, const std::vector<std::int64_t>& dims,
                  const Next& next) {
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
      const float value = next();
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

  onnx::ModelProto model_;
  std::set<std::string> names_;
  Bell bell_{kSeed};
};

// Deviations are He's sqrt(2 / fan_in).

std::string sample() {
  ModelWriter model("lenet");
  model.add_input("image", {1, 28, 28});
  model.add_conv("conv1", "image", {8, 1, 5, 5}, 0.28284271F);
  model.add_node("Relu", "relu1", {"conv1_sum"}, "conv1_active");
  model.add_pool("pool1", "conv1_active");
  model.add_conv("conv2", "pool1", {16, 8, 5, 5}, 0.1F);
  model.add_node("Relu", "relu2", {"conv2_sum"}, "conv2_active");
  model.add_pool("pool2", "conv2_active");
  model.add_node("Flatten", "flatten", {"pool2"}, "features");
  model.add_gemm("fc1", "features", "fc1_sum", {120, 256}, 0.088388348F);
  model.add_node("Relu", "relu3", {"fc1_sum"}, "hidden");
  model.add_gemm("fc2", "hidden", "logits", {10, 120}, 0.12909944F);
  model.add_output("logits", {10});
  return model.bytes();
}

// LeCun et al. 1998, as in Deep Compression's table 2.
std::string lenet_300_100() {
  ModelWriter model("lenet-300-100");
  model.add_input("image", {784});
  model.add_gemm("fc1", "image", "fc1_sum", {300, 784}, 0.050507627F);
  model.add_node("Relu", "", {"fc1_sum"}, "hidden1");
  model.add_gemm("fc2", "hidden1", "fc2_sum", {100, 300}, 0.081649658F);
  model.add_node("Relu", "", {"fc2_sum"}, "hidden2");
  model.add_gemm("fc3", "hidden2", "logits", {10, 100}, 0.14142136F);
  model.add_output("logits", {10});
  return model.bytes();
}

// Caffe's variant, as in Deep Compression's table 3.
std::string lenet_5() {
  ModelWriter model("lenet-5");
  model.add_input("image", {1, 28, 28});
  model.add_conv("conv1", "image", {20, 1, 5, 5}, 0.28284271F);
  model.add_pool("pool1", "conv1_sum");
  model.add_conv("conv2", "pool1", {50, 20, 5, 5}, 0.063245553F);
  model.add_pool("pool2", "conv2_sum");
  model.add_node("Flatten", "", {"pool2"}, "features");
  model.add_gemm("fc1", "features", "fc1_sum", {500, 800}, 0.05F);
  model.add_node("Relu", "", {"fc1_sum"}, "hidden");
  model.add_gemm("fc2", "hidden", "logits", {10, 500}, 0.063245553F);
  model.add_output("logits", {10});
  return model.bytes();
}

// TensorLayer's networks for MNIST with binary, ternary and DoReFa layers, in float: block order
// convolution - pool - normalisation - activation. `activate` adds an activation.
template <typename Activate>
std::string low_bit_net(const std::string& name, const Activate& activate) {
  ModelWriter model(name);
  model.add_input("image", {1, 28, 28});
  model.add_same_conv("conv1", "image", {32, 1, 5, 5}, 0.28284271F);
  model.add_pool("pool1", "conv1_sum");
  model.add_norm("norm1", "pool1", "norm1", 32);
  activate(model, "norm1", "active1");
  model.add_same_conv("conv2", "active1", {64, 32, 5, 5}, 0.05F);
  model.add_pool("pool2", "conv2_sum");
  model.add_norm("norm2", "pool2", "norm2", 64);
  model.add_node("Flatten", "flatten", {"norm2"}, "features");
  activate(model, "features", "active2");
  model.add_plain_gemm("fc1", "active2", {256, 3136}, 0.025253814F);
  model.add_norm("norm3", "fc1_sum", "norm3", 256);
  activate(model, "norm3", "active3");
  model.add_plain_gemm("fc2", "active3", {10, 256}, 0.088388348F);
  model.add_norm("norm4", "fc2_sum", "logits", 10);
  model.add_output("logits", {10});
  return model.bytes();
}

std::string binary_net() {
  return low_bit_net("binarynet", [](ModelWriter& model, const auto& input, const auto& output) {
    model.add_clip(input, output, -1);
  });
}

std::string ternary_net() {
  return low_bit_net("ternarynet", [](ModelWriter& model, const auto& input, const auto& output) {
    model.add_node("Relu", output, {input}, output);
  });
}

std::string dorefa_net() {
  return low_bit_net("dorefanet", [](ModelWriter& model, const auto& input, const auto& output) {
    model.add_clip(input, output, 0);
  });
}

struct Sample {
  std::string_view name;
  std::string (*bytes)();
};

constexpr Sample kSamples[] = {{"sample", sample},          {"lenet-300-100", lenet_300_100},
                               {"lenet-5", lenet_5},        {"binarynet", binary_net},
                               {"ternarynet", ternary_net}, {"dorefanet", dorefa_net}};

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  const std::string_view name = argc == 3 ? argv[1] : "";
  for (const qc::Sample& sample : qc::kSamples) {
    if (sample.name != name) continue;
    try {
      qc::write(argv[2], sample.bytes());
    } catch (const std::exception& error) {
      std::cerr << "make_sample: " << error.what() << '\n';
      return 1;
    }
    return 0;
  }
  std::cerr << "usage: make_sample NAME OUTPUT.onnx, with a NAME of";
  for (const qc::Sample& sample : qc::kSamples) std::cerr << ' ' << sample.name;
  std::cerr << '\n';
  return 2;
}
