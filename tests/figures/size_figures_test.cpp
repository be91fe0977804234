#include "size_figures.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "harness.h"

namespace qc::figures {
namespace {

class SizeFigures : public testing::TestWithParam<SizeCase> {};

TEST_P(SizeFigures, ComeNearTheEntropy) {
  const std::optional<std::filesystem::path> shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "no ../shared and no QC_SHARED: the models are not here";
  const SizeFigure figure = measure_size(GetParam(), *shared / "models");
  std::cout << describe(GetParam(), figure);
  EXPECT_LE(static_cast<double>(figure.huffman.container), figure.bound());
  EXPECT_LE(figure.balanced.container, figure.huffman.container);
  EXPECT_GT(figure.ratio(), GetParam().ratio_to_exceed);
  EXPECT_LT(figure.max.container, figure.balanced.container);
}

INSTANTIATE_TEST_SUITE_P(Models, SizeFigures, testing::ValuesIn(kSizeCases),
                         [](const auto& row) { return std::string(row.param.name); });

// Positions and values of all the models, by preset.
TEST(SizeFiguresInSum, PresetsAreNearOrBelowTheEntropy) {
  const std::optional<std::filesystem::path> shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "no ../shared and no QC_SHARED: the models are not here";
  double entropy = 0;
  double fast = 0;
  double balanced = 0;
  double max = 0;
  const auto payload = [](const SizeTotals& totals) {
    return static_cast<double>(totals.weights + totals.indices + totals.tables);
  };
  for (const SizeCase& size_case : kSizeCases) {
    const SizeFigure figure = measure_size(size_case, *shared / "models");
    entropy += figure.entropy();
    fast += payload(figure.fast);
    balanced += payload(figure.balanced);
    max += payload(figure.max);
  }
  EXPECT_LE(fast, 1.02 * entropy);
  EXPECT_LE(balanced, 1.008 * entropy);
  EXPECT_LE(max, 0.985 * entropy);
}

}  // namespace
}  // namespace qc::figures
