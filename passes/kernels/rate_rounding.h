// Rounding of weights to few values that cost few bits, with compensation: rate-distortion
// optimisation of a layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "passes/kernels/inverse_factor.h"

namespace qc {

/// Weights to round: matrices W {groups, rows, columns} with the loss
/// 1/2 * sum over rows o of importance_o * (w_o - q_o) H (w_o - q_o)^T.
struct RateProblem {
  std::size_t groups = 1;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const float> weights;
  std::span<const InverseFactor> factors;  ///< of the H of each group
  std::span<const double> importance;      ///< {groups, rows}, not negative
  DataType type = DataType::kFloat;        ///< that the values are stored in
  /// Of the first grid, on either side of zero; wider ones follow. By default as many as reach
  /// beyond all but outliers.
  std::optional<std::size_t> uniform_levels = {};
  bool zeros_stay = false;  ///< weights that are zero stay zero
};

/// A value that weights are rounded to.
struct RateLevel {
  double value = 0;
  std::uint64_t count = 0;  ///< of the weights that have it
  double bits = 0;          ///< that each costs: -log2 of its share, and more for rare ones
};

struct RateRounding {
  std::vector<float> values;      ///< {groups, rows, columns}
  std::vector<RateLevel> levels;  ///< ascending, used ones only
  double bits = 0;                ///< estimated: entropy of the weights and the codebook
  double codebook_bits = 0;       ///< of these
  double loss = 0;                ///< as above, with the damped H
};

/// Minimises loss + lambda * bits: every weight, one column after the other, takes the level with
/// the least importance_o (w - c)^2 / (2 U_jj^2) + lambda * bits(c), and the later columns make up
/// for the error. Zero is among the levels, so weights are pruned where that is cheapest. Starts
/// from a uniform grid whose step follows from lambda (at high rates a bit more divides the squared
/// error by four); between passes levels move to the weighted means of their weights, and their
/// bits follow their frequency (CERWU, arXiv 2505.18758, and entropy-constrained vector
/// quantisation, Chou et al. 1989). Weights of dead columns become zero. The result does not depend
/// on `threads`. Requires lambda > 0 and finite weights.
RateRounding round_to_rate(const RateProblem& problem, double lambda, unsigned threads);

/// The step of the uniform grid that round_to_rate() starts from: as lambda's square root. 0 where
/// no weight matters.
double first_step(const RateProblem& problem, double lambda);

/// The step D of a uniform quantiser at which one bit more, which divides the loss
/// curvature / 2 * D^2 / 12 of an element by four, is worth just lambda.
double uniform_step(double lambda, double curvature);

/// sum over rows of importance_o / 2 * e H e^T with e = w_o - q_o and the plain H {groups, columns,
/// columns}; the brute-force judge of tests and reports.
double quadratic_loss(std::span<const float> weights, std::span<const float> rounded,
                      std::span<const double> h, std::span<const double> importance,
                      std::size_t groups, std::size_t rows, std::size_t columns);

}  // namespace qc
