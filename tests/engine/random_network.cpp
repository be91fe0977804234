#include "random_network.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/random.h"
#include "unit/model_builder.h"

namespace qc::test {
namespace {

using Sizes = std::vector<std::int64_t>;

// A value {1, channels, side, side}.
struct Map {
  std::string name;
  std::int64_t channels = 0;
  std::int64_t side = 0;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed)
      : random_(stream_seed(seed, StreamPurpose::kSamples)),
        graph_(*builder_.proto().mutable_graph()) {
    graph_.set_name("random");
  }

  OnnxModel run() {
    auto& shape = *graph_.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (const std::int64_t dim : {1, 3, 12, 12}) shape.add_dim()->set_dim_value(dim);
    maps_ = {conv({"x", 3, 12}, 8 + 4 * below(3), 3)};
    const std::uint64_t blocks = 4 + below(6);
    for (std::uint64_t i = 0; i < blocks; ++i) maps_.push_back(block());
    add_head();
    const std::string bytes = builder_.proto().SerializeAsString();
    return OnnxModel::from_memory({{"m.onnx", Bytes(bytes.begin(), bytes.end())}});
  }

 private:
  std::int64_t below(std::uint64_t limit) {
    return static_cast<std::int64_t>(random_.next() % limit);
  }

  const Map& any() { return maps_[static_cast<std::size_t>(below(maps_.size()))]; }

  std::string floats(const Sizes& dims, double size = 0) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) count *= dim;
    if (size == 0)
      size = 1.5 / std::sqrt(static_cast<double>(count) / static_cast<double>(dims[0]));
    const std::string name = fmt::format("w{}", ++constants_);
    builder_.add_floats(
        name, dims,
        bell_values(static_cast<std::size_t>(count), random_.next(), static_cast<float>(size)));
    return name;
  }

  std::string integers(const Sizes& values) {
    const std::string name = fmt::format("i{}", ++constants_);
    Bytes bytes;
    for (const std::int64_t value : values) append_le(bytes, value);
    builder_.add_initializer(name, DataType::kInt64, {static_cast<std::int64_t>(values.size())},
                             bytes);
    return name;
  }

  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                        std::size_t outputs = 1) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_op_type(op);
    node.set_name(fmt::format("{}{}", op, graph_.node_size()));
    for (const std::string& input : inputs) node.add_input(input);
    for (std::size_t i = 0; i < outputs; ++i) {
      node.add_output(fmt::format("v{}_{}", graph_.node_size(), i));
    }
    return node;
  }

  static void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }

  static void set(onnx::NodeProto& node, const std::string& name, const Sizes& values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }

  Map conv(const Map& from, std::int64_t channels, std::int64_t kernel, std::int64_t groups = 1) {
    std::vector<std::string> inputs = {from.name,
                                       floats({channels, from.channels / groups, kernel, kernel})};
    if (below(3) > 0) inputs.push_back(floats({channels}, 0.3));
    onnx::NodeProto& made = node("Conv", inputs);
    set(made, "group", groups);
    set(made, "pads", Sizes(4, kernel / 2));
    return {made.output(0), channels, from.side};
  }

  Map unary(const Map& from, const std::string& op) {
    return {node(op, {from.name}).output(0), from.channels, from.side};
  }

  Map activation(const Map& from) {
    constexpr std::array kOps = {"Relu", "Sigmoid", "LeakyRelu", "Tanh", "HardSigmoid", "Softplus"};
    return unary(from, kOps[static_cast<std::size_t>(below(kOps.size()))]);
  }

  Map normalized(const Map& from) {
    std::vector<std::string> inputs = {from.name};
    for (int i = 0; i < 3; ++i) inputs.push_back(floats({from.channels}, 0.5));
    std::vector<float> variances =
        bell_values(static_cast<std::size_t>(from.channels), random_.next(), 0.1F);
    for (float& variance : variances) variance = 0.5F + std::fabs(variance);
    inputs.push_back(fmt::format("w{}", ++constants_));
    builder_.add_floats(inputs.back(), {from.channels}, variances);
    return {node("BatchNormalization", inputs).output(0), from.channels, from.side};
  }

  // Of the same sizes as another: a convolution where it has others.
  Map like(const Map& from, const Map& other) {
    Map result = from;
    if (result.side != other.side) {
      onnx::NodeProto& pool = node("GlobalAveragePool", {from.name});
      result = {pool.output(0), from.channels, 1};
    }
    return result.channels == other.channels && below(2) == 0 ? result
                                                              : conv(result, other.channels, 1);
  }

  Map added(const Map& a) {
    const Map b = like(any(), a);
    return {node(below(4) == 0 ? "Mul" : "Add", {a.name, b.name}).output(0), a.channels, a.side};
  }

  Map joined(const Map& a) {
    const Map& b = any();
    if (b.side != a.side || a.channels + b.channels > 48) return activation(a);
    onnx::NodeProto& concat = node("Concat", {a.name, b.name});
    set(concat, "axis", std::int64_t{1});
    return {concat.output(0), a.channels + b.channels, a.side};
  }

  Map depthwise(const Map& a) { return conv(a, a.channels * (1 + below(2)), 3, a.channels); }

  Map grouped(const Map& a) {
    return conv(a, a.channels, 1 + 2 * below(2), a.channels % 4 == 0 ? 4 : 2);
  }

  Map transposed(const Map& a) {
    const std::int64_t channels = 4 + 4 * below(3);
    onnx::NodeProto& made = node(
        "ConvTranspose", {a.name, floats({a.channels, channels, 3, 3}), floats({channels}, 0.2)});
    set(made, "pads", Sizes(4, 1));
    return {made.output(0), channels, a.side};
  }

  Map shuffled(const Map& a) {
    const std::int64_t side = a.side;
    onnx::NodeProto& cut = node("Reshape", {a.name, integers({1, 2, a.channels / 2, side, side})});
    onnx::NodeProto& turned = node("Transpose", {cut.output(0)});
    set(turned, "perm", Sizes{0, 2, 1, 3, 4});
    onnx::NodeProto& made = node(
        "Reshape", {turned.output(0), integers({1, below(2) == 0 ? -1 : a.channels, side, side})});
    return {made.output(0), a.channels, side};
  }

  Map split(const Map& a) {
    const std::int64_t first = 2 + 2 * below(static_cast<std::uint64_t>(a.channels / 2 - 1));
    onnx::NodeProto& made = node("Split", {a.name, integers({first, a.channels - first})}, 2);
    set(made, "axis", std::int64_t{1});
    const Map left{made.output(0), first, a.side};
    const Map right{made.output(1), a.channels - first, a.side};
    if (below(2) == 0) maps_.push_back(activation(left));
    return right;
  }

  Map sliced(const Map& a) {
    const std::int64_t begin = 2 * below(static_cast<std::uint64_t>(a.channels / 2));
    onnx::NodeProto& made = node("Slice", {a.name, integers({begin}), integers({INT64_MAX}),
                                           integers({below(2) == 0 ? 1 : -3})});
    return {made.output(0), a.channels - begin, a.side};
  }

  Map padded(const Map& a) {
    onnx::NodeProto& made = node("Pad", {a.name, integers({0, 2, 0, 0, 0, 2, 0, 0})});
    return {made.output(0), a.channels + 4, a.side};
  }

  Map gathered(const Map& a) {
    Sizes indices(static_cast<std::size_t>(a.channels));
    for (std::int64_t& index : indices) index = below(static_cast<std::uint64_t>(a.channels));
    onnx::NodeProto& made = node("Gather", {a.name, integers(indices)});
    set(made, "axis", std::int64_t{1});
    return {made.output(0), a.channels, a.side};
  }

  // Squeeze and excitation.
  Map gated(const Map& a) {
    const Map pooled{node("GlobalAveragePool", {a.name}).output(0), a.channels, 1};
    const Map hidden = unary(conv(pooled, 6, 1), "Relu");
    const Map gate = unary(conv(hidden, a.channels, 1), "Sigmoid");
    return {node("Mul", {a.name, gate.name}).output(0), a.channels, a.side};
  }

  Map scaled(const Map& a) {
    const std::string factors = floats({a.channels, 1, 1}, 1);
    return {node(below(2) == 0 ? "PRelu" : "Mul", {a.name, factors}).output(0), a.channels, a.side};
  }

  Map pooled(const Map& a) {
    if (a.side < 4) return activation(a);
    onnx::NodeProto& made = node(below(2) == 0 ? "MaxPool" : "AveragePool", {a.name});
    set(made, "kernel_shape", Sizes{2, 2});
    set(made, "strides", Sizes{2, 2});
    return {made.output(0), a.channels, a.side / 2};
  }

  Map block() {
    using Make = Map (Generator::*)(const Map&);
    constexpr std::array<Make, 14> kMakes = {
        &Generator::added,    &Generator::joined,    &Generator::depthwise, &Generator::grouped,
        &Generator::shuffled, &Generator::split,     &Generator::sliced,    &Generator::padded,
        &Generator::gathered, &Generator::gated,     &Generator::scaled,    &Generator::pooled,
        &Generator::added,    &Generator::transposed};
    Map map = any();
    if (map.channels < 6 || map.channels % 2 != 0 || map.channels > 40) map = conv(map, 12, 1);
    map = (this->*kMakes[static_cast<std::size_t>(below(kMakes.size()))])(map);
    if (below(2) == 0) map = normalized(map);
    if (below(2) == 0) map = activation(map);
    if (map.channels < 6 || map.channels % 2 != 0) map = conv(map, 8, 3);
    return below(2) == 0 ? conv(map, 6 + 2 * below(6), 3) : map;
  }

  // A sequence of the rows of the picture.
  std::string recurrent(const Map& last) {
    constexpr std::int64_t kHidden = 6;
    const std::int64_t length = last.side * last.side;
    const std::string flat =
        node("Reshape", {last.name, integers({1, last.channels, length})}).output(0);
    onnx::NodeProto& turned = node("Transpose", {flat});
    set(turned, "perm", Sizes{2, 0, 1});
    const bool is_lstm = below(2) == 0;
    const std::int64_t gates = is_lstm ? 4 : 3;
    onnx::NodeProto& made =
        node(is_lstm ? "LSTM" : "GRU",
             {turned.output(0), floats({1, gates * kHidden, last.channels}, 0.3),
              floats({1, gates * kHidden, kHidden}, 0.3), floats({1, 2 * gates * kHidden}, 0.3)},
             2);
    set(made, "hidden_size", kHidden);
    return node("Reshape", {made.output(1), integers({1, kHidden})}).output(0);
  }

  void add_head() {
    const Map last = maps_.back();
    std::string features;
    std::int64_t count = 0;
    if (below(3) == 0) {
      features = recurrent(last);
      count = 6;
    } else if (below(2) == 0) {
      features = node("Flatten", {node("GlobalAveragePool", {last.name}).output(0)}).output(0);
      count = last.channels;
    } else {
      count = last.channels * last.side * last.side;
      features = node("Reshape", {last.name, integers({1, below(2) == 0 ? -1 : count})}).output(0);
    }
    onnx::NodeProto& dense = node("Gemm", {features, floats({10, count}), floats({10}, 0.2)});
    set(dense, "transB", std::int64_t{1});
    const std::string hidden = node("Relu", {dense.output(0)}).output(0);
    const std::string product = node("MatMul", {hidden, floats({10, 5})}).output(0);
    const std::string sum = node("Add", {product, floats({5}, 0.2)}).output(0);
    onnx::ValueInfoProto& output = *graph_.add_output();
    output.set_name(sum);
    auto& type = *output.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : {1, 5}) type.mutable_shape()->add_dim()->set_dim_value(dim);
  }

  SplitMix64 random_;
  ModelBuilder builder_;
  onnx::GraphProto& graph_;
  std::vector<Map> maps_;
  int constants_ = 0;
};

}  // namespace

OnnxModel random_network(std::uint64_t seed) { return Generator(seed).run(); }

}  // namespace qc::test
