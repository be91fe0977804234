#include "pipeline/shrink/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "passes/glob.h"
#include "passes/outcome.h"

namespace qc {
namespace {

// Tensors with fewer elements than this save nothing.
constexpr std::uint64_t kLeastCount = 8;

std::set<std::size_t> excluded(const OnnxModel& model, const std::vector<std::string>& globs) {
  std::set<std::size_t> tensors;
  for (const std::string& glob : globs) {
    const std::size_t before = tensors.size();
    bool matches = false;
    for (std::size_t i = 0; i < model.tensors().size(); ++i) {
      if (!glob_matches(glob, model.tensors()[i].name)) continue;
      tensors.insert(i);
      matches = true;
    }
    if (!matches && before == tensors.size()) {
      throw Error(ErrorCode::kUsage, fmt::format("--exclude {} matches no tensor", glob));
    }
  }
  return tensors;
}

}  // namespace

ShrinkPlan plan_shrink(const OnnxModel& model, const std::vector<std::string>& exclude) {
  const std::set<std::size_t> kept = excluded(model, exclude);
  ShrinkPlan plan;
  plan.layers = find_layers(model, kept);
  std::set<std::size_t> biases;
  for (const WeightLayer& layer : plan.layers) {
    if (layer.bias) biases.insert(*layer.bias);
  }
  const auto leave = [&](const TensorInfo& tensor, std::string reason) {
    plan.left.push_back({tensor.name, tensor.count(), std::move(reason)});
  };
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (!is_value_type(tensor.type) || biases.contains(i)) continue;
    if (std::ranges::find(plan.layers, i, &WeightLayer::tensor) != plan.layers.end()) continue;
    if (kept.contains(i)) {
      leave(tensor, "excluded");
    } else if (!tensor.has_values()) {
      leave(tensor, "its values cannot be overwritten in place");
    } else if (!load_finite(model, tensor)) {
      leave(tensor, std::string(kNotFinite));
    } else if (tensor.role == Role::kOther || tensor.count() < kLeastCount) {
      leave(tensor, tensor.role == Role::kOther ? "no weight" : "too few elements");
    } else {
      plan.singles.push_back(i);
    }
  }
  if (plan.layers.empty() && plan.singles.empty()) {
    throw Error(ErrorCode::kUnsupported, "the model has no float weights that can be rounded");
  }
  return plan;
}

}  // namespace qc
