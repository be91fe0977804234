// shrink, finetune --teacher and eval --against on networks that are no classifiers of pictures:
// several inputs, states, attention. ONNX Runtime judges what comes out.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/feed_source.h"
#include "harness.h"
#include "onnxruntime.h"
#include "tensor_values.h"
#include "unit/model_builder.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Dims = std::vector<std::int64_t>;

// A graph of float values, node by node.
class NetworkBuilder {
 public:
  NetworkBuilder() { builder_.proto().mutable_graph()->clear_input(); }

  std::string input(const std::string& name, const Dims& dims) {
    declare(*builder_.proto().mutable_graph()->add_input(), name, dims);
    return name;
  }
  std::string weight(const std::string& name, const Dims& dims) {
    std::size_t count = 1;
    for (const std::int64_t dim : dims) count *= static_cast<std::size_t>(dim);
    builder_.add_floats(name, dims, test::bell_values(count, ++seed_, 0.3F));
    return name;
  }
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
    onnx::NodeProto& added = *builder_.proto().mutable_graph()->add_node();
    added.set_op_type(op);
    for (const std::string& name : inputs) added.add_input(name);
    for (const std::string& name : outputs) added.add_output(name);
    return added;
  }
  void write(const fs::path& path, const std::vector<std::pair<std::string, Dims>>& outputs) {
    onnx::ModelProto model = builder_.proto();
    for (const auto& [name, dims] : outputs) {
      declare(*model.mutable_graph()->add_output(), name, dims);
    }
    harness::write_file(path, model.SerializeAsString());
  }

  static void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  static void set(onnx::NodeProto& node, const std::string& name, const Dims& values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }

 private:
  static void declare(onnx::ValueInfoProto& value, const std::string& name, const Dims& dims) {
    value.set_name(name);
    onnx::TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) type.mutable_shape()->add_dim()->set_dim_value(dim);
  }

  test::ModelBuilder builder_;
  std::uint64_t seed_ = 0;
};

void write_two_inputs(const fs::path& path) {
  NetworkBuilder net;
  net.node("Gemm", {net.input("a", {1, 12}), net.weight("wa", {12, 40}), net.weight("ba", {40})},
           {"ha"});
  net.node("Gemm", {net.input("b", {1, 6}), net.weight("wb", {6, 24}), net.weight("bb", {24})},
           {"hb"});
  NetworkBuilder::set(net.node("Concat", {"ha", "hb"}, {"h"}), "axis", 1);
  net.node("Relu", {"h"}, {"r"});
  net.node("Gemm", {"r", net.weight("wy", {64, 10}), net.weight("by", {10})}, {"y"});
  net.write(path, {{"y", {1, 10}}});
}

void write_stateful(const fs::path& path) {
  NetworkBuilder net;
  onnx::NodeProto& lstm = net.node(
      "LSTM",
      {net.input("x", {4, 1, 16}), net.weight("w", {1, 96, 16}), net.weight("r", {1, 96, 24}),
       net.weight("b", {1, 192}), "", net.input("h", {1, 1, 24}), net.input("c", {1, 1, 24})},
      {"", "h_out", "c_out"});
  NetworkBuilder::set(lstm, "hidden_size", 24);
  net.node("Squeeze", {"h_out"}, {"s"});
  net.node("MatMul", {"s", net.weight("wy", {24, 12})}, {"y"});
  net.write(path, {{"y", {12}}, {"h_out", {1, 1, 24}}, {"c_out", {1, 1, 24}}});
}

void write_attention(const fs::path& path) {
  NetworkBuilder net;
  const std::string x = net.input("x", {1, 7, 24});
  for (const std::string part : {"q", "k", "v"}) {
    net.node("MatMul", {x, net.weight("w" + part, {24, 24})}, {part});
  }
  NetworkBuilder::set(net.node("Transpose", {"k"}, {"kt"}), "perm", Dims{0, 2, 1});
  net.node("MatMul", {"q", "kt"}, {"scores"});
  NetworkBuilder::set(net.node("Softmax", {"scores"}, {"p"}), "axis", 2);
  net.node("MatMul", {"p", "v"}, {"mixed"});
  net.node("MatMul", {"mixed", net.weight("wo", {24, 20})}, {"o"});
  net.node("Add", {"o", net.weight("bo", {20})}, {"y"});
  net.write(path, {{"y", {1, 7, 20}}});
}

struct Kind {
  const char* name;
  void (*write)(const fs::path& path);
};

class NetworksWithoutLabels : public testing::TestWithParam<Kind> {
 protected:
  NetworksWithoutLabels() {
    options_.cwd = folder_.path();
    GetParam().write(folder_ / "float.onnx");
  }

  json run(std::vector<std::string> args, const std::string& data = "random:60") const {
    for (const std::string arg : {"--data", data.c_str(), "-j", "1", "--json"}) args.push_back(arg);
    const harness::RunResult result = harness::run(args, options_);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  // The mean noise of the outputs, in dB.
  double snr_of(const std::string& model) const {
    double noise = 0;
    const json outputs = run({"eval", model, "--against", "float.onnx"})["outputs"];
    for (const json& output : outputs) noise += std::pow(10, -output["snr_db"].get<double>() / 10);
    return -10 * std::log10(noise / static_cast<double>(outputs.size()));
  }

  // The same on inputs that none of the commands saw.
  double snr_by_onnxruntime(const std::string& model) const {
    const Graph graph = OnnxModel::open(folder_ / "float.onnx").graph()->main;
    const auto feeds = open_feeds({"random:1030", {}}, Split::kTest, graph);
    std::vector<test::Case> cases;
    for (std::size_t i = 1000; i < 1030; ++i) {
      const std::vector<HostTensor> values = feeds->load(i).inputs;
      for (const std::string& name : {std::string("float.onnx"), model}) {
        cases.push_back({folder_ / name, graph.inputs, values, {}});
      }
    }
    const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
    std::vector<double> signal(graph.outputs.size());
    std::vector<double> noise(graph.outputs.size());
    for (std::size_t i = 0; i < verdicts.size(); i += 2) {
      EXPECT_EQ(verdicts[i].error + verdicts[i + 1].error, "");
      for (std::size_t k = 0; k < verdicts[i].outputs.size(); ++k) {
        const std::vector<double> a = test::float_values(verdicts[i].outputs[k]);
        const std::vector<double> b = test::float_values(verdicts[i + 1].outputs.at(k));
        for (std::size_t at = 0; at < a.size(); ++at) {
          signal[k] += a[at] * a[at];
          noise[k] += (a[at] - b[at]) * (a[at] - b[at]);
        }
      }
    }
    double share = 0;
    for (std::size_t k = 0; k < signal.size(); ++k) share += noise[k] / signal[k];
    return -10 * std::log10(share / static_cast<double>(signal.size()));
  }

  harness::TempDir folder_;
  harness::RunOptions options_;
};

TEST_P(NetworksWithoutLabels, ShrinkAndStayClose) {
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const json small =
      run({"shrink", "float.onnx", "--min-snr", "20", "-o", "small.qc", "--onnx", "small.onnx"});
  EXPECT_LT(small["packed_bytes"].get<double>(), small["original_bytes"].get<double>() / 3);
  EXPECT_GE(small["certificate"]["value"], 20);
  EXPECT_GT(snr_of("small.qc"), 18);
  EXPECT_GT(snr_by_onnxruntime("small.onnx"), 17);
}

TEST_P(NetworksWithoutLabels, LearnFromATeacher) {
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  harness::run({"prune", "float.onnx", "--rate", "0.4", "-o", "pruned.onnx"}, options_);
  // Of few samples without structure the networks learn mostly what is of no use on others.
  run({"finetune", "pruned.onnx", "--teacher", "float.onnx", "--epochs", "4", "--lr", "0.001", "-o",
       "tuned.onnx"},
      "random:1000");
  EXPECT_GT(snr_of("tuned.onnx"), snr_of("pruned.onnx") + 0.5);
  EXPECT_GT(snr_by_onnxruntime("tuned.onnx"), snr_by_onnxruntime("pruned.onnx") + 0.1);
}

INSTANTIATE_TEST_SUITE_P(Kinds, NetworksWithoutLabels,
                         testing::Values(Kind{"TwoInputs", write_two_inputs},
                                         Kind{"Stateful", write_stateful},
                                         Kind{"Attention", write_attention}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace qc
