// Calibration that goes through a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "harness.h"
#include "model_builder.h"
#include "pipeline/calibration_file.h"

namespace qc {
namespace {

using test::ModelBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

// Moments without any pattern, symmetric.
Moments made_up(std::size_t groups, std::size_t columns, bool is_table) {
  Moments moments;
  moments.count = 1000 + columns;
  moments.groups = groups;
  moments.columns = columns;
  moments.is_table = is_table;
  const auto value = [](std::size_t i) { return 1.0 / static_cast<double>(i + 3); };
  for (std::size_t i = 0; i < groups * columns; ++i) moments.mean.push_back(value(7 * i) - 0.1);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t i = 0; i < columns; ++i) {
      if (is_table) moments.second.push_back(value(i + 11 * g));
      for (std::size_t j = 0; j < columns && !is_table; ++j) {
        moments.second.push_back(value(std::min(i, j) * 31 + std::max(i, j) + 1000 * g));
      }
    }
  }
  return moments;
}

class MadeUpSource : public CalibrationSource {
 public:
  void visit(const OnnxModel& model, std::span<const std::size_t> tensors,
             const std::function<PayloadEdits(std::size_t, const Moments&)>& visit) override {
    // In another order than that of the model.
    for (std::size_t i = tensors.size(); i-- > 0;) {
      const auto found = moments.find(model.tensors()[tensors[i]].name);
      if (found == moments.end()) continue;
      EXPECT_TRUE(visit(tensors[i], found->second).empty());
    }
  }

  std::map<std::size_t, std::vector<float>> gradient_squares(
      const OnnxModel& /*model*/, std::span<const std::size_t> /*tensors*/) override {
    return {};
  }

  std::map<std::string, Moments> moments = {{"deep.weight", made_up(2, 9, false)},
                                            {"fc.weight", made_up(1, 12, false)},
                                            {"words.weight", made_up(1, 5, true)}};
};

OnnxModel model_with(std::int64_t outputs) {
  const std::vector<float> values(12 * static_cast<std::size_t>(outputs), 0.5F);
  ModelBuilder builder;
  builder.add_conv("deep", {2, 1, 3, 3}, std::vector<float>(18, 0.25F))
      .add_gemm("fc", {12, outputs}, values)
      .add_gemm("words", {5, 4}, std::vector<float>(20, 1.0F));
  return builder.open();
}

class CalibrationFileTest : public testing::Test {
 protected:
  std::string error_of(ErrorCode code) {
    try {
      CalibrationFile file(path_);
      file.visit(model_, indices(model_),
                 [](std::size_t, const Moments&) { return PayloadEdits(); });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return "";
  }

  static std::vector<std::size_t> indices(const OnnxModel& model) {
    std::vector<std::size_t> all(model.tensors().size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  harness::TempDir temp_;
  std::filesystem::path path_ = temp_ / "moments";
  OnnxModel model_ = model_with(3);
  MadeUpSource source_;
};

TEST_F(CalibrationFileTest, GivesWhatWasSaved) {
  EXPECT_EQ(save_calibration(path_, Overwrite::kRefuse, model_, source_), 3U);
  std::vector<std::string> names;
  CalibrationFile(path_).visit(model_, indices(model_),
                               [&](std::size_t tensor, const Moments& moments) {
                                 names.push_back(model_.tensors()[tensor].name);
                                 const Moments& saved = source_.moments.at(names.back());
                                 EXPECT_EQ(moments.count, saved.count);
                                 EXPECT_EQ(moments.groups, saved.groups);
                                 EXPECT_EQ(moments.columns, saved.columns);
                                 EXPECT_EQ(moments.is_table, saved.is_table);
                                 EXPECT_EQ(moments.mean, saved.mean);
                                 EXPECT_EQ(moments.second, saved.second);
                                 return PayloadEdits();
                               });
  EXPECT_THAT(names, ElementsAre("words.weight", "fc.weight", "deep.weight"));
}

TEST_F(CalibrationFileTest, IsOfOneNetwork) {
  save_calibration(path_, Overwrite::kRefuse, model_, source_);
  model_ = model_with(4);
  EXPECT_THAT(error_of(ErrorCode::kUsage), HasSubstr("fc.weight is 12x3 there and 12x4"));
  model_ = ModelBuilder().add_gemm("other", {2, 2}, std::vector<float>(4, 1.0F)).open();
  EXPECT_THAT(error_of(ErrorCode::kUsage), HasSubstr("none of the weights"));
}

TEST_F(CalibrationFileTest, RefusesWhatIsDamaged) {
  save_calibration(path_, Overwrite::kRefuse, model_, source_);
  const std::string good = harness::read_file(path_);
  for (std::size_t length = 0; length < good.size(); length += 13) {
    harness::write_file(path_, good.substr(0, length));
    EXPECT_NE(error_of(ErrorCode::kCorrupt), "") << length;
  }
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    harness::write_file(path_, damaged);
    EXPECT_NE(error_of(ErrorCode::kCorrupt), "") << i;
  }
}

TEST_F(CalibrationFileTest, RefusesMomentsThatAreNoNumbers) {
  source_.moments["fc.weight"].second[0] = std::numeric_limits<double>::infinity();
  try {
    save_calibration(path_, Overwrite::kRefuse, model_, source_);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace qc
