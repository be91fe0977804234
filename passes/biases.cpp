#include "passes/biases.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "core/float_types.h"
#include "core/zeros.h"
#include "passes/glob.h"
#include "passes/selection.h"

namespace qc {
namespace {

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
  return std::ranges::any_of(patterns,
                             [&](const std::string& each) { return glob_matches(each, name); });
}

}  // namespace

std::vector<FormedTensor> bias_forms(const OnnxModel& model, const Params& params) {
  const auto bits = params.integer(kBiasesParam.name);
  if (!bits) return {};
  const std::vector<std::string> includes = params.list(kIncludeParam.name);
  const std::vector<std::string> excludes = params.list(kExcludeParam.name);
  WeightForm form;
  form.kind = FormKind::kMantissa;
  form.scope = ScaleScope::kNone;
  form.bits = static_cast<int>(*bits);
  std::set<std::pair<std::size_t, std::uint64_t>> places;
  std::vector<FormedTensor> biases;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    const bool bias = tensor.role == Role::kBias || tensor.role == Role::kNorm;
    if (!bias || !tensor.has_values() || tensor.count() == 0) continue;
    if (!includes.empty() && !matches_any(includes, tensor.name)) continue;
    if (matches_any(excludes, tensor.name)) continue;
    if (!places.emplace(tensor.file, tensor.offset).second) continue;
    if (load_finite(model, tensor)) biases.push_back({i, form});
  }
  return biases;
}

Outcome shorten_bias(const OnnxModel& model, const FormedTensor& bias, ByteView payload) {
  const TensorInfo& tensor = model.tensors()[bias.tensor];
  Outcome outcome;
  outcome.tensor = bias.tensor;
  const std::vector<float> values = load_floats(tensor.type, payload);
  std::vector<float> rounded(values.size());
  apply_form(bias.form, values, {}, std::nullopt, rounded);
  outcome.payload.assign(payload.begin(), payload.end());
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    const auto value = static_cast<double>(rounded[i]);
    // The largest numbers of a type may have no short ones near to them.
    if (std::isfinite(stored_value(tensor.type, value))) {
      store_value(tensor.type, outcome.payload, i, value);
    }
  }
  make_zeros_positive(tensor.type, outcome.payload);
  outcome.report = measure(model, tensor, outcome.payload);
  return outcome;
}

}  // namespace qc
