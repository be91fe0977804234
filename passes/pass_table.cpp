#include <array>

#include "passes/pass.h"

namespace qc {

std::span<const Pass> pass_table() noexcept {
  static const std::array kTable = {kPrunePass, kSharePass, kTernarizePass, kBinarizePass,
                                    kDorefaPass};
  return kTable;
}

PassResult apply_pass(const Pass& pass, const OnnxModel& input, const Params& params,
                      unsigned threads) {
  std::vector<std::string> notes;
  PassResult result;
  if (pass.rewrite != nullptr) result.rewritten = pass.rewrite(input, params, notes);
  result.report = pass.run(result.base(input), params, threads, result.edits);
  result.report.notes.insert(result.report.notes.end(), notes.begin(), notes.end());
  return result;
}

}  // namespace qc
