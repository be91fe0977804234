// Tests that train and evaluate with the engine, on one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"

namespace qc::test {

class EngineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { engine_ = open_engine({1, "cpu"}).release(); }
  static void TearDownTestSuite() { delete engine_; }

  static Engine& engine() { return *engine_; }

  static std::unique_ptr<Network> load(const OnnxModel& model) {
    return engine_->load(load_model(model));
  }

  static TrainResult train(const OnnxModel& model, const TrainJob& job) {
    return load(model)->train(job);
  }

  static OnnxModel trained(const OnnxModel& model, const TrainJob& job) {
    return model.edited(train(model, job).values);
  }

 private:
  inline static Engine* engine_ = nullptr;
};

}  // namespace qc::test
