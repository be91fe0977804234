// Every form of weights on random matrices, beside products in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/bit_cast.h"
#include "emit/c/weights.h"
#include "product_kernels.h"

namespace qc::c {
namespace {

using Random = std::mt19937;

float normal(Random& random) { return std::normal_distribution<float>()(random); }

std::size_t up_to(std::size_t most, Random& random) {
  return std::uniform_int_distribution<std::size_t>(0, most)(random);
}

struct Matrix {
  std::size_t rows;
  std::size_t columns;
  std::vector<float> values;

  WeightMatrix weights(bool signs_only = false) const {
    return {rows, columns, values, signs_only, 1};
  }
};

// Multiples, each times the scale of its row.
Matrix random_multiples(std::size_t rows, std::size_t columns, const std::vector<float>& multiples,
                        bool row_scales, Random& random) {
  Matrix matrix{rows, columns, {}};
  float scale = std::fabs(normal(random)) + 0.01F;
  for (std::size_t row = 0; row < rows; ++row) {
    if (row_scales) scale = std::fabs(normal(random)) + 0.01F;
    for (std::size_t column = 0; column < columns; ++column) {
      matrix.values.push_back(scale * multiples[up_to(multiples.size() - 1, random)]);
    }
  }
  return matrix;
}

Matrix random_sparse(std::size_t rows, std::size_t columns, double density, Random& random) {
  Matrix matrix{rows, columns, std::vector<float>(rows * columns)};
  std::bernoulli_distribution kept(density);
  for (float& value : matrix.values) {
    if (kept(random)) value = normal(random);
  }
  return matrix;
}

// Matrices that some form is for, of that shape.
std::vector<Matrix> random_matrices(std::size_t rows, std::size_t columns, Random& random) {
  std::vector<Matrix> matrices;
  const auto add_multiples = [&](const std::vector<float>& multiples) {
    matrices.push_back(random_multiples(rows, columns, multiples, false, random));
    matrices.push_back(random_multiples(rows, columns, multiples, true, random));
  };
  add_multiples({0});
  add_multiples({1});
  add_multiples({-1, 1});
  add_multiples({-1, 0, 1});
  add_multiples({-1, 0, 0, 0, 0, 0, 0, 0, 0, 0.5F});
  add_multiples({-2, -1, 0, 1, 2});
  add_multiples({-2, 0, 0, 0, 0, 0, 1});
  std::vector<float> many;
  for (std::size_t i = up_to(300, random) + 1; i > 0; --i) many.push_back(normal(random));
  add_multiples(many);
  for (const double density : {0.003, 0.05, 0.5, 1.0}) {
    matrices.push_back(random_sparse(rows, columns, density, random));
  }
  // Rows and blocks of columns without anything.
  Matrix holes = random_multiples(rows, columns, {-1, 1}, true, random);
  const std::size_t row = up_to(rows - 1, random);
  std::fill_n(holes.values.begin() + static_cast<std::ptrdiff_t>(row * columns), columns, 0.0F);
  matrices.push_back(holes);
  return matrices;
}

std::vector<float> random_inputs(std::size_t count, bool signs_only, Random& random) {
  std::vector<float> inputs(count);
  for (float& input : inputs) {
    input = signs_only ? static_cast<float>(up_to(2, random)) - 1 : normal(random);
  }
  return inputs;
}

constexpr float kUntouched = 12345.0F;

// The kernel's results; those between `pixels` and `stride` are seen to be left alone.
std::vector<float> run(const WeightForm& form, const CodedWeights& coded, const Matrix& matrix,
                       const std::vector<float>& bias, const std::vector<float>& x,
                       std::size_t pixels, std::size_t stride) {
  std::vector<float> y(matrix.rows * stride, kUntouched);
  run_kernel(form.kernel, coded,
             {matrix.rows, matrix.columns, bias.empty() ? nullptr : bias.data(), x.data(), pixels,
              y.data(), stride});
  std::vector<float> results;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i % stride < pixels) {
      results.push_back(y[i]);
    } else {
      EXPECT_EQ(y[i], kUntouched);
    }
  }
  return results;
}

void expect_products(const WeightForm& form, const Matrix& matrix, bool signs_only,
                     std::size_t pixels, std::size_t stride, bool with_bias, Random& random) {
  const auto coded = form.encode(matrix.weights(signs_only));
  if (!coded) return;
  const std::vector<float> x = random_inputs(matrix.columns * pixels, signs_only, random);
  std::vector<float> bias;
  if (with_bias) bias = random_inputs(matrix.rows, false, random);
  const std::vector<float> y = run(form, *coded, matrix, bias, x, pixels, stride);
  for (std::size_t row = 0; row < matrix.rows; ++row) {
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      double sum = with_bias ? bias[row] : 0;
      double magnitude = std::fabs(sum);
      for (std::size_t column = 0; column < matrix.columns; ++column) {
        const double product = static_cast<double>(matrix.values[row * matrix.columns + column]) *
                               x[column * pixels + pixel];
        sum += product;
        magnitude += std::fabs(product);
      }
      ASSERT_NEAR(y[row * pixels + pixel], sum, 2e-6 * magnitude + 1e-30)
          << form.name << " row " << row << " of " << matrix.rows << ", pixel " << pixel << " of "
          << pixels << ", " << matrix.columns << " columns";
    }
  }
}

class Forms : public testing::TestWithParam<std::size_t> {
 protected:
  const WeightForm& form() const { return weight_forms()[GetParam()]; }
  bool signs_only() const { return form().name == "xnor"; }
};

TEST_P(Forms, GiveTheProductsOfTheMatrix) {
  Random random(static_cast<unsigned>(GetParam()));
  for (int i = 0; i < 60; ++i) {
    const std::size_t rows = 1 + up_to(20, random);
    const std::size_t columns = 1 + up_to(i % 4 == 0 ? 600 : 40, random);
    const std::size_t pixels = i % 2 == 0 ? 1 : 1 + up_to(i % 3 == 0 ? 30 : 8, random);
    const std::size_t stride = pixels + up_to(3, random);
    for (const Matrix& matrix : random_matrices(rows, columns, random)) {
      expect_products(form(), matrix, signs_only(), pixels, stride, i % 3 != 1, random);
      if (HasFatalFailure()) return;
    }
  }
}

// Multiplied with one at one column, and zeros elsewhere, a matrix gives the column.
void expect_same_values(const WeightForm& form, const CodedWeights& coded, const Matrix& matrix,
                        std::size_t pixels) {
  for (std::size_t first = 0; first < matrix.columns; first += pixels) {
    std::vector<float> x(matrix.columns * pixels);
    const std::size_t count = std::min(pixels, matrix.columns - first);
    for (std::size_t i = 0; i < count; ++i) x[(first + i) * pixels + i] = 1;
    const std::vector<float> y = run(form, coded, matrix, {}, x, pixels, pixels);
    for (std::size_t row = 0; row < matrix.rows; ++row) {
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(y[row * pixels + i], matrix.values[row * matrix.columns + first + i])
            << form.name << " row " << row << ", column " << first + i;
      }
    }
  }
}

TEST_P(Forms, KeepEveryValue) {
  Random random(100 + static_cast<unsigned>(GetParam()));
  for (int i = 0; i < 8; ++i) {
    const std::size_t columns = 1 + up_to(150, random);
    for (const Matrix& matrix : random_matrices(1 + up_to(10, random), columns, random)) {
      const auto coded = form().encode(matrix.weights(signs_only()));
      if (coded) expect_same_values(form(), *coded, matrix, i % 2 == 0 ? 1 : 8);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(Forms, CountTheBytesOfTheirArrays) {
  Random random(200);
  for (const Matrix& matrix : random_matrices(9, 33, random)) {
    const auto coded = form().encode(matrix.weights(true));
    if (!coded) continue;
    std::uint64_t bytes = 0;
    std::set<std::string> suffixes;
    for (const CodedWeights::Part& part : coded->parts) {
      bytes += part.bytes.size();
      EXPECT_NE(part.literal.empty(), part.bytes.empty());
      if (part.literal.empty()) {
        EXPECT_TRUE(suffixes.insert(part.suffix).second);
      }
    }
    EXPECT_EQ(coded->flash, bytes);
    EXPECT_GT(coded->time, 0U);
  }
}

TEST_P(Forms, TakeOddNumbersOrRefuseThem) {
  const float least = std::numeric_limits<float>::denorm_min();
  const float most = std::numeric_limits<float>::max();
  for (const std::vector<float>& values :
       std::vector<std::vector<float>>{{-0.0F, 0, 1, -1},
                                       {least, -least, least, -least},
                                       {least, -least, 0, 2 * least},
                                       {most, -most, most, most},
                                       {most, least, 0, most},
                                       {most, most / 2, -most, 0},
                                       {0.1F, 0.3F, 0.1F, 0.7F}}) {
    const Matrix matrix{2, 2, values};
    const auto coded = form().encode(matrix.weights(signs_only()));
    if (coded) expect_same_values(form(), *coded, matrix, 1);
  }
}

// Nothing but NaN may come of NaN, and rows without it have their values.
TEST_P(Forms, TakeWhatIsNotFiniteOrRefuseIt) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float odd : {infinity, -infinity, nan}) {
    const Matrix matrix{2, 2, {1, odd, -1, 1}};
    const auto coded = form().encode(matrix.weights(signs_only()));
    if (!coded) continue;
    const std::vector<float> y = run(form(), *coded, matrix, {}, {1, 1}, 1, 1);
    EXPECT_EQ(std::isnan(y[0]), std::isnan(odd));
    if (!std::isnan(odd)) {
      EXPECT_EQ(y[0], odd);
    }
    EXPECT_EQ(y[1], 0);
  }
}

TEST_P(Forms, RefuseMatricesWithoutWeights) {
  for (const Matrix& matrix : {Matrix{0, 3, {}}, Matrix{3, 0, {}}, Matrix{0, 0, {}}}) {
    const auto coded = form().encode(matrix.weights(true));
    EXPECT_EQ(coded.has_value(), form().name == "dense");
  }
}

INSTANTIATE_TEST_SUITE_P(All, Forms, testing::Range<std::size_t>(0, weight_forms().size()),
                         [](const testing::TestParamInfo<std::size_t>& each) {
                           std::string name(weight_forms()[each.param].name);
                           std::erase(name, '-');
                           return name;
                         });

TEST(DenseForm, GivesTheBiasWhereThereAreNoColumns) {
  const Matrix matrix{2, 0, {}};
  const ChosenForm chosen = choose_form(matrix.weights(), Goal::kSize);
  EXPECT_EQ(chosen.form->name, "dense");
  const std::vector<float> bias = {3, 4};
  EXPECT_EQ(run(*chosen.form, chosen.weights, matrix, bias, {0}, 1, 1), bias);
}

TEST(FormTable, HasUniqueNames) {
  std::set<std::string_view> names;
  for (const WeightForm& form : weight_forms()) EXPECT_TRUE(names.insert(form.name).second);
  EXPECT_EQ(weight_forms().front().name, "dense");
}

TEST(SparseForms, CodeLongGaps) {
  Matrix matrix{3, 60'000, std::vector<float>(180'000)};
  matrix.values[3] = 1;
  matrix.values[59'999] = 2;
  matrix.values[179'998] = 3;
  std::vector<float> x(60'000, 1);
  for (const WeightForm& form : weight_forms()) {
    if (!form.name.starts_with("sparse")) continue;
    const auto coded = form.encode(matrix.weights());
    ASSERT_TRUE(coded) << form.name;
    EXPECT_EQ(run(form, *coded, matrix, {}, x, 1, 1), (std::vector<float>{3, 0, 3})) << form.name;
    EXPECT_LT(coded->flash, 100U) << form.name;
  }
}

TEST(ChooseForm, TakesTheLeastBytesOrTime) {
  Random random(300);
  for (int i = 0; i < 10; ++i) {
    const std::size_t columns = 1 + up_to(200, random);
    for (const Matrix& matrix : random_matrices(1 + up_to(40, random), columns, random)) {
      WeightMatrix weights = matrix.weights(i % 2 == 0);
      weights.pixels = i % 3 == 0 ? 8 : 1;
      const ChosenForm small = choose_form(weights, Goal::kSize);
      const ChosenForm fast = choose_form(weights, Goal::kSpeed);
      for (const WeightForm& form : weight_forms()) {
        const auto coded = form.encode(weights);
        if (!coded) continue;
        EXPECT_LE(small.weights.flash, coded->flash) << form.name;
        EXPECT_LE(fast.weights.time, coded->time) << form.name;
        EXPECT_EQ(choose_form(weights, Goal::kSize, form.name).form->name, form.name);
      }
    }
  }
}

TEST(ChooseForm, FallsBackToDense) {
  Random random(400);
  const Matrix matrix = random_sparse(5, 70'000, 1.0, random);
  EXPECT_EQ(choose_form(matrix.weights(), Goal::kSize, "ternary").form->name, "dense");
  EXPECT_EQ(choose_form(matrix.weights(), Goal::kSpeed, "sparse16").form->name, "dense");
}

std::string_view chosen(const Matrix& matrix, Goal goal, bool signs_only = false) {
  return choose_form(matrix.weights(signs_only), goal).form->name;
}

TEST(ChooseForm, KnowsWhatMatricesAreLike) {
  Random random(500);
  const Matrix dense = random_sparse(100, 300, 1.0, random);
  EXPECT_EQ(chosen(dense, Goal::kSize), "dense");
  EXPECT_EQ(chosen(dense, Goal::kSpeed), "dense");
  const Matrix sparse = random_sparse(100, 300, 0.05, random);
  EXPECT_EQ(chosen(sparse, Goal::kSize), "sparse-rice");
  EXPECT_EQ(chosen(sparse, Goal::kSpeed), "sparse16");
  const Matrix ternary = random_multiples(100, 300, {-1, 0, 1}, true, random);
  EXPECT_EQ(chosen(ternary, Goal::kSize), "radix");
  const Matrix binary = random_multiples(100, 300, {-1, 1}, true, random);
  EXPECT_EQ(chosen(binary, Goal::kSpeed, true), "xnor");
}

// Scales of rows cost floats, but a matrix of ternary rows needs two bits a weight with them.
TEST(CodebookForm, TakesScalesOfRowsWhereTheyPay) {
  Random random(600);
  const Matrix matrix = random_multiples(40, 500, {-1, 0, 1}, true, random);
  const ChosenForm form = choose_form(matrix.weights(), Goal::kSize, "codebook");
  EXPECT_LT(form.weights.flash, 40 * 500 / 4 + 40 * 4 + 50U);
}

}  // namespace
}  // namespace qc::c
