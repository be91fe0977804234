// Products of two constants, as masks leave them: PyTorch's pruning keeps weight_orig and
// weight_mask and multiplies them each time the network runs.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

/// A Mul node of the main graph whose inputs are both constant.
struct ConstantProduct {
  std::string output;                  ///< the value it makes
  std::array<std::string, 2> factors;  ///< values that it reads
  /// Where these come from, behind Identity and Cast: initializers, Constants, earlier products.
  std::array<std::string, 2> sources;
  HostTensor value;
};

/// The products of float32 and float16 constants that are no larger than their larger
/// factor and no output of the graph, in the order of execution. A tensor that is listed as an
/// input too is no constant: who runs the network may replace it. Each product is rounded once, as
/// Mul gives it.
std::vector<ConstantProduct> compute_constant_products(const OnnxModel& model);

/// Indices into OnnxModel::tensors() of the factors of all products.
std::vector<std::size_t> product_factors(const OnnxModel& model);

}  // namespace qc
