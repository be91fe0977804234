// Amounts that a list parameter gives to weights by name: --layer 'conv1*=0.3'.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>

#include "passes/params.h"
#include "passes/selection.h"

namespace qc {

/// Amounts by index into OnnxModel::tensors(); of several that match a tensor the last counts.
/// `range` says what an amount may be. Throws Error(kUsage) for text that is not NAME=AMOUNT, and
/// as Selection::matching() does.
std::map<std::size_t, double> named_amounts(const Params& params, std::string_view list,
                                            const ParamSpec& range, const Selection& selection);

}  // namespace qc
