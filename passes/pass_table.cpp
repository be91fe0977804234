#include <array>

#include "passes/pass.h"

namespace qc {

std::span<const Pass> pass_table() noexcept {
  static const std::array kTable = {kPrunePass, kSharePass, kTernarizePass, kBinarizePass,
                                    kDorefaPass};
  return kTable;
}

}  // namespace qc
