#include <array>
#include <iterator>
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
  if (pass.rewrite != nullptr) result.rewritten = pass.rewrite(input, params, context, graph);
  result.report = pass.run(result.base(input), params, context, result.edits);
  const auto put_before = [](auto& all, auto& first) {
    all.insert(all.begin(), std::make_move_iterator(first.begin()),
               std::make_move_iterator(first.end()));
  };
  put_before(result.report.changed, graph.changed);
  put_before(result.report.skipped, graph.skipped);
  put_before(result.report.cleanups, graph.cleanups);
  result.report.channels = std::move(graph.channels);
  result.report.notes.insert(result.report.notes.end(), graph.notes.begin(), graph.notes.end());
  return result;
}

}  // namespace qc
