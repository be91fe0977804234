// The report as an HTML page: made of a container and, where there is one, of what was done.
#pragma once

#include <filesystem>

#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/read/qc_reader.h"
#include "pipeline/runner.h"
#include "report/html_report.h"
#include "system/file.h"

namespace qc {

/// The page of a container, with pictures of its largest weights; those of a tensor with the same
/// name, type and shape in `before`, unless that is null, beside them.
HtmlReport html_report_of(const QcReader& reader, Breakdown breakdown, const OnnxModel* before);

/// The steps of a pipeline for the page.
void add_steps(const PipelineReport& pipeline, HtmlReport& report);

/// Writes the page.
void write_html(const HtmlReport& report, const std::filesystem::path& path, Overwrite overwrite);

}  // namespace qc
