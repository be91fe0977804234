// A page that shows where the bytes of a model go: one file, without scripts, that asks for nothing
// over the network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/breakdown.h"
#include "report/tensor_picture.h"

namespace qc {

/// What the values of a tensor look like.
struct TensorPage {
  std::size_t tensor = 0;  ///< of Breakdown::tensors
  Histogram histogram;
  std::optional<Histogram> before;  ///< of the same tensor in the model that it was made from
  SparsityPattern pattern;
};

/// A step of a pipeline, or another model to compare with.
struct ReportStep {
  std::string label;
  std::uint64_t bytes = 0;  ///< packed
  double kept = 1;          ///< share of the weights that are not zero
  std::string score;        ///< as text, with its unit; empty where none was measured
  std::optional<double> value;
  bool is_kept = true;  ///< false: the model before was kept
};

struct HtmlReport {
  std::string title;
  std::vector<std::string> facts;  ///< a line each, under the title
  Breakdown breakdown;
  std::vector<TensorPage> pages;   ///< of the tensors to show
  std::vector<ReportStep> steps;   ///< may be empty
  std::string score_name;          ///< of the scores of the steps
  std::vector<std::string> notes;  ///< warnings
};

/// The page in HTML. Every text is escaped.
std::string html_report(const HtmlReport& report);

}  // namespace qc
