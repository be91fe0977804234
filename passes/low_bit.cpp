#include "passes/low_bit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "core/memory_size.h"
#include "core/random.h"
#include "core/zeros.h"
#include "graph/graph.h"
#include "passes/outcome.h"
#include "system/parallel.h"

namespace qc {
namespace {

Outcome convert(const OnnxModel& model, std::size_t index, const LowBitRequest& request) {
  const TensorInfo& tensor = model.tensors()[index];
  Outcome outcome;
  outcome.tensor = index;
  const auto values = load_finite(model, tensor);
  if (!values) {
    outcome.skip_reason = kNotFinite;
    return outcome;
  }
  std::vector<float> weights(values->size());
  apply_form(request.form, *values, channel_map(tensor.dims, tensor.channel_axis),
             stream_seed(request.seed, StreamPurpose::kLowBitWeights, index), weights);
  outcome.payload.resize(memory_size(tensor.size));
  store_floats(tensor.type, weights, outcome.payload);
  // A negative scale may be too small for the type.
  make_zeros_positive(tensor.type, outcome.payload);
  outcome.report = measure(model, tensor, outcome.payload);
  return outcome;
}

// Operators that stand between a layer and its normalisation without making up for it.
constexpr std::array<std::string_view, 8> kBetween = {"Add",         "Identity",          "MaxPool",
                                                      "AveragePool", "GlobalAveragePool", "Flatten",
                                                      "Reshape",     "Transpose"};

// The first node that reads each value.
using Users = std::unordered_map<std::string_view, const Node*>;

Users users_of(const Graph& graph) {
  Users users;
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) users.try_emplace(input, &node);
  }
  return users;
}

// True when a BatchNormalization comes behind the value that a node makes.
bool is_normalised(const Users& users, const Node& layer) {
  const Node* node = &layer;
  for (int depth = 0; node != nullptr && !node->outputs.empty() && depth < 8; ++depth) {
    const auto user = users.find(node->outputs.front());
    if (user == users.end()) return false;
    const std::string& op = user->second->op;
    if (op == "BatchNormalization") return true;
    const bool between = std::ranges::find(kBetween, op) != kBetween.end();
    node = between ? user->second : nullptr;
  }
  return false;
}

// Weights as large as 1 make sums that grow with the layer.
std::optional<std::string> note_on_scale(const OnnxModel& model,
                                         const std::vector<std::size_t>& chosen) {
  const Graph& graph = model.graph()->main;
  const auto nodes = nodes_by_number(graph);
  const Users users = users_of(graph);
  std::vector<std::string> bare;
  for (const std::size_t tensor : chosen) {
    const TensorInfo& info = model.tensors()[tensor];
    const auto node = nodes.find(info.position);
    if (node == nodes.end() || node->second->op != info.op) continue;
    if (!is_normalised(users, *node->second)) bare.push_back(info.name);
  }
  if (bare.empty()) return std::nullopt;
  constexpr std::size_t kMostNames = 5;
  const std::size_t named = std::min(bare.size(), kMostNames);
  return fmt::format(
      "weights from -1 to 1 with no BatchNormalization behind make large sums, and such layers "
      "hardly learn: {}{}",
      fmt::join(bare.begin(), bare.begin() + static_cast<std::ptrdiff_t>(named), ", "),
      named < bare.size() ? fmt::format(" and {} more", bare.size() - named) : "");
}

bool has_unit_scale(const WeightForm& form) {
  return form.kind == FormKind::kDorefa ? form.bits > 1 : form.scope == ScaleScope::kNone;
}

}  // namespace

Selection select_low_bit(const OnnxModel& model, const Params& params,
                         const LowBitRequest& request) {
  Selection selection(model, params, request.verb);
  std::vector<std::size_t> layers = selection.chosen();
  std::ranges::sort(layers, {}, [&](std::size_t i) { return model.tensors()[i].position; });
  const auto keep = [&](std::size_t position, std::string_view which) {
    for (const std::size_t tensor : layers) {
      if (model.tensors()[tensor].position != position) continue;
      selection.skip(tensor, fmt::format("the {} layer, by --keep", which));
    }
  };
  const std::size_t first = model.tensors()[layers.front()].position;
  const std::size_t last = model.tensors()[layers.back()].position;
  const auto& [keeps_first, keeps_last] = request.keep;
  if (keeps_first) keep(first, "first");
  if (keeps_last && (last != first || !keeps_first)) keep(last, "last");
  if (selection.chosen().empty()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--keep {} leaves nothing to {}: the model has {} such layer{}; --keep "
                            "none takes them too",
                            kKeepChoices.name_of(request.keep), request.verb, layers.size(),
                            layers.size() == 1 ? "" : "s"));
  }
  return selection;
}

PassReport convert_low_bit(const OnnxModel& model, const Params& params,
                           const LowBitRequest& request, unsigned threads, PayloadEdits& edits) {
  Selection selection = select_low_bit(model, params, request);
  const std::vector<std::size_t> chosen = selection.chosen();
  std::vector<Outcome> outcomes(chosen.size());
  parallel_for(chosen.size(), threads,
               [&](std::size_t i) { outcomes[i] = convert(model, chosen[i], request); });
  PassReport report = collect(model, std::move(selection), std::move(outcomes), edits);
  report.seeded = request.form.stochastic;
  report.seed = request.seed;
  if (has_unit_scale(request.form)) {
    if (auto note = note_on_scale(model, chosen)) report.notes.push_back(std::move(*note));
  }
  return report;
}

std::vector<FormedTensor> find_forms(const OnnxModel& model, const Params& params,
                                     const LowBitRequest& request) {
  std::vector<FormedTensor> formed;
  for (const std::size_t tensor : select_low_bit(model, params, request).chosen()) {
    if (load_finite(model, model.tensors()[tensor])) formed.push_back({tensor, request.form});
  }
  return formed;
}

}  // namespace qc
