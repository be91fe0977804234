#include "passes/kernels/quadratic_form.h"

#include <Eigen/Core>
#include <algorithm>
#include <numeric>
#include <vector>

#include "system/parallel.h"

namespace qc {
namespace {

constexpr std::size_t kRows = 64;  // that one thread goes through

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

double quadratic_form(std::span<const float> weights, std::span<const double> h,
                      std::size_t columns, unsigned threads) {
  const auto width = static_cast<Eigen::Index>(columns);
  const Eigen::Map<const Matrix<double>> moments(h.data(), width, width);
  const std::size_t rows = weights.size() / columns;
  std::vector<double> sums((rows + kRows - 1) / kRows);
  parallel_for(sums.size(), threads, [&](std::size_t i) {
    const std::size_t begin = i * kRows;
    const Matrix<double> block =
        Eigen::Map<const Matrix<float>>(&weights[begin * columns],
                                        static_cast<Eigen::Index>(std::min(kRows, rows - begin)),
                                        width)
            .cast<double>();
    sums[i] = (block * moments).cwiseProduct(block).sum();
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace qc
