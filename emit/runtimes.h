// Which forms run where: the table of runtimes.toml.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "emit/forms.h"

namespace qc {

/// The names in the table, in their order, and "any", which stands for what all of them run.
std::vector<std::string> runtime_names();

/// Whether a form runs on a target such as "onnxruntime:1.20", "openvino" (its newest version) or
/// "any". Throws Error(kUsage) for a target that is none.
std::function<bool(const TensorForm& form)> forms_for(const std::string& target);

}  // namespace qc
