// Comparisons and logic.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

using Function = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

template <Function Compare>
Values compare(const OpContext& op) {
  require_same_type(op, op.in(0), op.in(1));
  return {Compare(op.in(0), second_operand(op))};
}

template <Function Combine>
Values combine(const OpContext& op) {
  if (op.in(0).scalar_type() != at::kBool || op.in(1).scalar_type() != at::kBool) {
    op.refuse("of other types than bool");
  }
  return {Combine(op.in(0), second_operand(op))};
}

Values logical_not(const OpContext& op) {
  if (op.in(0).scalar_type() != at::kBool) op.refuse("of other types than bool");
  return {at::logical_not(op.in(0))};
}

Values where(const OpContext& op) {
  if (op.in(0).scalar_type() != at::kBool) op.refuse("its condition is not of type bool");
  require_same_type(op, op.in(1), op.in(2));
  return {at::where(op.in(0), op.in(1), op.in(2))};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Equal", 1, compare<at::eq>},
    {"Greater", 1, compare<at::gt>},
    {"Less", 1, compare<at::lt>},
    {"GreaterOrEqual", 12, compare<at::ge>},
    {"LessOrEqual", 12, compare<at::le>},
    {"And", 1, combine<at::logical_and>},
    {"Or", 1, combine<at::logical_or>},
    {"Xor", 1, combine<at::logical_xor>},
    {"Not", 1, logical_not},
    {"Where", 9, where},
});

}  // namespace

std::span<const Operator> comparison_operators() { return kOperators; }

}  // namespace qc::torch_engine
