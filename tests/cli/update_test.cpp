// pack --base as a user meets it: updates, chains of them, and what they are refused for.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>

#include "training_fixture.h"

namespace qc {
namespace {

using test::kUsage;
using test::TrainingTest;

class UpdateTest : public TrainingTest {
 protected:
  UpdateTest() {
    run_well({"prune", "--rate", "0.9", "model.onnx", "-o", "pruned.onnx"});
    run_well({"share", "--bits", "5", "pruned.onnx", "-o", "v1.onnx"});
    run_well({"pack", "v1.onnx"});
  }

  // Packs version `name` whole and as an update of v1.qc; gives both sizes.
  std::pair<std::size_t, std::size_t> sizes_of(const std::string& name) {
    run_well({"pack", name + ".onnx"});
    run_well({"pack", name + ".onnx", "--base", "v1.qc", "-o", name + ".update.qc"});
    run_well({"unpack", name + ".update.qc", "--base", "v1.qc", "-o", "back.onnx", "-f"});
    EXPECT_EQ(content("back.onnx"), content(name + ".onnx"));
    return {content(name + ".qc").size(), content(name + ".update.qc").size()};
  }
};

TEST_F(UpdateTest, AfterAnEpochOfFineTuningTakesLittle) {
  run_well({"finetune", "v1.onnx", "--data", "data", "--epochs", "1", "-o", "v2.onnx"});
  const auto [whole, update] = sizes_of("v2");
  EXPECT_LT(update, whole * 2 / 5);
}

TEST_F(UpdateTest, OfOneLayerTakesThatLayer) {
  run_well({"prune", "--rate", "0.95", "--include", "fc2.weight", "v1.onnx", "-o", "v2.onnx"});
  const auto [whole, update] = sizes_of("v2");
  const std::size_t layer = weights("v2.qc", "stored_bytes").at("fc2.weight");
  EXPECT_GT(layer, 0U);
  EXPECT_LT(update, whole / 50 + layer);
}

TEST_F(UpdateTest, ChainsNameEachBase) {
  run_well({"prune", "--rate", "0.92", "v1.onnx", "-o", "v2.onnx"});
  run_well({"prune", "--rate", "0.94", "v2.onnx", "-o", "v3.onnx"});
  run_well({"pack", "v2.onnx", "--base", "v1.onnx", "-o", "v2.qc"});
  run_well({"pack", "v3.onnx", "--base", "v2.qc", "--base", "v1.qc", "-o", "v3.qc"});
  run_well({"unpack", "v3.qc", "--base", "v2.qc", "--base", "v1.qc", "-o", "back.onnx"});
  EXPECT_EQ(content("back.onnx"), content("v3.onnx"));
  run_well({"test", "v3.qc", "--base", "v2.onnx"});
  expect_refused({"test", "v3.qc", "--base", "v2.qc"}, kUsage, {"v2.qc", "--base"});
}

TEST_F(UpdateTest, WantsItsBaseAndNoOther) {
  run_well({"prune", "--rate", "0.95", "v1.onnx", "-o", "v2.onnx"});
  run_well({"pack", "v2.onnx", "--base", "v1.qc", "-o", "v2.qc"});
  expect_refused({"unpack", "v2.qc", "-o", "x.onnx"}, kUsage, {"v2.qc", "update", "--base"});
  expect_refused({"test", "v2.qc"}, kUsage, {"v2.qc", "--base"});
  expect_refused({"unpack", "v2.qc", "--base", "v2.onnx", "-o", "x.onnx"}, kUsage, {"v2.onnx"});
  expect_refused({"unpack", "v1.qc", "--base", "v2.onnx", "-o", "x.onnx"}, kUsage, {"no update"});
  // An update without its base would be lost.
  expect_refused({"pack", "v2.onnx", "--base", "v1.qc", "-o", "v1.qc", "-f"}, kUsage, {"v1.qc"});
  expect_refused({"unpack", "v2.qc", "--base", "v1.onnx", "-o", "v1.onnx", "-f"}, kUsage,
                 {"v1.onnx"});
  expect_refused({"inspect", "v2.qc"}, kUsage, {"update", "--base"});
  expect_refused({"eval", "v2.qc", "--data", "data"}, kUsage, {"update", "--base"});
}

}  // namespace
}  // namespace qc
