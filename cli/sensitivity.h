// qcompress prune --sensitivity: the accuracy of each layer against its rate.
#pragma once

#include <string>

#include "cli/common.h"
#include "cli/tuning.h"
#include "pipeline/step.h"

namespace qc {

/// Measures, prints the table and writes the recipe, to -o or beside the input as
/// NAME.sensitivity.toml.
void run_sensitivity(const OnnxModel& model, const std::string& input, const Step& step,
                     const TuningFlags& flags, const CommonOptions& common);

}  // namespace qc
