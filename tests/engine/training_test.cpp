// Training: what the optimiser may not touch, gradients of centroids, resuming, stopping.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "clusters.h"
#include "core/error.h"
#include "core/float_types.h"
#include "engine_fixture.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "pipeline/constraints.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

using test::Clusters;
using test::float_tensors;
using test::index_of;
using test::kClasses;
using test::values_of;

constexpr std::int64_t kInputs = Clusters::kInputs;
constexpr std::int64_t kHidden = 16;

class Observer final : public TrainObserver {
 public:
  bool on_batch(const BatchReport& report) override {
    return !stop || !stop(report.epoch, report.samples);
  }
  void on_epoch(const EpochReport& report) override { epochs.push_back(report); }
  bool wants_state() override { return true; }
  void on_state(ByteView state) override { states.emplace_back(state.begin(), state.end()); }

  std::function<bool(int, std::uint64_t)> stop;
  std::vector<EpochReport> epochs;
  std::vector<Bytes> states;
};

// Two layers; of the weights every third is zero and the others are multiples of 1/8, so that there
// are pruned and shared ones.
OnnxModel structured_model() {
  const auto rounded = [](std::vector<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = i % 3 == 0 ? 0 : (std::round(values[i] * 8) + 0.5F) / 8;
    }
    return values;
  };
  test::ModelBuilder builder;
  builder.add_gemm("fc1", {kInputs, kHidden},
                   rounded(test::bell_values(kInputs * kHidden, 1, 0.4F)));
  builder.add_node("Relu", {});
  builder.add_gemm("fc2", {kHidden, kClasses},
                   rounded(test::bell_values(kHidden * kClasses, 2, 0.4F)));
  return builder.open();
}

OnnxModel image_model() {
  test::ModelBuilder builder;
  builder.add_conv("conv1", {4, 1, 3, 3}, test::bell_values(36, 3, 0.5F));
  builder.add_batch_norm("norm1", 4);
  builder.add_node("Relu", {});
  builder.add_conv("conv2", {kClasses, 4, 3, 3}, test::bell_values(kClasses * 36, 4, 0.3F));
  builder.add_node("GlobalAveragePool", {});
  return builder.open();
}

class Training : public test::EngineTest {
 protected:
  static TrainJob make_job(const OnnxModel& model, const Dataset& data) {
    TrainJob job;
    job.options.epochs = 3;
    job.options.batch = 16;
    job.options.learning_rate = 0.05;
    job.options.momentum = 0.9;
    job.options.weight_decay = 0.001;
    job.options.norm = NormTraining::kLearn;
    job.options.seed = 5;
    job.tensors = float_tensors(model);
    job.train = &data;
    return job;
  }

  static double loss(const OnnxModel& model, const Dataset& data) {
    return load(model)->evaluate(data, data.size(), {}).loss;
  }
};

TEST_F(Training, LearnsToTellClassesApart) {
  const Clusters data(300);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.options.epochs = 20;
  const double before = load(model)->evaluate(data, 64, {}).top1;
  const OnnxModel trained = model.edited(train(model, job).values);
  const double after = load(trained)->evaluate(data, 64, {}).top1;
  EXPECT_LT(before, 0.8);
  EXPECT_GT(after, 0.9);
}

TEST_F(Training, PrunedWeightsStayZeroThroughAThousandMomentumSteps) {
  const Clusters data(160);
  const OnnxModel model = structured_model();
  for (const Optimizer optimizer : {Optimizer::kSgd, Optimizer::kAdam, Optimizer::kShiftAdaMax}) {
    TrainJob job = make_job(model, data);
    job.options.epochs = 100;  // of ten batches
    job.options.optimizer = optimizer;
    job.options.learning_rate = optimizer == Optimizer::kAdam ? 0.01 : 0.05;
    job.constraints = find_constraints(model, Keep::kZeros);
    ASSERT_EQ(job.constraints.size(), 2U);
    const OnnxModel trained = model.edited(train(model, job).values);
    for (const Constraint& constraint : job.constraints) {
      const std::vector<float> before = values_of(model, constraint.tensor);
      const std::vector<float> after = values_of(trained, constraint.tensor);
      EXPECT_NE(before, after);
      for (std::size_t i = 0; i < after.size(); ++i) {
        EXPECT_EQ(after[i] == 0, before[i] == 0) << i;
      }
    }
  }
}

TEST_F(Training, SharedWeightsMoveTogether) {
  const Clusters data(160);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.options.learning_rate = 0.005;
  job.constraints = find_constraints(model, Keep::kShared);
  TrainResult result = train(model, job);
  EXPECT_TRUE(enforce(model, job.constraints, result.values).empty());
  const OnnxModel trained = model.edited(result.values);
  for (const Constraint& constraint : job.constraints) {
    EXPECT_NE(values_of(model, constraint.tensor), values_of(trained, constraint.tensor));
  }
}

// One step of plain gradient descent on all samples moves each centroid by -rate * dL/dC.
TEST_F(Training, CentroidGradientsAgreeWithFiniteDifferences) {
  constexpr double kRate = 1e-3;
  constexpr double kStep = 1.0 / 128;
  const Clusters data(120);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.options.epochs = 1;
  job.options.batch = data.size();
  job.options.learning_rate = kRate;
  job.options.momentum = 0;
  job.options.weight_decay = 0;
  job.constraints = find_constraints(model, Keep::kShared);
  const OnnxModel trained = model.edited(train(model, job).values);
  int checked = 0;
  for (const Constraint& constraint : job.constraints) {
    const TensorInfo& tensor = model.tensors()[constraint.tensor];
    const std::vector<float> before = values_of(model, constraint.tensor);
    const std::vector<float> after = values_of(trained, constraint.tensor);
    const std::uint32_t groups = *std::ranges::max_element(constraint.groups);
    for (std::uint32_t group = 1; group <= groups; ++group) {
      const auto moved_loss = [&](double by) {
        PayloadEdits edits;
        const ByteView payload = model.payload(tensor);
        Bytes& bytes = edits[constraint.tensor];
        bytes.assign(payload.begin(), payload.end());
        for (std::size_t i = 0; i < before.size(); ++i) {
          if (constraint.groups[i] == group) {
            store_value(tensor.type, bytes, i, static_cast<double>(before[i]) + by);
          }
        }
        return loss(model.edited(edits), data);
      };
      const double difference = (moved_loss(kStep) - moved_loss(-kStep)) / (2 * kStep);
      const auto member = static_cast<std::size_t>(std::ranges::find(constraint.groups, group) -
                                                   constraint.groups.begin());
      const double gradient =
          (static_cast<double>(before[member]) - static_cast<double>(after[member])) / kRate;
      EXPECT_NEAR(gradient, difference, 0.01 * std::abs(difference) + 0.002) << tensor.name;
      ++checked;
    }
  }
  EXPECT_GT(checked, 10);
}

TEST_F(Training, IsTheSameForTheSameSeedOnly) {
  const Clusters data(200);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  const PayloadEdits first = train(model, job).values;
  EXPECT_EQ(train(model, job).values, first);
  job.options.seed = 6;
  EXPECT_NE(train(model, job).values, first);
}

TEST_F(Training, ResumesAsIfItHadNotBeenInterrupted) {
  const Clusters data(200, {1, 6, 6});
  const Clusters held_out(60, {1, 6, 6});
  const OnnxModel model = image_model();
  for (const Optimizer optimizer : {Optimizer::kSgd, Optimizer::kAdam, Optimizer::kShiftAdaMax}) {
    TrainJob job = make_job(model, data);
    job.validation = &held_out;
    job.options.epochs = 6;
    job.options.optimizer = optimizer;
    job.options.learning_rate = 0.01;
    job.options.schedule = Schedule::kCosine;
    if (optimizer == Optimizer::kShiftAdaMax) job.options.norm = NormTraining::kShift;
    Observer observer;
    job.observer = &observer;
    const TrainResult whole = train(model, job);
    ASSERT_EQ(observer.states.size(), 6U);
    Observer later;
    job.observer = &later;
    job.resume_from = observer.states[2];
    const TrainResult resumed = train(model, job);
    EXPECT_EQ(later.epochs.size(), 3U);
    EXPECT_EQ(resumed.values, whole.values);
    EXPECT_EQ(resumed.best_epoch, whole.best_epoch);
    EXPECT_EQ(resumed.last_epoch, 6);
  }
}

TEST_F(Training, RefusesACheckpointThatIsNone) {
  const Clusters data(20);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  const Bytes garbage(100, 7);
  job.resume_from = garbage;
  try {
    train(model, job);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  }
}

TEST_F(Training, KeepsTheEpochThatValidatedBest) {
  const Clusters data(150);
  const Clusters held_out(90);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.validation = &held_out;
  job.options.epochs = 12;
  job.options.learning_rate = 2;  // too fast: it does not get better and better
  Observer observer;
  job.observer = &observer;
  const TrainResult result = train(model, job);
  const Metrics kept = load(model.edited(result.values))->evaluate(held_out, job.options.batch, {});
  EXPECT_LT(result.best_epoch, 12);
  for (const EpochReport& epoch : observer.epochs) {
    EXPECT_LE(epoch.validation->top1, kept.top1) << epoch.epoch;
    if (epoch.epoch == result.best_epoch) {
      EXPECT_EQ(epoch.validation->top1, kept.top1);
      EXPECT_DOUBLE_EQ(epoch.validation->loss, kept.loss);
    }
  }
}

TEST_F(Training, StopsWhenPatienceIsSpent) {
  const Clusters data(150);
  const Clusters held_out(90);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.validation = &held_out;
  job.options.epochs = 200;
  job.options.patience = 3;
  Observer observer;
  job.observer = &observer;
  const TrainResult result = train(model, job);
  EXPECT_LT(result.epochs.size(), 200U);
  EXPECT_EQ(static_cast<int>(result.epochs.size()), result.best_epoch + 3);

  // Nor does a training go on that was interrupted after its last epoch.
  job.resume_from = observer.states.back();
  const TrainResult resumed = train(model, job);
  EXPECT_EQ(resumed.epochs.size(), 0U);
  EXPECT_EQ(resumed.last_epoch, result.last_epoch);
  EXPECT_EQ(resumed.values, result.values);
}

TEST_F(Training, StopsWhenTheObserverSaysSo) {
  const Clusters data(160);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  Observer observer;
  observer.stop = [](int epoch, std::uint64_t samples) { return epoch == 2 && samples >= 48; };
  job.observer = &observer;
  const TrainResult result = train(model, job);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.best_epoch, 1);
  EXPECT_EQ(result.epochs.size(), 2U);
}

TEST_F(Training, SaysWhenTheLossIsNotFinite) {
  const Clusters data(160);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.options.learning_rate = 1e30;
  job.options.epochs = 20;
  try {
    train(model, job);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("diverged"), std::string::npos);
  }
}

TEST_F(Training, LearnsTheStatisticsOfBatchNormalisationOnlyWhenAsked) {
  const Clusters data(160, {1, 6, 6});
  const OnnxModel model = image_model();
  const std::size_t mean = index_of(model, "norm1.mean");
  TrainJob job = make_job(model, data);
  EXPECT_TRUE(train(model, job).values.contains(mean));
  EXPECT_NE(values_of(model.edited(train(model, job).values), mean), values_of(model, mean));
  job.options.norm = NormTraining::kFrozen;
  EXPECT_FALSE(train(model, job).values.contains(mean));
}

TEST_F(Training, AugmentsImagesOnly) {
  const Clusters images(100, {1, 6, 6});
  const OnnxModel model = image_model();
  TrainJob job = make_job(model, images);
  const PayloadEdits plain = train(model, job).values;
  job.options.shift = 1;
  const PayloadEdits shifted = train(model, job).values;
  EXPECT_NE(shifted, plain);
  EXPECT_EQ(train(model, job).values, shifted);
  job.options.shift = 0;
  job.options.flip = true;
  const PayloadEdits flipped = train(model, job).values;
  EXPECT_NE(flipped, plain);
  EXPECT_NE(flipped, shifted);

  const Clusters rows(100);
  const OnnxModel of_rows = structured_model();
  TrainJob no_images = make_job(of_rows, rows);
  no_images.options.shift = 1;
  try {
    train(of_rows, no_images);
    FAIL() << "moved the pixels of no image";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
}

// Pixels in the other order, and weights with them: the same images move the same way.
TEST_F(Training, MovesImagesWithChannelsLastAlike) {
  const Clusters first(60, {1, 6, 6});
  const Clusters last(60, {6, 6, 1});  // one channel: the same memory
  test::ModelBuilder builder;
  builder.add_node("Flatten", {});
  builder.add_gemm("fc", {36, kClasses}, test::bell_values(36 * kClasses, 8, 0.2F));
  const OnnxModel model = builder.open();
  TrainJob job = make_job(model, first);
  job.options.shift = 2;
  job.options.flip = true;
  const PayloadEdits expected = train(model, job).values;
  job.train = &last;
  EXPECT_EQ(train(model, job).values, expected);
}

TEST_F(Training, ATeacherPullsScoresTowardsItsOwn) {
  const Clusters data(150);
  const OnnxModel model = structured_model();
  TrainJob job = make_job(model, data);
  job.options.epochs = 10;
  const OnnxModel expert = model.edited(train(model, job).values);
  const auto teacher = load(expert);
  job.options.distill = 1;
  job.teacher = teacher.get();
  const OnnxModel pupil = model.edited(train(model, job).values);
  EXPECT_LT(loss(pupil, data), loss(model, data));
  // All weight on the teacher: the labels must not matter, only its scores.
  EXPECT_NE(values_of(pupil, 0), values_of(expert, 0));
}

TEST_F(Training, APackedModelGivesTheSameOutputsToTheBit) {
  const OnnxModel model = image_model();
  MemorySink packed;
  pack_model(model, {}, packed);
  const OnnxModel unpacked =
      OnnxModel::from_memory(QcReader::from_bytes(packed.bytes()).decode_to_memory(1));
  HostTensor input{DataType::kFloat, {5, 1, 6, 6}, {}};
  input.bytes = test::encode(DataType::kFloat, test::bell_values(180, 9, 1));
  const std::vector<HostTensor> inputs = {input};
  const auto before = load(model)->run(inputs);
  const auto after = load(unpacked)->run(inputs);
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(before[0].dims, after[0].dims);
  EXPECT_EQ(before[0].bytes, after[0].bytes);
}

}  // namespace
}  // namespace qc
