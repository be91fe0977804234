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
  EXPECT_LE(figure.smallest, figure.huffman.container);
  EXPECT_GT(figure.ratio(), GetParam().ratio_to_exceed);
  EXPECT_LT(figure.max.container, figure.smallest);
}

INSTANTIATE_TEST_SUITE_P(Models, SizeFigures, testing::ValuesIn(kSizeCases),
                         [](const auto& row) { return std::string(row.param.name); });

// Positions and values by context models, over all of the models.
TEST(SizeFiguresInSum, MaxIsBelowTheEntropy) {
  const std::optional<std::filesystem::path> shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "no ../shared and no QC_SHARED: the models are not here";
  constexpr double kShare = 0.985;
  double entropy = 0;
  std::uint64_t payload = 0;
  for (const SizeCase& size_case : kSizeCases) {
    const SizeFigure figure = measure_size(size_case, *shared / "models");
    entropy += figure.entropy();
    payload += figure.max.weights + figure.max.indices + figure.max.tables;
  }
  EXPECT_LE(static_cast<double>(payload), kShare * entropy);
}

}  // namespace
}  // namespace qc::figures
