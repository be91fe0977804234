#include "passes/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "codecs/encode/analysis.h"
#include "codecs/shared/element.h"
#include "core/float_types.h"
#include "passes/kernels/radix_sort.h"

namespace qc {
namespace {

// Elements compared at a time.
constexpr std::size_t kMeasured = 4096;

template <typename Bits>
std::uint64_t sorted_distinct(ByteView payload) {
  std::vector<Bits> patterns;
  patterns.reserve(payload.size() / sizeof(Bits));
  bool has_zero = false;
  for (std::size_t at = 0; at < payload.size(); at += sizeof(Bits)) {
    const auto pattern = load_le<Bits>(payload.data() + at);
    has_zero |= pattern == 0;
    if (pattern != 0) patterns.push_back(pattern);
  }
  radix_sort(patterns);
  const auto repeated = std::unique(patterns.begin(), patterns.end());
  return static_cast<std::uint64_t>(repeated - patterns.begin()) + (has_zero ? 1 : 0);
}

std::uint64_t distinct_patterns(DataType type, ByteView payload) {
  // Few are counted faster than sorted.
  constexpr std::size_t kFew = 4096;
  const Element element = element_of(type);
  if (const auto few = count_distinct({payload, element, {}}, kFew)) return few->size();
  return with_width(element.width, [&]<typename Bits>() { return sorted_distinct<Bits>(payload); });
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
  const ByteView before = model.payload(tensor);
  const std::size_t step = kMeasured * element_of(tensor.type).width;
  TensorReport report;
  report.name = tensor.name;
  report.op = tensor.op;
  report.dims = tensor.dims;
  double squares = 0;
  for (std::size_t at = 0; at < before.size(); at += step) {
    const std::size_t size = std::min(step, before.size() - at);
    const std::vector<float> old_values = load_floats(tensor.type, before.subspan(at, size));
    const std::vector<float> new_values = load_floats(tensor.type, after.subspan(at, size));
    report.count += old_values.size();
    for (std::size_t i = 0; i < old_values.size(); ++i) {
      if (old_values[i] != 0) ++report.nonzero_before;
      if (new_values[i] != 0) ++report.nonzero_after;
      const double change = static_cast<double>(new_values[i]) - static_cast<double>(old_values[i]);
      squares += change * change;
      report.max_error = std::max(report.max_error, std::fabs(change));
    }
  }
  if (report.count > 0) report.rmse = std::sqrt(squares / static_cast<double>(report.count));
  report.distinct_after = distinct_patterns(tensor.type, after);
  return report;
}

PassReport collect(const OnnxModel& model, Selection selection, std::vector<Outcome> outcomes,
                   PayloadEdits& edits) {
  PassReport report;
  report.notes = selection.notes();
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
