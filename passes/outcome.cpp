#include "passes/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/float_types.h"
#include "passes/kernels/radix_sort.h"

namespace qc {
namespace {

template <typename Bits>
std::uint64_t count_distinct(ByteView payload) {
  std::vector<Bits> patterns(payload.size() / sizeof(Bits));
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    patterns[i] = load_le<Bits>(payload.data() + i * sizeof(Bits));
  }
  radix_sort(patterns);
  const auto repeated = std::unique(patterns.begin(), patterns.end());
  return static_cast<std::uint64_t>(repeated - patterns.begin());
}

std::uint64_t distinct_patterns(DataType type, ByteView payload) {
  switch (data_type_bits(type)) {
    case 16:
      return count_distinct<std::uint16_t>(payload);
    case 32:
      return count_distinct<std::uint32_t>(payload);
    default:
      return count_distinct<std::uint64_t>(payload);
  }
}

}  // namespace

std::optional<std::vector<float>> load_finite(const OnnxModel& model, const TensorInfo& tensor) {
  std::vector<float> values = load_floats(tensor.type, model.payload(tensor));
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
    return std::nullopt;
  }
  return values;
}

TensorReport measure(const OnnxModel& model, const TensorInfo& tensor, ByteView after) {
  const std::vector<float> old_values = load_floats(tensor.type, model.payload(tensor));
  const std::vector<float> new_values = load_floats(tensor.type, after);
  TensorReport report;
  report.name = tensor.name;
  report.op = tensor.op;
  report.dims = tensor.dims;
  report.count = old_values.size();
  double squares = 0;
  for (std::size_t i = 0; i < old_values.size(); ++i) {
    if (old_values[i] != 0) ++report.nonzero_before;
    if (new_values[i] != 0) ++report.nonzero_after;
    const double change = static_cast<double>(new_values[i]) - static_cast<double>(old_values[i]);
    squares += change * change;
    report.max_error = std::max(report.max_error, std::fabs(change));
  }
  if (report.count > 0) report.rmse = std::sqrt(squares / static_cast<double>(report.count));
  report.distinct_after = distinct_patterns(tensor.type, after);
  return report;
}

PassReport collect(const OnnxModel& model, Selection selection, std::vector<Outcome> outcomes,
                   PayloadEdits& edits) {
  PassReport report;
  for (Outcome& outcome : outcomes) {
    if (!outcome.skip_reason.empty()) {
      selection.skip(outcome.tensor, std::move(outcome.skip_reason));
      continue;
    }
    if (outcome.report.nonzero_before > 0 && outcome.report.nonzero_after == 0) {
      report.notes.push_back(fmt::format("{}: every value is zero now", outcome.report.name));
    }
    if (!std::ranges::equal(outcome.payload, model.payload(model.tensors()[outcome.tensor]))) {
      edits[outcome.tensor] = std::move(outcome.payload);
    }
    report.changed.push_back(std::move(outcome.report));
  }
  report.skipped = selection.skipped();
  return report;
}

}  // namespace qc
