// What stands in for networks and data in the tests of pipelines.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "formats/onnx/onnx_model.h"
#include "model_builder.h"
#include "model_values.h"
#include "pipeline/step.h"
#include "pipeline/workbench.h"

namespace qc::test {

/// The message of the error that an action must end with, which must have this code.
template <typename Action>
std::string message_of(ErrorCode code, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

inline std::size_t zeros_of(const OnnxModel& model, const std::string& name) {
  return static_cast<std::size_t>(std::ranges::count(values_of(model, name), 0.0F));
}

/// Every file of a model, for comparisons.
inline std::vector<Bytes> files_of(const OnnxModel& model) {
  std::vector<Bytes> files;
  for (const ModelFile& file : model.files()) files.push_back(file.bytes.joined());
  return files;
}

inline Step make_step(std::string_view kind,
                      const std::vector<std::pair<std::string, std::string>>& values = {}) {
  Step step(find_step_kind(kind));
  for (const auto& [name, value] : values) step.set(name, value);
  return step;
}

/// Weights of small_net().
inline constexpr std::size_t kNetWeights = 400;

/// fc1 with 300 weights, fc2 with 60 and fc3 with 40.
inline OnnxModel small_net(DataType type = DataType::kFloat) {
  ModelBuilder builder;
  builder.add_gemm("fc1", {20, 15}, bell_values(300, 1), type)
      .add_gemm("fc2", {15, 4}, bell_values(60, 2), type)
      .add_gemm("fc3", {4, 10}, bell_values(40, 3), type);
  return builder.open();
}

/// The part of small_net()'s weights that is zero.
inline double sparsity(const OnnxModel& model) {
  const std::size_t zeros =
      zeros_of(model, "fc1.weight") + zeros_of(model, "fc2.weight") + zeros_of(model, "fc3.weight");
  return static_cast<double>(zeros) / static_cast<double>(kNetWeights);
}

/// A score that falls by a point for every per cent of small_net() that is pruned.
inline double dense_is_best(const OnnxModel& model) { return 1 - sparsity(model); }

/// Scores models by a function, and counts the calls.
class FakeEvaluator final : public Evaluator {
 public:
  using Judge = std::function<double(const OnnxModel&)>;

  explicit FakeEvaluator(Judge judge, std::vector<std::string>* calls = nullptr)
      : judge_(std::move(judge)), calls_(calls) {}

  Score validate(const OnnxModel& model) override {
    if (calls_ != nullptr) calls_->emplace_back("validate");
    const double value = judge_(model);
    scores.push_back(value);
    return {.metric = "top1", .value = value};
  }
  Score test(const OnnxModel& /*model*/) override {
    ADD_FAILURE() << "the test data is for the report, not for the runner";
    return {};
  }

  std::vector<double> scores;

 private:
  Judge judge_;
  std::vector<std::string>* calls_;
};

/// Fine-tunes by a function from the weights of the model, and keeps what it was asked for.
class FakeTuner final : public Tuner {
 public:
  using Change = std::function<TuneOutcome(const OnnxModel&, const TuneRequest&)>;

  explicit FakeTuner(Change change, std::vector<std::string>* calls = nullptr)
      : change_(std::move(change)), calls_(calls) {}

  TuneOutcome tune(const OnnxModel& model, const TuneRequest& request) override {
    if (calls_ != nullptr) calls_->push_back("tune " + request.label);
    requests.push_back(request);
    inputs.push_back(files_of(model));
    return change_(model, request);
  }

  std::vector<TuneRequest> requests;
  std::vector<std::vector<Bytes>> inputs;

 private:
  Change change_;
  std::vector<std::string>* calls_;
};

/// A fine-tuning that changes nothing.
inline TuneOutcome no_change(const OnnxModel& /*model*/, const TuneRequest& request) {
  return {{}, request.options.epochs, false};
}

/// A fine-tuning that adds to every float of every tensor, zeros too, a different amount.
inline TuneOutcome nudge_all(const OnnxModel& model, const TuneRequest& request) {
  TuneOutcome outcome{{}, request.options.epochs, false};
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (!tensor.has_values()) continue;
    std::vector<float> values = load_floats(tensor.type, model.payload(tensor));
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] += 0.25F + 0.125F * static_cast<float>(k % 3);
    }
    outcome.values[i] = encode(tensor.type, values);
  }
  return outcome;
}

}  // namespace qc::test
