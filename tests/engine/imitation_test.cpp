// Training without labels: networks that learn to give another's outputs.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "engine_fixture.h"
#include "pipeline/constraints.h"
#include "pipeline/shrink/distillation.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

using test::float_tensors;

constexpr std::int64_t kInputs = 10;
constexpr std::int64_t kHidden = 14;
constexpr std::int64_t kClasses = 4;
constexpr std::size_t kSamples = 24;
constexpr std::size_t kSquares = 0;  // outputs
constexpr std::size_t kProbabilities = 1;

// A network with two outputs, the squares of scores and, made of these by a Softmax, probabilities,
// whose weights are multiples of `step` where that is not zero.
OnnxModel two_outputs(float step) {
  const auto rounded = [step](std::vector<float> values) {
    for (float& value : values) {
      if (step > 0) value = std::round(value / step) * step;
    }
    return values;
  };
  test::ModelBuilder builder;
  builder.add_gemm("fc1", {kInputs, kHidden},
                   rounded(test::bell_values(kInputs * kHidden, 1, 0.4F)));
  builder.add_node("Relu", {});
  builder.add_gemm("fc2", {kHidden, kClasses},
                   rounded(test::bell_values(kHidden * kClasses, 2, 0.4F)));
  builder.add_node("Softmax", {});
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  const std::string logits = graph.node(graph.node_size() - 1).input(0);
  onnx::NodeProto& square = *graph.add_node();
  square.set_op_type("Mul");
  square.add_input(logits);
  square.add_input(logits);
  square.add_output("squares");
  graph.add_output()->set_name("squares");
  return builder.open();
}

RunInputs samples(std::uint64_t seed) {
  RunInputs inputs;
  inputs.count = kSamples;
  inputs.load = [seed](std::size_t sample) {
    HostTensor x{DataType::kFloat, {1, kInputs}, {}};
    x.bytes = test::encode(DataType::kFloat, test::bell_values(kInputs, seed + sample, 1));
    return std::vector<HostTensor>{x};
  };
  return inputs;
}

class ImitationTest : public test::EngineTest {
 protected:
  ImitationTest() : teacher_(load(model_)) {
    imitation_.train = samples(100);
    imitation_.validation = samples(1000);
    imitation_.outputs = {{kSquares, {}}, {kProbabilities, -1, true}};
  }

  TrainJob make_job(const OnnxModel& student) {
    TrainJob job;
    job.options.epochs = 8;
    job.options.batch = 5;
    job.options.optimizer = Optimizer::kAdam;
    job.options.learning_rate = 0.01;
    job.tensors = float_tensors(student);
    job.imitation = &imitation_;
    job.teacher = teacher_.get();
    return job;
  }

  // By the definitions, from the outputs alone.
  double loss(const OnnxModel& student) const {
    const auto network = load(student);
    double energy = 0;
    double error = 0;
    double divergence = 0;
    const auto values = [](const HostTensor& tensor) {
      return load_floats(tensor.type, tensor.bytes);
    };
    for (std::size_t i = 0; i < kSamples; ++i) {
      for (const float t : values(teacher_->run(imitation_.train.load(i)).at(kSquares)))
        energy += t * t;
      const auto inputs = imitation_.validation.load(i);
      const auto wanted = teacher_->run(inputs);
      const auto given = network->run(inputs);
      const std::vector<float> p = values(wanted[kProbabilities]);
      const std::vector<float> q = values(given[kProbabilities]);
      for (std::size_t k = 0; k < p.size(); ++k) divergence += p[k] * std::log(p[k] / q[k]);
      const std::vector<float> t = values(wanted[kSquares]);
      const std::vector<float> y = values(given[kSquares]);
      for (std::size_t k = 0; k < t.size(); ++k) error += (y[k] - t[k]) * (y[k] - t[k]);
    }
    return divergence / kSamples + error / energy;
  }

  OnnxModel model_ = two_outputs(0);
  std::unique_ptr<Network> teacher_;
  Imitation imitation_;
};

TEST_F(ImitationTest, TheLossIsItsDefinition) {
  const OnnxModel student = two_outputs(0.25F);
  TrainJob job = make_job(student);
  job.options.epochs = 1;
  const TrainResult result = train(student, job);
  const OnnxModel trained = student.edited(result.values);
  ASSERT_EQ(result.best_epoch, 1);
  EXPECT_NEAR(result.epochs.front().validation->loss, loss(trained), 1e-5);
}

TEST_F(ImitationTest, ComesCloserOnOtherSamples) {
  const OnnxModel student = two_outputs(0.25F);
  const double before = loss(student);
  const OnnxModel after = trained(student, make_job(student));
  EXPECT_LT(loss(after), before / 4);
}

TEST_F(ImitationTest, ATeacherThatIsTheSameTeachesNothing) {
  TrainJob job = make_job(model_);
  job.options.epochs = 2;
  const TrainResult result = train(model_, job);
  EXPECT_EQ(result.best_epoch, 0);
  for (const auto& [tensor, payload] : result.values) {
    EXPECT_EQ(load_floats(DataType::kFloat, payload), values_of(model_, tensor));
  }
}

TEST_F(ImitationTest, SharedWeightsMoveTogether) {
  const OnnxModel student = two_outputs(0.25F);
  TrainJob job = make_job(student);
  job.constraints = find_constraints(student, Keep::kShared);
  ASSERT_EQ(job.constraints.size(), 2U);
  TrainResult result = train(student, job);
  ASSERT_GT(result.best_epoch, 0);
  EXPECT_TRUE(enforce(student, job.constraints, result.values).empty());
}

TEST_F(ImitationTest, LabelsCountByTheirWeight) {
  imitation_.train.label = [](std::size_t /*sample*/) { return std::optional<std::int64_t>(2); };
  imitation_.label_weight = 1;
  imitation_.outputs = {{kProbabilities, -1, true}};
  TrainJob job = make_job(model_);
  job.options.epochs = 20;
  imitation_.validation.count = 0;
  const auto network = load(trained(model_, job));
  for (std::size_t i = 0; i < kSamples; ++i) {
    const HostTensor output = network->run(imitation_.train.load(i)).at(kProbabilities);
    const std::vector<float> p = load_floats(output.type, output.bytes);
    EXPECT_EQ(std::ranges::max_element(p) - p.begin(), 2) << i;
  }
}

TEST_F(ImitationTest, OutputsOfOtherShapesAreRefused) {
  test::ModelBuilder builder;
  builder.add_gemm("fc1", {kInputs, kClasses + 1},
                   test::bell_values(kInputs * (kClasses + 1), 1, 0.4F));
  builder.add_node("Softmax", {});
  const OnnxModel other = builder.open();
  imitation_.outputs = {{0, {}}};
  try {
    train(other, make_job(other));
    FAIL() << "imitated an output of another shape";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
}

TEST(Precision, ValuesBecomeAsFineAsOthers) {
  EXPECT_EQ(with_mantissas_like({1.3F, -0.7F}, {1.5F, 0.75F, 2}, 0),
            (std::vector<float>{1.5F, -0.75F}));
  EXPECT_EQ(with_mantissas_like({1.3F}, {1.5F, 0.75F, 2}, 1), (std::vector<float>{1.25F}));
  EXPECT_EQ(with_mantissas_like({1.3F}, {0.1F}, 2), (std::vector<float>{1.3F}));
  EXPECT_EQ(on_grid_of({1.3F, -0.1F, 7}, {0.5F, -3, 0}), (std::vector<float>{1.5F, 0, 7}));
  EXPECT_EQ(on_grid_of({1.3F, 5}, {4, 8}), (std::vector<float>{0, 4}));
  EXPECT_EQ(on_grid_of({1.3F, 5}, {0, 0}), (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace qc
