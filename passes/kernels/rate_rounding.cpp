#include "passes/kernels/rate_rounding.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/float_types.h"
#include "passes/kernels/compensation.h"
#include "passes/kernels/short_mantissas.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr int kPasses = 3;
constexpr double kLevelGrowth = 1.1;  // of steps beyond the uniform ones
constexpr std::size_t kLeastUniformLevels = 20;
constexpr double kBulk = 4;  // root mean squares of the weights that uniform levels reach
constexpr double kMostUniformLevels = 3072;
constexpr std::size_t kMostLevels = 4096;
// A level costs its entry in the codebook, which those that use it share.
constexpr double kEntryBits = 32;
constexpr std::uint64_t kRareCount = 8;
// Of the loss that a codebook with fewer mantissa bits may add.
constexpr double kMantissaExcess = 0.002;

// The levels as the choice needs them.
class Codebook {
 public:
  explicit Codebook(const std::vector<RateLevel>& levels) {
    for (const RateLevel& level : levels) {
      values_.push_back(static_cast<float>(level.value));
      bits_.push_back(static_cast<float>(level.bits));
    }
    zero_ = static_cast<std::size_t>(std::ranges::lower_bound(values_, 0.0F) - values_.begin());
  }

  // The level with the least curvature * (w - c)^2 + lambda * bits(c). Levels are looked at from
  // the nearest one outwards until their distance alone costs too much.
  std::size_t choose(float weight, float curvature, float lambda) const {
    const auto cost = [&](std::size_t k) {
      const float distance = weight - values_[k];
      return curvature * distance * distance + lambda * bits_[k];
    };
    std::size_t best = zero_;
    float least = cost(zero_);
    const auto above =
        static_cast<std::size_t>(std::ranges::lower_bound(values_, weight) - values_.begin());
    const auto look = [&](std::size_t k) {
      const float distance = weight - values_[k];
      if (curvature * distance * distance >= least) return false;
      const float now = cost(k);
      if (now < least) {
        least = now;
        best = k;
      }
      return true;
    };
    for (std::size_t k = above; k < values_.size() && look(k);) ++k;
    for (std::size_t k = above; k > 0 && look(k - 1);) --k;
    return best;
  }

  std::size_t zero() const { return zero_; }
  float value(std::size_t k) const { return values_[k]; }
  std::size_t size() const { return values_.size(); }

 private:
  std::vector<float> values_;
  std::vector<float> bits_;
  std::size_t zero_ = 0;
};

// What the weights of a block of rows say of the levels.
struct LevelSums {
  explicit LevelSums(std::size_t levels) : counts(levels), weights(levels), moments(levels) {}

  void add(const LevelSums& other) {
    for (std::size_t k = 0; k < counts.size(); ++k) {
      counts[k] += other.counts[k];
      weights[k] += other.weights[k];
      moments[k] += other.moments[k];
    }
    loss += other.loss;
  }

  std::vector<std::uint64_t> counts;
  std::vector<double> weights;  // sums of curvatures
  std::vector<double> moments;  // of curvature * weight
  double loss = 0;
};

// A pass over all weights with given levels.
class Sweep {
 public:
  Sweep(const RateProblem& problem, const Codebook& codebook, double lambda,
        std::vector<float>& values)
      : problem_(problem),
        codebook_(codebook),
        lambda_(static_cast<float>(lambda)),
        values_(values) {}

  LevelSums run(unsigned threads) {
    const std::size_t blocks = (problem_.rows + kCompensatedRows - 1) / kCompensatedRows;
    std::vector<LevelSums> sums(problem_.groups * blocks, LevelSums(codebook_.size()));
    parallel_for(sums.size(), threads, [&](std::size_t i) {
      const std::size_t begin = i % blocks * kCompensatedRows;
      run_rows(i / blocks, begin, std::min(begin + kCompensatedRows, problem_.rows), sums[i]);
    });
    LevelSums total(codebook_.size());
    for (const LevelSums& each : sums) total.add(each);
    return total;
  }

 private:
  void run_rows(std::size_t group, std::size_t begin, std::size_t end, LevelSums& sums) {
    const InverseFactor& factor = problem_.factors[group];
    const std::size_t columns = problem_.columns;
    const std::size_t first = (group * problem_.rows + begin) * columns;
    const std::size_t rows = end - begin;
    std::vector<float> work(rows * columns);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t p = 0; p < columns; ++p) {
        work[r * columns + p] = problem_.weights[first + r * columns + factor.order[p]];
      }
    }
    for (std::size_t from = 0; from < columns; from += kColumnBlock) {
      fix_columns(factor, from, std::min(from + kColumnBlock, columns), work,
                  [&](std::size_t r, std::size_t p, float& weight) {
                    return round(factor, group * problem_.rows + begin + r, p, weight, sums);
                  });
    }
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t p = 0; p < columns; ++p) {
        values_[first + r * columns + factor.order[p]] = work[r * columns + p];
      }
    }
  }

  // Rounds the weight of a row at a place and returns the error in units of U_jj.
  float round(const InverseFactor& factor, std::size_t row, std::size_t place, float& weight,
              LevelSums& sums) const {
    if (factor.dead[factor.order[place]]) {
      // No sample shows what the weight does, and zero is the cheapest.
      ++sums.counts[codebook_.zero()];
      weight = 0;
      return 0;
    }
    const float u = factor.diagonal[place];
    const double curvature = problem_.importance[row] / (2.0 * u * u);
    const bool stays =
        problem_.zeros_stay && problem_.weights[row * problem_.columns + factor.order[place]] == 0;
    const std::size_t k =
        stays ? codebook_.zero() : codebook_.choose(weight, static_cast<float>(curvature), lambda_);
    const float value = codebook_.value(k);
    ++sums.counts[k];
    sums.weights[k] += curvature;
    sums.moments[k] += curvature * weight;
    const float distance = weight - value;
    sums.loss += curvature * distance * distance;
    weight = value;
    return distance / u;
  }

  const RateProblem& problem_;
  const Codebook& codebook_;
  float lambda_;
  std::vector<float>& values_;
};

// Zero and multiples of the step on either side, then wider steps up to the largest weight.
std::vector<RateLevel> first_levels(double step, double largest, std::size_t uniform) {
  std::vector<double> positive;
  double value = 0;
  for (double width = step; value < largest && positive.size() < kMostLevels; value += width) {
    if (positive.size() >= uniform) width *= kLevelGrowth;
    positive.push_back(value + width);
  }
  std::vector<RateLevel> levels;
  for (auto each = positive.rbegin(); each != positive.rend(); ++each) levels.push_back({-*each});
  levels.push_back({0});
  for (const double each : positive) levels.push_back({each});
  return levels;
}

double root_mean_square(std::span<const float> weights) {
  double energy = 0;
  for (const float weight : weights) energy += static_cast<double>(weight) * weight;
  return std::sqrt(energy / static_cast<double>(weights.size()));
}

std::vector<RateLevel> first_levels(const RateProblem& problem, double step, double largest) {
  if (problem.uniform_levels) return first_levels(step, largest, *problem.uniform_levels);
  const double bulk = kBulk * root_mean_square(problem.weights);
  // Beyond the last uniform level there must be room for the wider ones.
  step = std::max(step, bulk / kMostUniformLevels);
  const auto uniform = static_cast<std::size_t>(std::ceil(bulk / step));
  return first_levels(step, largest, std::max(uniform, kLeastUniformLevels));
}

void set_bits(std::vector<RateLevel>& levels) {
  std::uint64_t total = 0;
  for (const RateLevel& level : levels) total += level.count;
  for (RateLevel& level : levels) {
    // What nothing used yet may still be of use: it costs as if half a weight did.
    const double count = std::max(static_cast<double>(level.count), 0.5);
    level.bits = -std::log2(count / std::max(static_cast<double>(total), count));
    if (level.count < kRareCount) level.bits += kEntryBits / std::max(count, 1.0);
  }
}

// As if every weight went to its nearest level.
void count_nearest(const RateProblem& problem, std::vector<RateLevel>& levels) {
  for (RateLevel& level : levels) level.bits = 0;
  const Codebook codebook(levels);
  for (const float weight : problem.weights) ++levels[codebook.choose(weight, 1, 0)].count;
}

// The fewest mantissa bits that add little to the loss; `weights` are sums of curvatures.
void shorten(std::vector<RateLevel>& levels, std::span<const double> weights, double loss,
             DataType type) {
  constexpr int kFloatBits = 23;
  for (int bits = 2; bits <= kFloatBits; ++bits) {
    double added = 0;
    std::vector<double> rounded;
    for (std::size_t k = 0; k < levels.size(); ++k) {
      rounded.push_back(stored_value(type, round_mantissa(levels[k].value, bits)));
      const double moved = rounded[k] - levels[k].value;
      added += weights[k] * moved * moved;
    }
    if (added > kMantissaExcess * loss && bits < kFloatBits) continue;
    for (std::size_t k = 0; k < levels.size(); ++k) levels[k].value = rounded[k];
    return;
  }
}

// Levels move to the means of their weights; zero stays, and what nothing uses goes.
void move_levels(std::vector<RateLevel>& levels, const LevelSums& sums, DataType type) {
  std::vector<RateLevel> moved;
  std::vector<double> weights;
  for (std::size_t k = 0; k < levels.size(); ++k) {
    const bool zero = levels[k].value == 0;
    if (sums.counts[k] == 0 && !zero) continue;
    const bool has_mean = !zero && sums.weights[k] > 0;
    moved.push_back({.value = has_mean ? sums.moments[k] / sums.weights[k] : levels[k].value,
                     .count = sums.counts[k]});
    weights.push_back(sums.weights[k]);
  }
  shorten(moved, weights, sums.loss, type);
  // Curvatures differ, so means need not be in the order of the levels.
  std::ranges::stable_sort(moved, {}, &RateLevel::value);
  // Rounded, several may be one.
  std::vector<RateLevel> distinct;
  for (const RateLevel& level : moved) {
    if (!distinct.empty() && distinct.back().value == level.value) {
      distinct.back().count += level.count;
    } else {
      distinct.push_back(level);
    }
  }
  levels = std::move(distinct);
}

}  // namespace

RateRounding round_to_rate(const RateProblem& problem, double lambda, unsigned threads) {
  RateRounding result;
  result.values.assign(problem.weights.begin(), problem.weights.end());
  double largest = 0;
  for (const float weight : problem.weights) {
    largest = std::max(largest, std::fabs(static_cast<double>(weight)));
  }
  const double step = first_step(problem, lambda);
  std::vector<RateLevel> levels = {{0}};
  if (largest > 0 && step > 0) {
    levels = first_levels(problem, step, largest);
  }
  count_nearest(problem, levels);
  LevelSums sums(0);
  for (int pass = 1; pass <= kPasses; ++pass) {
    set_bits(levels);
    const Codebook codebook(levels);
    sums = Sweep(problem, codebook, lambda, result.values).run(threads);
    if (pass < kPasses) move_levels(levels, sums, problem.type);
  }
  result.loss = sums.loss;
  for (std::size_t k = 0; k < levels.size(); ++k) {
    if (sums.counts[k] == 0) continue;
    result.levels.push_back({.value = levels[k].value, .count = sums.counts[k]});
  }
  set_bits(result.levels);
  result.codebook_bits = kEntryBits * static_cast<double>(result.levels.size());
  for (const RateLevel& level : result.levels) {
    result.bits += static_cast<double>(level.count) * level.bits;
    if (level.count >= kRareCount) result.bits += kEntryBits;
  }
  return result;
}

double first_step(const RateProblem& problem, double lambda) {
  double sum = 0;
  double logs = 0;
  double count = 0;
  for (std::size_t g = 0; g < problem.groups; ++g) {
    const InverseFactor& factor = problem.factors[g];
    double inverse = 0;
    double inverse_logs = 0;
    double live = 0;
    for (std::size_t p = 0; p < problem.columns; ++p) {
      if (factor.dead[factor.order[p]]) continue;
      const double u = factor.diagonal[p];
      inverse += 1 / (u * u);
      inverse_logs -= 2 * std::log(u);
      ++live;
    }
    for (std::size_t r = 0; r < problem.rows; ++r) {
      const double importance = problem.importance[g * problem.rows + r];
      if (importance <= 0) continue;
      sum += importance * inverse;
      logs += std::log(importance) * live + inverse_logs;
      count += live;
    }
  }
  if (count == 0 || sum <= 0) return 0;
  // Curvatures differ: between their arithmetic and their geometric mean.
  const double curvature = std::sqrt(sum / count * std::exp(logs / count));
  return uniform_step(lambda, curvature);
}

double uniform_step(double lambda, double curvature) {
  return std::sqrt(12 * lambda / (std::numbers::ln2 * curvature));
}

double quadratic_loss(std::span<const float> weights, std::span<const float> rounded,
                      std::span<const double> h, std::span<const double> importance,
                      std::size_t groups, std::size_t rows, std::size_t columns) {
  double loss = 0;
  for (std::size_t row = 0; row < groups * rows; ++row) {
    const std::size_t at = row * columns;
    const double* matrix = &h[row / rows * columns * columns];
    for (std::size_t i = 0; i < columns; ++i) {
      const double error = static_cast<double>(weights[at + i]) - rounded[at + i];
      for (std::size_t j = 0; j < columns; ++j) {
        loss += importance[row] / 2 * error * matrix[i * columns + j] *
                (static_cast<double>(weights[at + j]) - rounded[at + j]);
      }
    }
  }
  return loss;
}

}  // namespace qc
