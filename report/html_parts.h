// Pieces of the report: escaped text and pictures.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/html_report.h"

namespace qc {

/// Text for HTML, in elements and attributes. What is no UTF-8 or a control character becomes
/// U+FFFD.
std::string escaped(std::string_view text);

/// Bars, and the outline of another histogram of the same limit.
std::string histogram_svg(const Histogram& histogram, const std::optional<Histogram>& before,
                          std::string_view name);

/// An image whose text for those who do not see it is `about`.
std::string pattern_image(const SparsityPattern& pattern, std::string_view about);

/// Scores against bytes; empty where fewer than two steps have a score.
std::string curve_svg(const std::vector<ReportStep>& steps, std::string_view score_name);

}  // namespace qc
