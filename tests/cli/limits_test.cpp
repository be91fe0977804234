// Graphs that would run for ever or take more memory than there is.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "training_fixture.h"

namespace qc::test {
namespace {

constexpr int kLimit = 6;
const std::string kBefore = "x";  // what the network reads in place of its input

class LimitsTest : public TrainingTest {
 protected:
  // Puts nodes in front of the network's first, which reads kBefore in place of its input then.
  template <typename Add>
  void write_changed(const std::string& name, const Add& add) const {
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(content("model.onnx")));
    onnx::GraphProto& graph = *model.mutable_graph();
    const auto nodes = graph.node();
    graph.clear_node();
    const std::string input = graph.input(0).name();
    add(graph, input);
    for (const auto& node : nodes) {
      onnx::NodeProto& copy = *graph.add_node();
      copy = node;
      for (auto& read : *copy.mutable_input()) {
        if (read == input) read = kBefore;
      }
    }
    write(name, model.SerializeAsString());
  }

  // A Loop whose condition stays true; 0 iterations: no trip count.
  void write_loop(const std::string& name, std::int64_t iterations) const {
    write_changed(name, [&](onnx::GraphProto& graph, const std::string& input) {
      onnx::NodeProto& loop = *graph.add_node();
      loop.set_op_type("Loop");
      loop.set_name("round and round");
      loop.add_input(iterations > 0 ? "trips" : "");
      loop.add_input("");
      loop.add_input(input);
      loop.add_output("x");
      if (iterations > 0) {
        onnx::TensorProto& trips = *graph.add_initializer();
        trips.set_name("trips");
        trips.set_data_type(onnx::TensorProto::INT64);
        trips.add_int64_data(iterations);
      }
      onnx::AttributeProto& attribute = *loop.add_attribute();
      attribute.set_name("body");
      attribute.set_type(onnx::AttributeProto::GRAPH);
      onnx::GraphProto& body = *attribute.mutable_g();
      for (const char* value : {"i", "going", "before"}) body.add_input()->set_name(value);
      for (const auto& [from, to] : {std::pair("going", "on"), std::pair("before", "after")}) {
        onnx::NodeProto& node = *body.add_node();
        node.set_op_type("Identity");
        node.add_input(from);
        node.add_output(to);
        body.add_output()->set_name(to);
      }
    });
  }

  // Adds the smallest of so many zeros.
  void write_zeros(const std::string& name, std::int64_t count) const {
    write_changed(name, [&](onnx::GraphProto& graph, const std::string& input) {
      onnx::TensorProto& shape = *graph.add_initializer();
      shape.set_name("shape");
      shape.set_data_type(onnx::TensorProto::INT64);
      shape.add_dims(1);
      shape.add_int64_data(count);
      const auto add_node = [&](const std::string& op, const std::vector<std::string>& inputs,
                                const std::string& output) {
        onnx::NodeProto& node = *graph.add_node();
        node.set_op_type(op);
        node.set_name(op + " there");
        for (const std::string& read : inputs) node.add_input(read);
        node.add_output(output);
        return &node;
      };
      add_node("ConstantOfShape", {"shape"}, "zeros");
      onnx::NodeProto& smallest = *add_node("ReduceMin", {"zeros"}, "zero");
      onnx::AttributeProto& keep = *smallest.add_attribute();
      keep.set_name("keepdims");
      keep.set_type(onnx::AttributeProto::INT);
      keep.set_i(0);
      add_node("Add", {input, "zero"}, "x");
    });
  }
};

TEST_F(LimitsTest, EndlessLoopsEnd) {
  write_loop("endless.onnx", 0);
  expect_refused(with_data({"eval", "endless.onnx", "--max-iterations", "1000"}), kLimit,
                 {"endless.onnx", "Loop", "round and round", "1000", "--max-iterations"});
  expect_refused(with_data({"eval", "endless.onnx"}), kLimit, {"round and round", "100000"});
  expect_refused(
      with_data({"finetune", "endless.onnx", "--epochs", "1", "--max-iterations", "1000"}), kLimit,
      {"round and round"});
}

TEST_F(LimitsTest, LoopsMayRunToTheirLimit) {
  write_loop("loop.onnx", 50);
  run_well(with_data({"eval", "loop.onnx", "--max-iterations", "50"}));
  expect_refused(with_data({"eval", "loop.onnx", "--max-iterations", "49"}), kLimit, {"49"});
}

TEST_F(LimitsTest, TensorsMayTakeSoMuchMemory) {
  write_zeros("large.onnx", std::int64_t{1} << 30);
  expect_refused(
      with_data({"eval", "large.onnx", "--max-memory", "400MB"}), kLimit,
      {"large.onnx", "ConstantOfShape there", "4294967296", "400000000", "--max-memory"});
  expect_refused(with_data({"finetune", "large.onnx", "--epochs", "1", "--max-memory", "400MB"}),
                 kLimit, {"ConstantOfShape there"});
  expect_refused(with_data({"prune", "large.onnx", "--rate", "0.5", "--max-memory", "400MB"}),
                 kLimit, {"ConstantOfShape there"});
  write_zeros("small.onnx", 1000);
  run_well(with_data({"eval", "small.onnx", "--max-memory", "400MB"}));
}

TEST_F(LimitsTest, SizesOfMemoryAreChecked) {
  expect_refused(with_data({"eval", "model.onnx", "--max-memory", "much"}), kUsage,
                 {"--max-memory", "much", "400MB"});
}

}  // namespace
}  // namespace qc::test
