#include "emit/c/operators.h"

namespace qc::c {

std::span<const OperatorRow> operator_rows() {
  static const std::vector<OperatorRow> kAll = [] {
    std::vector<OperatorRow> all;
    for (const auto rows : {elementwise_operators(), binary_operators(), layer_operators(),
                            pooling_operators(), movement_operators(), indexing_operators(),
                            reduction_operators(), normalization_operators(),
                            quantization_operators(), recurrent_operators(), resize_operators()}) {
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }();
  return kAll;
}

}  // namespace qc::c
