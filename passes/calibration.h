// What calibration samples tell of the weights: the statistics of their inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// Moments of the columns y that the matrices of a weight tensor (MatrixForm) are multiplied with,
/// over all samples, positions and uses of the tensor. Where the network is compared with a
/// reference, x are the columns that the same products have there.
struct Moments {
  std::uint64_t count = 0;  ///< of columns, for each group
  std::size_t groups = 0;
  std::size_t columns = 0;  ///< of a matrix
  bool is_table = false;    ///< a column is seen alone: `second` is a diagonal
  std::vector<double>
      second;                 ///< E[y y^T] {groups, columns, columns}; of a table {groups, columns}
  std::vector<double> mean;   ///< E[y] {groups, columns}
  std::vector<double> cross;  ///< E[x y^T] like `second`; empty: there is no reference, x = y
  std::vector<double> reference_mean;  ///< E[x]; empty likewise

  /// Sum of the diagonals of E[y y^T].
  double trace() const;
};

/// Samples for a network, and what runs it.
class CalibrationSource {
 public:
  CalibrationSource() = default;
  virtual ~CalibrationSource() = default;
  CalibrationSource(const CalibrationSource&) = delete;
  CalibrationSource& operator=(const CalibrationSource&) = delete;

  /// Visits weight tensors of `model` that products of the main graph use, in the order of the
  /// graph, with the moments of one at a time; tensors that nothing multiplies are passed over.
  /// What `visit` returns replaces payloads for the layers that follow, so that these see what is
  /// left of the ones before. Throws Error as running the network does.
  virtual void visit(
      const OnnxModel& model, std::span<const std::size_t> tensors,
      const std::function<PayloadEdits(std::size_t tensor, const Moments& moments)>& visit) = 0;

  /// Mean squares of the gradients of the network's loss over the samples, for the elements of
  /// tensors of `model`; those without gradients are left out. Throws Error as running the network
  /// does; kUsage where there is no network to run.
  virtual std::map<std::size_t, std::vector<float>> gradient_squares(
      const OnnxModel& model, std::span<const std::size_t> tensors) = 0;
};

/// The moments of weight tensors, by their index into OnnxModel::tensors().
using Calibration = std::map<std::size_t, Moments>;

}  // namespace qc
