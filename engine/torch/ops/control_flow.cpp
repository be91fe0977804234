// Operators that run graphs.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

bool condition(const OpContext& op, const Value& value) {
  if (!value.tensor.defined() || value.tensor.numel() != 1 ||
      value.tensor.scalar_type() != at::kBool) {
    op.refuse("a condition is not one truth value");
  }
  return value.tensor.item().toBool();
}

Values if_then_else(const OpContext& op) {
  return op.run(op.graph(condition(op, op.inputs.at(0)) ? "then_branch" : "else_branch"), {});
}

// What is made in each iteration, as one tensor with the iterations along `axis`.
at::Tensor stacked(const OpContext& op, const std::vector<at::Tensor>& parts,
                   const GraphValue& declared, std::int64_t axis, bool reversed) {
  if (!parts.empty()) {
    std::vector<at::Tensor> ordered = parts;
    if (reversed) std::ranges::reverse(ordered);
    return at::stack(ordered, op.axis(axis, parts.front().dim() + 1));
  }
  std::vector<std::int64_t> shape = declared.dims;
  for (const std::int64_t dim : shape) {
    if (dim < 0) op.refuse("no iteration, and a result of unknown shape");
  }
  if (!declared.has_shape) op.refuse("no iteration, and a result of unknown shape");
  const std::int64_t place = op.axis(axis, static_cast<std::int64_t>(shape.size()) + 1);
  shape.insert(shape.begin() + place, 0);
  return at::empty(shape, op.torch_type(declared.type));
}

const at::Tensor& iteration_part(const OpContext& op, const Value& value) {
  if (!value.tensor.defined()) op.refuse("what an iteration gives is not a tensor");
  return value.tensor;
}

// The number of an iteration, or whether there is another: of one dimension where the body says so.
at::Tensor iteration_argument(const at::Tensor& value, const GraphValue& declared) {
  return declared.has_shape && declared.dims.size() == 1 ? value.reshape({1}) : value;
}

// Inputs: trip count and condition, both optional, then what is carried from one to the next.
Values loop(const OpContext& op) {
  const Graph& body = op.graph("body");
  const std::size_t carried = op.inputs.size() < 2 ? 0 : op.inputs.size() - 2;
  if (body.inputs.size() != carried + 2 || body.outputs.size() < carried + 1) {
    op.refuse("its body does not fit its inputs");
  }
  const bool limited = op.has(0);
  const auto limit = limited ? static_cast<std::int64_t>(op.scalar_in(0)) : 0;
  bool going = !op.has(1) || condition(op, op.inputs[1]);
  Values state(op.inputs.begin() + static_cast<std::ptrdiff_t>(op.inputs.size() - carried),
               op.inputs.end());
  std::vector<std::vector<at::Tensor>> scanned(body.outputs.size() - carried - 1);
  for (std::int64_t i = 0; going && (!limited || i < limit); ++i) {
    Values arguments = {iteration_argument(at::scalar_tensor(i, at::kLong), body.inputs[0]),
                        iteration_argument(at::scalar_tensor(going, at::kBool), body.inputs[1])};
    arguments.insert(arguments.end(), state.begin(), state.end());
    const Values results = op.run_iteration(body, arguments);
    going = condition(op, results[0]);
    for (std::size_t k = 0; k < carried; ++k) state[k] = results[k + 1];
    for (std::size_t k = 0; k < scanned.size(); ++k) {
      scanned[k].push_back(iteration_part(op, results[carried + 1 + k]));
    }
  }
  for (std::size_t k = 0; k < scanned.size(); ++k) {
    state.emplace_back(stacked(op, scanned[k], body.outputs[carried + 1 + k], 0, false));
  }
  return state;
}

// Entry `index` of an attribute with one number for each scanned value, else 0.
std::int64_t number_for(const OpContext& op, const char* name, std::size_t index,
                        std::size_t count) {
  const std::vector<std::int64_t> given = op.ints(name);
  if (!given.empty() && given.size() != count) op.refuse(fmt::format("{} does not fit", name));
  return given.empty() ? 0 : given[index];
}

// Runs the body on the slices of its last num_scan_inputs inputs.
Values scan(const OpContext& op) {
  const Graph& body = op.graph("body");
  const auto inputs = static_cast<std::size_t>(op.int_or("num_scan_inputs", 0));
  if (inputs < 1 || inputs > op.inputs.size() || body.inputs.size() != op.inputs.size() ||
      body.outputs.size() < op.inputs.size() - inputs) {
    op.refuse("its body does not fit its inputs");
  }
  const std::size_t carried = op.inputs.size() - inputs;
  const std::size_t outputs = body.outputs.size() - carried;
  std::vector<at::Tensor> sources;
  for (std::size_t k = 0; k < inputs; ++k) {
    const at::Tensor& x = op.in(carried + k);
    const std::int64_t axis = op.axis(number_for(op, "scan_input_axes", k, inputs), x.dim());
    const bool reversed = number_for(op, "scan_input_directions", k, inputs) != 0;
    sources.push_back((reversed ? at::flip(x, {axis}) : x).movedim(axis, 0));
    if (sources.back().size(0) != sources.front().size(0)) op.refuse("its inputs differ in length");
  }
  Values state(op.inputs.begin(), op.inputs.begin() + static_cast<std::ptrdiff_t>(carried));
  std::vector<std::vector<at::Tensor>> scanned(outputs);
  for (std::int64_t i = 0; i < sources.front().size(0); ++i) {
    Values arguments = state;
    for (const at::Tensor& source : sources) arguments.emplace_back(source.select(0, i));
    const Values results = op.run_iteration(body, arguments);
    for (std::size_t k = 0; k < carried; ++k) state[k] = results[k];
    for (std::size_t k = 0; k < outputs; ++k) {
      scanned[k].push_back(iteration_part(op, results[carried + k]));
    }
  }
  for (std::size_t k = 0; k < outputs; ++k) {
    state.emplace_back(stacked(op, scanned[k], body.outputs[carried + k],
                               number_for(op, "scan_output_axes", k, outputs),
                               number_for(op, "scan_output_directions", k, outputs) != 0));
  }
  return state;
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"If", 1, if_then_else},
    {"Loop", 1, loop},
    {"Scan", 9, scan},
});

}  // namespace

std::span<const Operator> control_flow_operators() { return kOperators; }

}  // namespace qc::torch_engine
