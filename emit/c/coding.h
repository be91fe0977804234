// The weights of layers in the forms that cost least.
#pragma once

#include <cstddef>

#include "emit/c/plan.h"
#include "emit/c/weights.h"

namespace qc::c {

class Planner;

/// The form of a group's weights.
ChosenForm form_of(const Product& product, std::size_t group, Goal goal, std::string_view only);

/// Codes the weights of all products that steps call, and resolves what depends on their forms.
void code_products(Planner& planner);

}  // namespace qc::c
