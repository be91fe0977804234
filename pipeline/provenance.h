// What a container says about how its model was made.
#pragma once

#include <map>
#include <string>

#include "pipeline/recipe.h"
#include "pipeline/runner.h"

namespace qc {

/// Metadata for a container: under "recipe" the recipe, so that the run can be repeated, and under
/// "engine" what trained, if anything (`engine` is not empty). Of a run that ended early, or whose
/// steps did, the recipe has only the steps of which something was kept, and "ran" has a line for
/// every step: how much of it is in the model.
std::map<std::string, std::string> provenance(const Recipe& recipe, const PipelineReport& report,
                                              const std::string& engine);

}  // namespace qc
