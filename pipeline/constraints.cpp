#include "pipeline/constraints.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "core/float_types.h"
#include "core/zeros.h"

namespace qc {
namespace {

struct SharedWeights {
  Constraint constraint;
  std::size_t nonzero = 0;
  std::size_t distinct = 0;  // of the nonzero ones
};

SharedWeights shared_weights(std::size_t tensor, const std::vector<float>& values) {
  SharedWeights result{{tensor, {}, true}};
  result.constraint.groups.reserve(values.size());
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  for (const float value : values) {
    if (value == 0) {
      result.constraint.groups.push_back(0);
      continue;
    }
    const auto next = static_cast<std::uint32_t>(numbers.size() + 1);
    const auto number = numbers.try_emplace(std::bit_cast<std::uint32_t>(value), next).first;
    result.constraint.groups.push_back(number->second);
    ++result.nonzero;
  }
  result.distinct = numbers.size();
  return result;
}

Constraint zero_constraint(std::size_t tensor, const std::vector<float>& values) {
  Constraint constraint{tensor, {}, false};
  constraint.groups.reserve(values.size());
  for (const float value : values) constraint.groups.push_back(value == 0 ? 0 : 1);
  return constraint;
}

void give_form(DataType type, const Constraint& constraint, MutableBytes payload) {
  std::vector<float> values = load_floats(type, payload);
  if (has_form(*constraint.form, values, constraint.channels, type)) return;
  apply_form(*constraint.form, values, constraint.channels, std::nullopt, values);
  store_floats(type, values, payload);
}

Violation enforce_one(DataType type, const Constraint& constraint, MutableBytes payload) {
  Violation violation;
  const std::vector<float> values = load_floats(type, payload);
  if (constraint.groups.empty()) return violation;
  const std::uint32_t groups = *std::ranges::max_element(constraint.groups);
  struct Group {
    double sum = 0;
    std::uint64_t count = 0;
    float first = 0;
    bool split = false;
  };
  std::vector<Group> found(constraint.shared ? groups + 1 : 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t number = constraint.groups[i];
    if (number == 0) {
      if (values[i] != 0) ++violation.revived;
      store_value(type, payload, i, 0);
      continue;
    }
    if (!constraint.shared) continue;
    Group& group = found[number];
    if (group.count++ == 0) group.first = values[i];
    group.sum += static_cast<double>(values[i]);
    if (values[i] != group.first) {
      group.split = true;
      ++violation.split;
    }
  }
  if (violation.split == 0) return violation;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t number = constraint.groups[i];
    if (number == 0 || !found[number].split) continue;
    store_value(type, payload, i, found[number].sum / static_cast<double>(found[number].count));
  }
  return violation;
}

}  // namespace

std::vector<Constraint> find_constraints(const OnnxModel& model, Keep keep) {
  std::vector<Constraint> found;
  if (keep == Keep::kNothing) return found;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (tensor.role != Role::kWeight || !tensor.has_values()) continue;
    const std::vector<float> values = load_floats(tensor.type, model.payload(tensor));
    if (keep != Keep::kZeros) {
      SharedWeights shared = shared_weights(i, values);
      const bool any_equal = shared.distinct < shared.nonzero;
      if ((keep == Keep::kShared && any_equal) || 2 * shared.distinct <= shared.nonzero) {
        found.push_back(std::move(shared.constraint));
        continue;
      }
    }
    if (std::ranges::find(values, 0.0F) != values.end())
      found.push_back(zero_constraint(i, values));
  }
  return found;
}

std::vector<Constraint> form_constraints(const OnnxModel& model,
                                         const std::vector<FormedTensor>& formed) {
  std::vector<Constraint> constraints;
  for (const auto& [index, form] : formed) {
    const TensorInfo& tensor = model.tensors()[index];
    Constraint constraint{.tensor = index};
    const bool has_zeros = form.kind == FormKind::kTernary || form.kind == FormKind::kFiveLevels;
    if (has_zeros) {
      const std::vector<float> values = load_floats(tensor.type, model.payload(tensor));
      constraint = zero_constraint(index, values);
    }
    constraint.form = form;
    constraint.channels = channel_map(tensor.dims, tensor.channel_axis);
    constraints.push_back(std::move(constraint));
  }
  return constraints;
}

std::vector<Violation> enforce(const OnnxModel& model, const std::vector<Constraint>& constraints,
                               PayloadEdits& values) {
  std::vector<Violation> violations;
  for (const Constraint& constraint : constraints) {
    const TensorInfo& tensor = model.tensors()[constraint.tensor];
    auto edit = values.find(constraint.tensor);
    if (edit == values.end()) {
      if (!constraint.form) continue;
      const ByteView payload = model.payload(tensor);
      edit = values.emplace(constraint.tensor, Bytes(payload.begin(), payload.end())).first;
    }
    if (constraint.form) give_form(tensor.type, constraint, edit->second);
    Violation violation = enforce_one(tensor.type, constraint, edit->second);
    violation.tensor = tensor.name;
    if (violation.revived > 0 || violation.split > 0) violations.push_back(std::move(violation));
  }
  for (auto& [index, payload] : values) {
    const TensorInfo& tensor = model.tensors()[index];
    if (tensor.has_values()) make_zeros_positive(tensor.type, payload);
  }
  return violations;
}

}  // namespace qc
