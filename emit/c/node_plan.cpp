#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "emit/c/code_values.h"
#include "emit/c/numbers.h"
#include "emit/c/operators.h"
#include "emit/c/planner.h"
#include "system/printable.h"

namespace qc::c {

NodePlan::NodePlan(Planner& planner, const Node& node, std::int64_t opset)
    : planner_(&planner), node_(&node), opset_(opset) {}

void NodePlan::refuse(std::string_view why) const {
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("{}{}{} {}: {}", printable(node_->domain), node_->domain.empty() ? "" : ".",
                  printable(node_->op), printable(node_->label()), why));
}

bool NodePlan::has_input(std::size_t i) const {
  return i < node_->inputs.size() && !node_->inputs[i].empty();
}

bool NodePlan::has_output(std::size_t i) const {
  return i < node_->outputs.size() && !node_->outputs[i].empty() &&
         planner_->uses(node_->outputs[i]) > 0;
}

ValueId NodePlan::input(std::size_t i) const {
  if (!has_input(i)) refuse(fmt::format("input {} is missing", i));
  return planner_->find(*node_, node_->inputs[i]);
}

const Shape& NodePlan::shape(std::size_t i) const {
  return planner_->plan().values[input(i)].shape;
}

DataType NodePlan::type(std::size_t i) const { return planner_->plan().values[input(i)].type; }

const HostTensor* NodePlan::constant(std::size_t i) const {
  const Value& value = planner_->plan().values[input(i)];
  return value.constant ? &*value.constant : nullptr;
}

std::vector<std::int64_t> NodePlan::integers(std::size_t i) const {
  const HostTensor* known = constant(i);
  if (known == nullptr) refuse(fmt::format("input {} is not known when it is compiled", i));
  const auto numbers = to_numbers(*known);
  if (!numbers || numbers->is_float()) refuse(fmt::format("input {} is not of integers", i));
  return numbers->integers;
}

std::vector<float> NodePlan::floats(std::size_t i) const {
  const HostTensor* known = constant(i);
  if (known == nullptr) refuse(fmt::format("input {} is not known when it is compiled", i));
  if (known->type != DataType::kFloat) refuse(fmt::format("input {} is not of floats", i));
  return load_floats(known->type, known->bytes);
}

std::int64_t NodePlan::integer(std::string_view name, std::int64_t otherwise) const {
  if (!has(name)) return otherwise;
  const auto* found = node_->get<std::int64_t>(name);
  if (found == nullptr) refuse(fmt::format("attribute {} is no integer", name));
  return *found;
}

float NodePlan::number(std::string_view name, float otherwise) const {
  if (!has(name)) return otherwise;
  const auto* found = node_->get<float>(name);
  if (found == nullptr) refuse(fmt::format("attribute {} is no float", name));
  return *found;
}

std::string NodePlan::text(std::string_view name, std::string_view otherwise) const {
  if (!has(name)) return std::string(otherwise);
  const auto* found = node_->get<std::string>(name);
  if (found == nullptr) refuse(fmt::format("attribute {} is no text", name));
  return *found;
}

std::vector<std::int64_t> NodePlan::list(std::string_view name,
                                         std::vector<std::int64_t> otherwise) const {
  if (!has(name)) return otherwise;
  const auto* found = node_->get<std::vector<std::int64_t>>(name);
  if (found == nullptr) refuse(fmt::format("attribute {} is no list of integers", name));
  return *found;
}

bool NodePlan::has(std::string_view name) const { return node_->find(name) != nullptr; }

std::size_t NodePlan::axis(std::int64_t axis, std::size_t rank) const {
  const auto all = static_cast<std::int64_t>(rank);
  if (axis < -all || axis >= all) refuse(fmt::format("axis {} of {} axes", axis, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + all : axis);
}

ValueId NodePlan::output(std::size_t i, DataType type, Shape shape) {
  if (i >= node_->outputs.size() || node_->outputs[i].empty()) {
    refuse(fmt::format("output {} is missing", i));
  }
  const std::string& name = node_->outputs[i];
  return planner_->declare(*node_, name, {name, type, std::move(shape)});
}

void NodePlan::output_as(std::size_t i, std::size_t input_index, Shape shape) {
  const ValueId from = input(input_index);
  if (element_count(shape) != element_count(planner_->plan().values[from].shape)) {
    refuse(fmt::format("{} as {}", shape_text(planner_->plan().values[from].shape),
                       shape_text(shape)));
  }
  if (const HostTensor* known = constant(input_index)) {
    HostTensor other = *known;
    other.dims = std::move(shape);
    output_constant(i, std::move(other));
    return;
  }
  const ValueId to = output(i, planner_->plan().values[from].type, std::move(shape));
  planner_->plan().values[to].storage = from;
}

void NodePlan::output_constant(std::size_t i, HostTensor value) {
  if (!has_output(i)) return;
  planner_->add_constant(node_->outputs[i], std::move(value));
}

Step& NodePlan::call(std::string kernel) {
  Step& step = planner_->plan().steps.emplace_back();
  step.kernel = std::move(kernel);
  step.op = node_->op;
  step.layer = node_->label();
  return step;
}

void NodePlan::read(Step& step, ValueId value) {
  if (planner_->plan().values[value].constant) {
    if (count_of(planner_->plan().values[value].shape) == 0) refuse("an input has no elements");
    element_bytes(planner_->plan().values[value].type);
    step.arguments.emplace_back(Argument::Array{planner_->constant_array(value)});
  } else {
    step.arguments.emplace_back(Argument::Read{value});
  }
}

void NodePlan::write(Step& step, ValueId value) {
  step.arguments.emplace_back(Argument::Written{value});
}

void NodePlan::array(Step& step, std::string_view what, std::string_view type, Bytes bytes) {
  if (bytes.empty()) {
    null(step);
    return;
  }
  const std::size_t index =
      planner_->array({fmt::format("{}_{}", node_->label(), what), std::string(type),
                       std::move(bytes), std::string(what)});
  step.arguments.emplace_back(Argument::Array{index});
}

void NodePlan::array(Step& step, std::string_view what, std::span<const float> values) {
  Bytes bytes(values.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  array(step, what, "float", std::move(bytes));
}

void NodePlan::array(Step& step, std::string_view what, std::span<const std::int32_t> values) {
  Bytes bytes(values.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  array(step, what, "int32_t", std::move(bytes));
}

void NodePlan::scratch(Step& step, std::uint64_t bytes) const {
  if (bytes > kLargestMemory) refuse("it needs too much memory");
  step.arguments.emplace_back(Argument::Scratch{bytes});
}

void NodePlan::size(Step& step, std::int64_t number) {
  step.arguments.emplace_back(Argument::Literal{fmt::format("{}", number)});
}

void NodePlan::number(Step& step, float number) {
  step.arguments.emplace_back(Argument::Literal{float_literal(number)});
}

void NodePlan::null(Step& step) { step.arguments.emplace_back(Argument::Literal{"NULL"}); }

std::size_t NodePlan::product(Step& step, Product product) {
  auto& products = planner_->plan().products;
  product.name = fmt::format("{}_products", node_->label());
  step.arguments.emplace_back(Argument::Function{products.size()});
  products.push_back(std::move(product));
  return products.size() - 1;
}

void NodePlan::product_scratch(Step& step, std::size_t product, std::uint64_t pixels) {
  step.arguments.emplace_back(Argument::ProductScratch{product, pixels});
}

void NodePlan::product_bias(Step& step, std::size_t product) {
  step.arguments.emplace_back(Argument::ProductBias{product});
}

std::int64_t NodePlan::block(std::int64_t pixels) const {
  return std::min(static_cast<std::int64_t>(planner_->options().block), pixels);
}

bool NodePlan::signs_only(std::size_t i) const {
  return has_input(i) && planner_->is_binary(node_->inputs[i]);
}

unsigned NodePlan::code_bits(std::size_t i) const {
  return has_input(i) ? find_code_bits(*planner_, node_->inputs[i]) : 0;
}

bool NodePlan::may_go_by_tiles() const {
  const PlanOptions& options = planner_->options();
  return options.goal == Goal::kSpeed && options.block == PlanOptions().block;
}

}  // namespace qc::c
