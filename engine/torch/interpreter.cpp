#include "engine/torch/interpreter.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "engine/torch/convert.h"
#include "engine/torch/memory_limit.h"
#include "passes/kernels/dorefa.h"

namespace qc::torch_engine {
namespace {

// Calls visit(name) for every value that a node reads, those of its subgraphs included.
template <typename Visit>
void for_each_use(const Node& node, const Visit& visit) {
  for (const std::string& name : node.inputs) visit(name);
  each_subgraph(node, [&](const Graph& graph) {
    for (const Node& inner : graph.nodes) for_each_use(inner, visit);
    for (const GraphValue& output : graph.outputs) visit(output.name);
  });
}

// The first line of what libtorch says; the rest is its call stack.
std::string first_line(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

std::unordered_map<std::string_view, Value> named_inputs(const Graph& graph,
                                                         const Values& arguments) {
  if (arguments.size() != graph.inputs.size()) {
    throw Error(ErrorCode::kUsage, fmt::format("graph {} takes {} inputs, not {}", graph.name,
                                               graph.inputs.size(), arguments.size()));
  }
  std::unordered_map<std::string_view, Value> values;
  for (std::size_t i = 0; i < arguments.size(); ++i) values[graph.inputs[i].name] = arguments[i];
  return values;
}

// float16 and bfloat16, for which libtorch does not have all kernels on the CPU.
bool is_narrow_float(const Value& value) {
  return value.tensor.defined() &&
         (value.tensor.scalar_type() == at::kHalf || value.tensor.scalar_type() == at::kBFloat16);
}

// Runs an operator in float32 and rounds what it gives.
Values run_widened(const Operator& row, const OpContext& narrow, Interpreter& interpreter) {
  Values inputs = narrow.inputs;
  at::ScalarType type = at::kHalf;
  for (Value& input : inputs) {
    if (!is_narrow_float(input)) continue;
    type = input.tensor.scalar_type();
    input = input.tensor.to(at::kFloat);
  }
  const OpContext wide(interpreter, narrow.node, narrow.opset, std::move(inputs));
  Values outputs = row.run(wide);
  for (Value& output : outputs) {
    if (output.tensor.defined() && output.tensor.scalar_type() == at::kFloat) {
      output = output.tensor.to(type);
    }
  }
  return outputs;
}

}  // namespace

// Names are looked up in a scope, then in those around it, while the guard lives.
class Interpreter::ScopeGuard {
 public:
  ScopeGuard(Interpreter& interpreter, Scope& scope) : interpreter_(interpreter) {
    scope.outer = interpreter.scope_;
    interpreter.scope_ = &scope;
  }
  ~ScopeGuard() { interpreter_.scope_ = interpreter_.scope_->outer; }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Interpreter& interpreter_;
};

Interpreter::Interpreter(const LoadedModel& model, at::Device device, const ExecutionLimits& limits,
                         FindOperator find)
    : model_(*model.graph), constants_(model.tensors, device), limits_(limits) {
  compile(model_.main, find);
}

void Interpreter::compile(const Graph& graph, FindOperator find) {
  Plan plan;
  for (const Initializer& each : graph.initializers) plan.initializers[each.name] = &each.tensor;
  for (const Node& node : graph.nodes) {
    const auto opset = model_.opsets.find(node.domain);
    const std::int64_t version = opset == model_.opsets.end() ? 1 : opset->second;
    const Operator* row = find(node.domain, node.op, version);
    if (row == nullptr) {
      throw Error(
          ErrorCode::kUnsupported,
          fmt::format("operator {}{}{} of node '{}' (opset {}) cannot be executed", node.domain,
                      node.domain.empty() ? "" : ".", node.op, node.label(), version));
    }
    plan.steps.push_back({&node, row, version, {}});
    each_subgraph(node, [&](const Graph& inner) { compile(inner, find); });
  }
  find_last_uses(graph, plan.steps);
  plans_[&graph] = std::move(plan);
}

void Interpreter::find_last_uses(const Graph& graph, std::vector<Step>& steps) {
  std::set<std::string_view> used;
  for (const GraphValue& output : graph.outputs) used.insert(output.name);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    for_each_use(*step->node, [&](const std::string& name) {
      if (!name.empty() && used.insert(name).second) step->last_uses.push_back(name);
    });
  }
}

Values Interpreter::run(const Values& inputs, const std::vector<std::string>& wanted, Mode mode) {
  mode_ = mode;
  quantized_gradients_ = 0;
  iterations_ = 0;
  Values results = execute(model_.main, inputs, {wanted.begin(), wanted.end()});
  require_tensors(wanted, results);
  require_declared_types(wanted, results);
  return results;
}

void Interpreter::require_tensors(const std::vector<std::string>& wanted, const Values& results) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (results[i].tensor.defined()) continue;
    for (const Step& step : plans_.at(&model_.main).steps) {
      if (std::ranges::find(step.node->outputs, wanted[i]) == step.node->outputs.end()) continue;
      OpContext(*this, *step.node, step.opset, {})
          .refuse(
              fmt::format("it makes {}, an output of the model that is not a tensor", wanted[i]));
    }
  }
}

void Interpreter::require_declared_types(const std::vector<std::string>& wanted,
                                         const Values& results) const {
  for (const GraphValue& output : model_.main.outputs) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] != output.name || !results[i].tensor.defined()) continue;
      const DataType type = data_type(results[i].tensor.scalar_type());
      if (output.type == DataType::kUndefined || output.type == type) continue;
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("output {} is declared as {}, its operators make {}", output.name,
                              data_type_name(output.type), data_type_name(type)));
    }
  }
}

void Interpreter::count_iteration(const OpContext& op) {
  if (iterations_++ < limits_.iterations) return;
  op.exceed(fmt::format("more than {} iterations of loops; --max-iterations allows more",
                        limits_.iterations));
}

Values Interpreter::run_subgraph(const Graph& graph, const Values& arguments) {
  std::vector<std::string_view> wanted;
  for (const GraphValue& output : graph.outputs) wanted.push_back(output.name);
  return execute(graph, arguments, wanted);
}

Values Interpreter::execute(const Graph& graph, const Values& arguments,
                            const std::vector<std::string_view>& wanted) {
  Plan& plan = plans_.at(&graph);
  Scope scope{named_inputs(graph, arguments), &plan.initializers};
  const ScopeGuard guard(*this, scope);
  const std::set<std::string_view> kept(wanted.begin(), wanted.end());
  for (Step& step : plan.steps) {
    execute_step(step, scope);
    for (const std::string_view name : step.last_uses) {
      if (!kept.contains(name)) scope.values.erase(name);
    }
  }
  Values results;
  for (const std::string_view name : wanted) results.push_back(look_up(name));
  return results;
}

Frontier Interpreter::start(const Values& inputs) const {
  return {0, named_inputs(model_.main, inputs)};
}

void Interpreter::advance(Frontier& frontier, std::size_t end) {
  mode_ = {};
  iterations_ = 0;
  Plan& plan = plans_.at(&model_.main);
  Scope scope{std::move(frontier.values), &plan.initializers};
  const ScopeGuard guard(*this, scope);
  for (; frontier.next < end; ++frontier.next) {
    Step& step = plan.steps[frontier.next];
    execute_step(step, scope);
    for (const std::string_view name : step.last_uses) scope.values.erase(name);
  }
  frontier.values = std::move(scope.values);
}

OpContext Interpreter::next_node(Frontier& frontier) {
  Plan& plan = plans_.at(&model_.main);
  Scope scope{std::move(frontier.values), &plan.initializers};
  const ScopeGuard guard(*this, scope);
  const Step& step = plan.steps[frontier.next];
  Values inputs = inputs_of(step);
  frontier.values = std::move(scope.values);
  return {*this, *step.node, step.opset, std::move(inputs)};
}

void Interpreter::execute_step(Step& step, Scope& scope) {
  Values outputs = execute_node(step);
  if (mode_.gradients != nullptr) quantize_gradient_of(step, outputs);
  const std::vector<std::string>& names = step.node->outputs;
  for (std::size_t i = 0; i < names.size() && i < outputs.size(); ++i) {
    if (!names[i].empty()) scope.values[names[i]] = std::move(outputs[i]);
  }
}

Values Interpreter::inputs_of(const Step& step) {
  const Node& node = *step.node;
  Values inputs;
  inputs.reserve(node.inputs.size());
  for (const std::string& name : node.inputs) {
    try {
      inputs.push_back(name.empty() ? Value() : look_up(name));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      OpContext(*this, node, step.opset, {}).refuse(error.what());
    }
  }
  return inputs;
}

Values Interpreter::execute_node(Step& step) {
  const OpContext context(*this, *step.node, step.opset, inputs_of(step));
  try {
    if (!step.widen) {
      try {
        return step.row->run(context);
      } catch (const c10::Error&) {
        // libtorch has no type of its own for the error that a kernel is missing. Any other one
        // comes again in float32.
        if (std::ranges::none_of(context.inputs, is_narrow_float)) throw;
      }
    }
    Values outputs = run_widened(*step.row, context, *this);
    step.widen = true;
    return outputs;
  } catch (const MemoryLimitError& error) {
    context.exceed(error.what());
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    context.exceed("out of memory");
  } catch (const c10::Error& error) {
    context.refuse(first_line(error));
  } catch (const std::exception& error) {
    context.refuse(error.what());
  }
}

void Interpreter::quantize_gradient_of(const Step& step, const Values& outputs) {
  const GradientQuantizer& quantizer = *mode_.gradients;
  const bool reads = std::ranges::any_of(
      step.node->inputs, [&](const std::string& name) { return quantizer.weights.contains(name); });
  if (!reads || outputs.empty()) return;
  const at::Tensor& output = outputs.front().tensor;
  if (!output.defined() || !output.requires_grad() || output.dim() == 0) return;
  // Counted, so that every iteration of a loop has noise of its own.
  const std::uint64_t seed =
      stream_seed(mode_.seed, StreamPurpose::kGradientNoise, quantized_gradients_++);
  output.register_hook([bits = quantizer.bits, seed](const at::Tensor& gradient) {
    at::Tensor quantised = gradient.to(at::kCPU, at::kFloat).contiguous().clone();
    SplitMix64 random(seed);
    const auto samples = static_cast<std::size_t>(quantised.size(0));
    const std::size_t size =
        samples > 0 ? static_cast<std::size_t>(quantised.numel()) / samples : 0;
    for (std::size_t i = 0; i < samples; ++i) {
      quantize_gradient({quantised.data_ptr<float>() + i * size, size}, bits, random);
    }
    return quantised.to(gradient.device(), gradient.scalar_type());
  });
}

Value Interpreter::look_up(std::string_view name) {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    if (const auto found = scope->values.find(name); found != scope->values.end()) {
      return found->second;
    }
    if (const auto found = scope->initializers->find(name); found != scope->initializers->end()) {
      return constants_.get(*found->second);
    }
  }
  throw Error(ErrorCode::kCorrupt,
              fmt::format("value '{}' is read before any node makes it", name));
}

}  // namespace qc::torch_engine
