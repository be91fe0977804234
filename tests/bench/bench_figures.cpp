// The size of pruned and shared models beside the entropy of their weights.
#include <fmt/format.h>

#include "bench.h"
#include "harness.h"
#include "size_figures.h"

namespace qc::bench {
namespace {

std::string run(const BenchOptions&) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  std::string text;
  for (const figures::SizeCase& row : figures::kSizeCases) {
    tell(fmt::format("  {}", row.name));
    text += fmt::format("{}```text\n{}```\n", text.empty() ? "" : "\n",
                        figures::describe(row, figures::measure_size(row, *shared / "models")));
  }
  return text;
}

}  // namespace

const BenchTable kFiguresTable{
    .name = "figures",
    .title = "Pruned and shared models beside their entropy",
    .about =
        "Whole `.qc` files, in bytes. *Bound* allows 1.03 times the zeroth-order entropy of each\n"
        "tensor's positions and values, codebooks and other tensors as they are, 60 bytes for "
        "every\n"
        "tensor and 1 kB; `ctest -L shared` holds the file to it.",
    .run = run,
};

}  // namespace qc::bench
