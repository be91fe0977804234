#include "passes/calibration.h"

namespace qc {

double Moments::trace() const {
  double sum = 0;
  const std::size_t step = is_table ? 1 : columns + 1;
  const std::size_t size = is_table ? columns : columns * columns;
  for (std::size_t group = 0; group < groups; ++group) {
    for (std::size_t i = 0; i < columns; ++i) sum += second[group * size + i * step];
  }
  return sum;
}

}  // namespace qc
