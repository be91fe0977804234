// How to train, as parameters: flags of commands and keys of recipes alike.
#pragma once

#include <span>

#include "engine/engine.h"
#include "passes/params.h"

namespace qc {

/// --epochs, --batch, --optimizer, --lr, ... with their defaults.
std::span<const ParamSpec> train_params() noexcept;

/// The options that parameters stand for; those not given have their defaults.
TrainOptions train_options(const Params& params);

/// Fraction of the training samples that is held out for validation.
double validation_fraction(const Params& params);

}  // namespace qc
