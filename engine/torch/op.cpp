#include "engine/torch/op.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "engine/torch/convert.h"
#include "engine/torch/interpreter.h"

namespace qc::torch_engine {

const at::Tensor& OpContext::in(std::size_t index) const {
  if (!has(index) || !inputs[index].tensor.defined()) {
    refuse(fmt::format("input {} is not a tensor", index));
  }
  return inputs[index].tensor;
}

const std::vector<at::Tensor>& OpContext::sequence(std::size_t index) const {
  if (!has(index) || inputs[index].sequence == nullptr) {
    refuse(fmt::format("input {} is not a sequence", index));
  }
  return *inputs[index].sequence;
}

std::vector<std::int64_t> OpContext::ints_in(std::size_t index) const {
  const at::Tensor flat = in(index).to(at::kCPU, at::kLong).contiguous();
  const auto* data = flat.data_ptr<std::int64_t>();
  return {data, data + flat.numel()};
}

double OpContext::scalar_in(std::size_t index) const {
  if (in(index).numel() != 1) refuse(fmt::format("input {} is not one number", index));
  return in(index).item().toDouble();
}

template <typename T>
const T* OpContext::find(std::string_view name) const {
  const Attribute* found = node.find(name);
  if (found == nullptr) return nullptr;
  const T* value = std::get_if<T>(&found->value);
  if (value == nullptr) refuse(fmt::format("attribute {} is of an unexpected kind", name));
  return value;
}

bool OpContext::has_attribute(std::string_view name) const { return node.find(name) != nullptr; }

std::int64_t OpContext::int_or(std::string_view name, std::int64_t otherwise) const {
  const auto* value = find<std::int64_t>(name);
  return value != nullptr ? *value : otherwise;
}

float OpContext::float_or(std::string_view name, float otherwise) const {
  const auto* value = find<float>(name);
  return value != nullptr ? *value : otherwise;
}

std::string OpContext::string_or(std::string_view name, std::string_view otherwise) const {
  const auto* value = find<std::string>(name);
  return value != nullptr ? *value : std::string(otherwise);
}

std::vector<std::int64_t> OpContext::ints(std::string_view name) const {
  const auto* value = find<std::vector<std::int64_t>>(name);
  return value != nullptr ? *value : std::vector<std::int64_t>();
}

std::vector<float> OpContext::floats(std::string_view name) const {
  const auto* value = find<std::vector<float>>(name);
  return value != nullptr ? *value : std::vector<float>();
}

std::vector<std::string> OpContext::strings(std::string_view name) const {
  const auto* value = find<std::vector<std::string>>(name);
  return value != nullptr ? *value : std::vector<std::string>();
}

std::optional<at::Tensor> OpContext::tensor(std::string_view name) const {
  const auto* value = find<GraphTensor>(name);
  if (value == nullptr) return std::nullopt;
  return interpreter_.constants().get(*value);
}

const Graph& OpContext::graph(std::string_view name) const {
  const auto* value = find<std::shared_ptr<const Graph>>(name);
  if (value == nullptr) refuse(fmt::format("attribute {} is missing", name));
  return **value;
}

std::optional<std::vector<std::int64_t>> OpContext::ints_moved(std::string_view name,
                                                               std::int64_t moved,
                                                               std::size_t index) const {
  if (opset >= moved) return has(index) ? std::optional(ints_in(index)) : std::nullopt;
  return has_attribute(name) ? std::optional(ints(name)) : std::nullopt;
}

std::int64_t OpContext::axis(std::int64_t given, std::int64_t rank) const {
  if (given < -rank || given >= rank) {
    refuse(fmt::format("axis {} is out of range for {} dimensions", given, rank));
  }
  return given < 0 ? given + rank : given;
}

at::ScalarType OpContext::torch_type(DataType type) const {
  try {
    return scalar_type(type);
  } catch (const Error& error) {
    refuse(error.what());
  }
}

bool OpContext::training() const { return interpreter_.mode().training; }
NormTraining OpContext::norm() const { return interpreter_.mode().norm; }

Values OpContext::run(const Graph& graph, const Values& arguments) const {
  return interpreter_.run_subgraph(graph, arguments);
}

Values OpContext::run_iteration(const Graph& graph, const Values& arguments) const {
  interpreter_.count_iteration(*this);
  return interpreter_.run_subgraph(graph, arguments);
}

std::string OpContext::described(const std::string& what) const {
  return fmt::format("{}{}{} '{}' (opset {}): {}", node.domain, node.domain.empty() ? "" : ".",
                     node.op, node.label(), opset, what);
}

void OpContext::refuse(const std::string& what) const {
  throw Error(ErrorCode::kUnsupported, described(what));
}

void OpContext::exceed(const std::string& what) const {
  throw Error(ErrorCode::kLimit, described(what));
}

}  // namespace qc::torch_engine
