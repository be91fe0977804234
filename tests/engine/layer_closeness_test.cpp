// Where a changed network departs from the one it came from.
#include "pipeline/layer_closeness.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <vector>

#include "engine_fixture.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

class LayerClosenessTest : public test::EngineTest {
 protected:
  static OnnxModel network() {
    test::ModelBuilder builder;
    builder.add_floats("first", {6, 5}, test::bell_values(30, 1, 1));
    builder.add_node("MatMul", {"first"});
    builder.add_node("Relu", {});
    builder.add_floats("second", {5, 4}, test::bell_values(20, 2, 1));
    builder.add_node("MatMul", {"second"});
    return builder.open();
  }

  static RunInputs samples() {
    return {8, [](std::size_t sample) {
              HostTensor x{DataType::kFloat, {1, 6}, {}};
              x.bytes = test::encode(DataType::kFloat, test::bell_values(6, 10 + sample, 1));
              return std::vector<HostTensor>{x};
            }};
  }

  // The network with a tensor times `factor`, beside the unchanged one.
  static std::vector<LayerCloseness> with_tensor_times(const std::string& name, float factor) {
    const OnnxModel model = network();
    std::vector<float> values = test::values_of(model, name);
    for (float& value : values) value *= factor;
    PayloadEdits edits;
    edits[test::index_of(model, name)] = test::encode(DataType::kFloat, values);
    return compare_layers(model, model.edited(edits), engine(), samples());
  }
};

TEST_F(LayerClosenessTest, AnErrorShowsWhereItArisesAndBehind) {
  // Half of every output is lost, and half of what follows from it: 10 log10 4.
  const auto layers = with_tensor_times("first", 0.5F);
  ASSERT_EQ(layers.size(), 2);
  EXPECT_EQ(layers[0].tensor, "first");
  EXPECT_EQ(layers[1].tensor, "second");
  EXPECT_NEAR(layers[0].snr_db, 6.0206, 1e-3);
  EXPECT_NEAR(layers[1].snr_db, 6.0206, 1e-3);
}

TEST_F(LayerClosenessTest, LayersBeforeAnErrorAreEqual) {
  const auto layers = with_tensor_times("second", 0);
  ASSERT_EQ(layers.size(), 2);
  EXPECT_TRUE(std::isinf(layers[0].snr_db));
  EXPECT_NEAR(layers[1].snr_db, 0, 1e-6);
}

TEST_F(LayerClosenessTest, TensorsOfOneNodeAreAllThere) {
  test::ModelBuilder builder;
  builder.add_floats("W", {1, 12, 4}, test::bell_values(48, 1, 1));
  builder.add_floats("R", {1, 12, 3}, test::bell_values(36, 2, 1));
  builder.add_node("LSTM", {"W", "R"});
  onnx::AttributeProto& hidden = *builder.proto().mutable_graph()->mutable_node(0)->add_attribute();
  hidden.set_name("hidden_size");
  hidden.set_type(onnx::AttributeProto::INT);
  hidden.set_i(3);
  const OnnxModel model = builder.open();
  const RunInputs samples = {2, [](std::size_t sample) {
                               HostTensor x{DataType::kFloat, {5, 1, 4}, {}};
                               x.bytes =
                                   test::encode(DataType::kFloat, test::bell_values(20, sample, 1));
                               return std::vector<HostTensor>{x};
                             }};
  const auto layers = compare_layers(model, model, engine(), samples);
  ASSERT_EQ(layers.size(), 2);
  EXPECT_EQ(layers[0].tensor, "W");
  EXPECT_EQ(layers[1].tensor, "R");
  EXPECT_EQ(layers[0].value, layers[1].value);
}

}  // namespace
}  // namespace qc
