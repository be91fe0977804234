#include <array>
#include <utility>

#include "passes/pass.h"

namespace qc {

std::span<const Pass> pass_table() noexcept {
  static const std::array kTable = {kPrunePass,    kSharePass,  kTernarizePass,
                                    kBinarizePass, kDorefaPass, kTidyPass};
  return kTable;
}

PassResult apply_pass(const Pass& pass, const OnnxModel& input, const Params& params,
                      const PassContext& context) {
  PassReport graph;
  PassResult result;
  if (pass.rewrite != nullptr) result.rewritten = pass.rewrite(input, params, graph);
  result.report = pass.run(result.base(input), params, context, result.edits);
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(graph.cleanups, result.report.cleanups);
  result.report.cleanups = std::move(graph.cleanups);
  append(result.report.notes, graph.notes);
  return result;
}

}  // namespace qc
