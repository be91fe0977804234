// The data sets of the folder of test data, where it is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "data/batches.h"
#include "data/dataset.h"
#include "data_files.h"
#include "harness.h"

namespace qc {
namespace {

using harness::TempDir;
using harness::write_file;
using testing::ElementsAre;

std::optional<std::filesystem::path> shared_data(const std::string& name) {
  const auto shared = harness::shared_dir();
  if (!shared || !std::filesystem::exists(*shared / "data" / name)) return std::nullopt;
  return *shared / "data" / name;
}

struct Totals {
  std::vector<std::size_t> labels;
  double mean = 0;
};

Totals totals_of(const Dataset& data) {
  BatchStream stream(data, in_order(data.size()), 64);
  Totals totals{.labels = std::vector<std::size_t>(static_cast<std::size_t>(data.classes()))};
  std::size_t values = 0;
  Batch batch;
  while (stream.next(batch)) {
    for (const std::int64_t label : batch.labels)
      ++totals.labels.at(static_cast<std::size_t>(label));
    for (const float value : batch.inputs) totals.mean += static_cast<double>(value);
    values += batch.inputs.size();
  }
  totals.mean /= static_cast<double>(values);
  return totals;
}

TEST(SharedData, Mnist) {
  const auto folder = shared_data("mnist");
  if (!folder) GTEST_SKIP() << "no data/mnist in QC_SHARED or ../shared";
  const auto train = open_dataset({*folder, {}}, Split::kTrain);
  const auto test = open_dataset({*folder, {}}, Split::kTest);
  EXPECT_EQ(train->size(), 60'000U);
  EXPECT_EQ(test->size(), 10'000U);
  EXPECT_THAT(train->sample_shape(), ElementsAre(1, 28, 28));
  EXPECT_EQ(train->classes(), 10);
  const Totals totals = totals_of(*train);
  EXPECT_THAT(totals.labels,
              ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949));
  EXPECT_NEAR(totals.mean, 0.1307, 5e-5);
  EXPECT_THAT(totals_of(*test).labels,
              ElementsAre(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009));
}

TEST(SharedData, ImagenetSample) {
  const auto folder = shared_data("imagenet-sample-1000");
  if (!folder) GTEST_SKIP() << "no data/imagenet-sample-1000 in QC_SHARED or ../shared";
  const TempDir config;
  write_file(
      config / "dataset.toml",
      "resize = 232\ncrop = 224\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n");
  const auto whole = open_dataset({*folder, config / "dataset.toml"}, Split::kTest);
  EXPECT_EQ(whole->size(), 1000U);
  EXPECT_EQ(whole->classes(), 1000);
  EXPECT_THAT(whole->sample_shape(), ElementsAre(3, 224, 224));
  const Subset part(*whole, hold_out(whole->size(), 50, 1).held_out);
  EXPECT_NEAR(totals_of(part).mean, 0, 0.3);
  std::vector<float> sample(std::size_t{3} * 224 * 224);
  for (const std::size_t i : {0U, 500U, 999U}) {
    EXPECT_EQ(whole->load(i, sample), static_cast<std::int64_t>(i));
  }
}

}  // namespace
}  // namespace qc
