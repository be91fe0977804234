#include "cli/html_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "formats/packed/packed_tensors.h"
#include "pipeline/score.h"
#include "system/atomic_file.h"

namespace qc {
namespace {

// A page with more of them helps nobody.
constexpr std::size_t kMostPictures = 48;

// The weights to show, in the order of the model: the largest in the file.
std::vector<std::size_t> shown(const Breakdown& breakdown) {
  std::vector<std::size_t> weights;
  for (std::size_t i = 0; i < breakdown.tensors.size(); ++i) {
    const TensorBreakdown& line = breakdown.tensors[i];
    const bool is_shown = line.tensor.role == Role::kWeight && line.tensor.has_values() &&
                          line.tensor.count() > 0 && line.measured;
    if (is_shown) weights.push_back(i);
  }
  std::ranges::stable_sort(weights, [&](std::size_t a, std::size_t b) {
    return breakdown.tensors[a].stored_bytes > breakdown.tensors[b].stored_bytes;
  });
  weights.resize(std::min(weights.size(), kMostPictures));
  std::ranges::sort(weights);
  return weights;
}

const TensorInfo* same_tensor(const OnnxModel& model, const TensorInfo& wanted) {
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.name == wanted.name && tensor.type == wanted.type && tensor.dims == wanted.dims &&
        tensor.elements) {
      return &tensor;
    }
  }
  return nullptr;
}

TensorPage page_of(const QcReader& reader, const Breakdown& breakdown, std::size_t index,
                   const OnnxModel* before) {
  const TensorInfo& tensor = breakdown.tensors[index].tensor;
  const Bytes elements = packed_elements(reader, tensor);
  const TensorInfo* earlier = before != nullptr ? same_tensor(*before, tensor) : nullptr;
  double limit = largest_magnitude(tensor.type, elements);
  if (earlier != nullptr) {
    limit = std::max(limit, largest_magnitude(tensor.type, before->payload(*earlier)));
  }
  if (limit == 0) limit = 1;
  TensorPage page{.tensor = index,
                  .histogram = histogram_of(tensor.type, elements, limit),
                  .before = std::nullopt,
                  .pattern = sparsity_pattern(tensor, elements)};
  if (earlier != nullptr) {
    page.before = histogram_of(tensor.type, before->payload(*earlier), limit);
  }
  return page;
}

}  // namespace

HtmlReport html_report_of(const QcReader& reader, Breakdown breakdown, const OnnxModel* before) {
  HtmlReport report;
  report.facts.emplace_back(fmt::format("packed by {}", reader.writer()));
  for (const std::size_t index : shown(breakdown)) {
    report.pages.push_back(page_of(reader, breakdown, index, before));
  }
  report.breakdown = std::move(breakdown);
  return report;
}

void add_steps(const PipelineReport& pipeline, HtmlReport& report) {
  const auto add = [&](std::string label, std::uint64_t bytes, double kept,
                       const std::optional<Score>& score, bool is_kept) {
    ReportStep step{.label = std::move(label),
                    .bytes = bytes,
                    .kept = kept,
                    .score = score ? score_text(*score) : "",
                    .value = std::nullopt,
                    .is_kept = is_kept};
    if (score) {
      step.value = score->higher_is_better ? score->value : -score->value;
      report.score_name = "held-out " + score->metric;
    }
    report.steps.push_back(std::move(step));
  };
  if (pipeline.validation_before) {
    add("start", pipeline.original_bytes, 1, pipeline.validation_before, true);
  }
  for (const StepReport& step : pipeline.steps) {
    const double kept = step.weights == 0
                            ? 1
                            : static_cast<double>(step.nonzero) / static_cast<double>(step.weights);
    add(step_label(step), step.packed_bytes, kept, step.validation, step.kept);
  }
}

void write_html(const HtmlReport& report, const std::filesystem::path& path, Overwrite overwrite) {
  const std::string page = html_report(report);
  AtomicFile file(path, overwrite);
  file.write(as_bytes(page));
  file.commit();
}

}  // namespace qc
