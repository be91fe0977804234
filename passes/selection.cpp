#include "passes/selection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "core/error.h"
#include "passes/constant_products.h"
#include "passes/glob.h"

namespace qc {
namespace {

// Why a tensor is no weight whose values a pass can overwrite; empty when it is one.
std::string reason_against(const TensorInfo& tensor) {
  if (!is_value_type(tensor.type)) {
    return fmt::format("{}, not float", data_type_name(tensor.type));
  }
  switch (tensor.role) {
    case Role::kBias:
      return "bias";
    case Role::kNorm:
      return "norm parameter";
    case Role::kOther:
      return tensor.op.empty() ? "not consumed as a weight by any operator"
                               : fmt::format("used by {}, but not as a weight", tensor.op);
    case Role::kWeight:
      break;
  }
  if (tensor.dims.empty()) return "scalar";
  if (tensor.dims.size() < 2) return "1 dimension";
  if (tensor.count() == 0) return "empty";
  if (tensor.has_values()) return "";
  return tensor.storage == Storage::kVarints ? "stored as varints"
                                             : "its data does not agree with its shape";
}

// Its dimensions tell a weight from scales and zero points, its few bits from indices and biases.
bool is_quantised_weight(const TensorInfo& tensor) {
  const unsigned bits = data_type_bits(tensor.type);
  return bits > 0 && bits <= 16 && !is_value_type(tensor.type) && tensor.dims.size() >= 2 &&
         (tensor.role == Role::kWeight || tensor.op == "DequantizeLinear");
}

}  // namespace

Selection::Selection(const OnnxModel& model, const Params& params, std::string_view verb)
    : model_(model), verb_(verb) {
  for (const TensorInfo& tensor : model.tensors()) reasons_.push_back(reason_against(tensor));
  explain_products();
  skip_repeated_data();
  if (chosen().empty()) throw_nothing_to_do();

  const std::vector<std::string> includes = params.list(kIncludeParam.name);
  std::set<std::size_t> included;
  for (const std::string& pattern : includes) {
    for (const std::size_t tensor : matching(kIncludeParam.name, pattern)) included.insert(tensor);
  }
  std::set<std::size_t> excluded;
  for (const std::string& pattern : params.list(kExcludeParam.name)) {
    for (const std::size_t tensor : all_matching(kExcludeParam.name, pattern)) {
      excluded.insert(tensor);
    }
  }
  for (const std::size_t tensor : chosen()) {
    if (excluded.contains(tensor)) {
      skip(tensor, "excluded");
    } else if (!includes.empty() && !included.contains(tensor)) {
      skip(tensor, "not included");
    }
  }
  if (chosen().empty()) {
    throw Error(ErrorCode::kUsage, fmt::format("--{} and --{} leave nothing to {}",
                                               kIncludeParam.name, kExcludeParam.name, verb));
  }
}

std::vector<std::size_t> Selection::chosen() const {
  std::vector<std::size_t> tensors;
  for (std::size_t i = 0; i < reasons_.size(); ++i) {
    if (reasons_[i].empty()) tensors.push_back(i);
  }
  return tensors;
}

std::vector<std::size_t> Selection::matching(std::string_view flag,
                                             const std::string& pattern) const {
  const std::vector<std::size_t> matches = all_matching(flag, pattern);
  std::vector<std::size_t> tensors;
  std::ranges::copy_if(matches, std::back_inserter(tensors),
                       [&](std::size_t tensor) { return reasons_[tensor].empty(); });
  if (tensors.empty()) {
    throw Error(ErrorCode::kUsage, fmt::format("--{}: '{}' matches nothing to {}: {}", flag,
                                               pattern, verb_, explained(matches)));
  }
  return tensors;
}

// External data may be shared by several tensors; it is changed once.
void Selection::skip_repeated_data() {
  std::map<std::pair<std::size_t, std::uint64_t>, std::string> seen;
  for (const std::size_t i : chosen()) {
    const TensorInfo& tensor = model_.tensors()[i];
    const auto [first, added] = seen.try_emplace({tensor.file, tensor.offset}, tensor.name);
    if (!added) skip(i, fmt::format("same data as {}", first->second));
  }
}

// Weights that are multiplied with a mask in the graph.
void Selection::explain_products() {
  const bool possible = std::ranges::any_of(model_.tensors(), [](const TensorInfo& tensor) {
    return tensor.role == Role::kOther && tensor.op == "Mul" && tensor.dims.size() >= 2;
  });
  if (!possible) return;
  for (const std::size_t tensor : product_factors(model_)) {
    if (model_.tensors()[tensor].dims.size() < 2 || reasons_[tensor].empty()) continue;
    reasons_[tensor] = "factor of a product (Mul)";
    has_products_ = true;
  }
}

std::vector<std::string> Selection::notes() const {
  if (!has_products_) return {};
  return {
      "weights that are products of two tensors (Mul) are left alone; qcompress tidy folds them"};
}

std::vector<SkippedTensor> Selection::skipped() const {
  std::vector<SkippedTensor> tensors;
  for (std::size_t i = 0; i < reasons_.size(); ++i) {
    const TensorInfo& tensor = model_.tensors()[i];
    if (reasons_[i].empty() || !is_value_type(tensor.type)) continue;
    tensors.push_back({tensor.name, tensor.count(), reasons_[i]});
  }
  return tensors;
}

// The tensors a pattern matches, selectable or not; throws when there are none.
std::vector<std::size_t> Selection::all_matching(std::string_view flag,
                                                 const std::string& pattern) const {
  std::vector<std::size_t> tensors;
  for (std::size_t i = 0; i < reasons_.size(); ++i) {
    if (glob_matches(pattern, model_.tensors()[i].name)) tensors.push_back(i);
  }
  if (tensors.empty()) throw_no_match(flag, pattern);
  return tensors;
}

void Selection::throw_no_match(std::string_view flag, const std::string& pattern) const {
  std::vector<std::string> names;
  for (const std::size_t tensor : chosen()) names.push_back(model_.tensors()[tensor].name);
  throw Error(ErrorCode::kUsage, fmt::format("--{}: no tensor matches '{}'; {}", flag, pattern,
                                             names_hint(pattern, names)));
}

void Selection::throw_nothing_to_do() const {
  std::set<std::string> quantised;
  std::vector<std::size_t> floats;
  for (std::size_t i = 0; i < reasons_.size(); ++i) {
    const TensorInfo& tensor = model_.tensors()[i];
    if (is_value_type(tensor.type)) floats.push_back(i);
    if (is_quantised_weight(tensor)) quantised.insert(data_type_name(tensor.type));
  }
  std::string why = "the model holds no float tensors";
  if (!quantised.empty()) {
    why = fmt::format("the weights are {} (already quantised)", fmt::join(quantised, ", "));
  } else if (has_products_) {
    why = "the weights are products of two tensors (Mul); `qcompress tidy` folds them";
  } else if (!floats.empty()) {
    why = explained(floats);
  }
  throw Error(ErrorCode::kUnsupported, fmt::format("no float weights to {}: {}", verb_, why));
}

// "conv1.bias (bias), bn.scale (norm parameter) and 4 more".
std::string Selection::explained(const std::vector<std::size_t>& tensors) const {
  std::vector<std::string> shown;
  shown.reserve(tensors.size());
  for (const std::size_t tensor : tensors) {
    shown.push_back(fmt::format("{} ({})", model_.tensors()[tensor].name, reasons_[tensor]));
  }
  return short_list(shown);
}

}  // namespace qc
