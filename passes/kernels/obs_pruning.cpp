#include "passes/kernels/obs_pruning.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "passes/kernels/compensation.h"
#include "system/parallel.h"

namespace qc {
namespace {

using Counts = std::vector<std::uint64_t>;

std::uint64_t sum(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

// Divides `total` by size, with no share below the least one. Requires
// sum(least) <= total <= sum(sizes).
Counts shares(std::uint64_t total, const Counts& sizes, const Counts& least) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > 0) order.push_back(i);
  }
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return least[a] * sizes[b] > least[b] * sizes[a];
  });
  Counts result = least;
  std::vector<bool> fixed(sizes.size(), false);  // has its least share and gets no more
  std::uint64_t rest = total;
  std::uint64_t size = sum(sizes);
  for (const std::size_t i : order) {
    if (least[i] * size <= rest * sizes[i]) break;
    fixed[i] = true;
    rest -= least[i];
    size -= sizes[i];
  }
  // Fractions are carried on, so that the shares add up.
  std::uint64_t carried = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (fixed[i] || size == 0) continue;
    carried += rest * sizes[i];
    result[i] = carried / size;
    carried %= size;
  }
  return result;
}

// A weight that may go, ordered by what is lost with it.
struct Candidate {
  bool live = false;
  float loss = 0;
  std::uint32_t index = 0;

  bool operator<(const Candidate& other) const {
    return std::tie(live, loss, index) < std::tie(other.live, other.loss, other.index);
  }
};

// The blocks of columns of all groups.
class Blocks {
 public:
  explicit Blocks(const PruningProblem& problem)
      : problem_(problem), in_group_((problem.columns + kColumnBlock - 1) / kColumnBlock) {}

  std::size_t in_group() const { return in_group_; }
  std::size_t begin(std::size_t block) const { return block % in_group_ * kColumnBlock; }
  std::size_t end(std::size_t block) const {
    return std::min(begin(block) + kColumnBlock, problem_.columns);
  }

  // How many weights are to be zero in each. What no sample shows is zeroed first.
  Counts zeros(std::uint64_t total) const {
    const std::size_t count = problem_.groups * in_group_;
    Counts sizes(count);
    Counts present(count);
    Counts dead(count);
    for (std::size_t b = 0; b < count; ++b) {
      const std::size_t group = b / in_group_;
      for (std::size_t r = 0; r < problem_.rows; ++r) {
        const float* row = &problem_.weights[(group * problem_.rows + r) * problem_.columns];
        for (std::size_t c = begin(b); c < end(b); ++c) {
          ++sizes[b];
          if (row[c] == 0) {
            ++present[b];
          } else if (problem_.factors[group].dead[c]) {
            ++dead[b];
          }
        }
      }
    }
    const std::uint64_t there = sum(present);
    if (total <= there) return present;
    if (total - there < sum(dead)) {
      Counts result = shares(total - there, dead, Counts(count));
      for (std::size_t b = 0; b < count; ++b) result[b] += present[b];
      return result;
    }
    for (std::size_t b = 0; b < count; ++b) present[b] += dead[b];
    return shares(total, sizes, present);
  }

 private:
  const PruningProblem& problem_;
  std::size_t in_group_;
};

// The matrix of one group, block after block.
class GroupPruning {
 public:
  GroupPruning(const PruningProblem& problem, std::size_t group, std::span<float> values)
      : factor_(problem.factors[group]),
        before_(problem.weights.subspan(group * problem.rows * problem.columns, values.size())),
        values_(values),
        rows_(problem.rows),
        columns_(problem.columns) {}

  // Returns the loss.
  double prune(std::size_t from, std::size_t to, std::uint64_t zeros, unsigned threads) {
    choose(from, to, zeros);
    const std::size_t parts = (rows_ + kCompensatedRows - 1) / kCompensatedRows;
    std::vector<double> losses(parts);
    parallel_for(parts, threads, [&](std::size_t part) {
      const std::size_t first = part * kCompensatedRows;
      const std::size_t rows = std::min(kCompensatedRows, rows_ - first);
      double loss = 0;
      fix_columns(factor_, from, to, values_.subspan(first * columns_, rows * columns_),
                  [&](std::size_t row, std::size_t column, float& weight) {
                    const bool goes = goes_[(first + row) * (to - from) + column - from];
                    const float error = fix(column, goes, weight);
                    loss += 0.5 * error * error;
                    return error;
                  });
      losses[part] = loss;
    });
    return std::accumulate(losses.begin(), losses.end(), 0.0);
  }

 private:
  void choose(std::size_t from, std::size_t to, std::uint64_t zeros) {
    const std::size_t width = to - from;
    goes_.assign(rows_ * width, 0);
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < goes_.size(); ++i) {
      const std::size_t column = from + i % width;
      const std::size_t at = i / width * columns_ + column;
      if (before_[at] == 0) {
        goes_[i] = 1;
        --zeros;
        continue;
      }
      const bool live = !factor_.dead[column];
      const float error = values_[at] / (live ? factor_.diagonal[column] : 1);
      const float loss = std::fmin(error * error, std::numeric_limits<float>::max());
      candidates.push_back({live, loss, static_cast<std::uint32_t>(i)});
    }
    const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(zeros);
    if (last != candidates.end()) std::nth_element(candidates.begin(), last, candidates.end());
    for (auto each = candidates.begin(); each != last; ++each) goes_[each->index] = 1;
  }

  // The error in units of U_jj.
  float fix(std::size_t column, bool goes, float& weight) const {
    const float before = weight;
    if (goes) {
      weight = 0;
      return factor_.dead[column] ? 0 : before / factor_.diagonal[column];
    }
    // Only what was chosen is zero.
    if (weight == 0) weight = std::numeric_limits<float>::min();
    return 0;
  }

  const InverseFactor& factor_;
  std::span<const float> before_;
  std::span<float> values_;
  std::size_t rows_;
  std::size_t columns_;
  std::vector<char> goes_;  // of the block {rows, columns}
};

}  // namespace

CompensatedPruning prune_with_compensation(const PruningProblem& problem, std::uint64_t zeros,
                                           unsigned threads) {
  const Blocks blocks(problem);
  const Counts wanted = blocks.zeros(zeros);
  CompensatedPruning result;
  result.values.assign(problem.weights.begin(), problem.weights.end());
  const std::size_t size = problem.rows * problem.columns;
  std::vector<double> losses(problem.groups);
  // One group has threads for its rows, several have one each.
  const unsigned inner = problem.groups > 1 ? 1 : threads;
  parallel_for(problem.groups, threads, [&](std::size_t g) {
    GroupPruning group(problem, g, std::span(result.values).subspan(g * size, size));
    for (std::size_t b = g * blocks.in_group(); b < (g + 1) * blocks.in_group(); ++b) {
      losses[g] += group.prune(blocks.begin(b), blocks.end(b), wanted[b], inner);
    }
  });
  result.loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  return result;
}

}  // namespace qc
