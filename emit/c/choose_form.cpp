// All forms, and the one for a matrix.
#include <tuple>
#include <utility>

#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

// In the order of preference where costs are equal. Dense is first: it always applies.
const WeightForm kForms[] = {kDenseForm,   kSparse16Form, kSparseForm, kSparseRiceForm, kBinaryForm,
                             kTernaryForm, kLevelsForm,   kXnorForm,   kCodebookForm,   kRadixForm};

bool is_cheaper(const CodedWeights& a, const CodedWeights& b, Goal goal) {
  const auto cost = [goal](const CodedWeights& coded) {
    return goal == Goal::kSize ? std::tuple(coded.flash, coded.time)
                               : std::tuple(coded.time, coded.flash);
  };
  return cost(a) < cost(b);
}

}  // namespace

std::span<const WeightForm> weight_forms() { return kForms; }

ChosenForm choose_form(const WeightMatrix& weights, Goal goal, std::string_view only) {
  ChosenForm best;
  bool found = false;
  const auto offer = [&](const WeightForm& form, const TileForm* tiles,
                         std::optional<CodedWeights> coded) {
    if (!coded || (found && !is_cheaper(*coded, best.weights, goal))) return;
    best = {&form, std::move(*coded), tiles};
    found = true;
  };
  for (const WeightForm& form : kForms) {
    if (!only.empty() && form.name != only) continue;
    offer(form, nullptr, form.encode(weights));
    if (form.tiles != nullptr && weights.tiles != nullptr) {
      offer(form, form.tiles, form.tiles->encode(weights));
    }
  }
  if (!found) offer(kForms[0], nullptr, kForms[0].encode(weights));
  return best;
}

}  // namespace qc::c
