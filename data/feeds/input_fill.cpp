#include "data/feeds/input_fill.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "data/feeds/input_types.h"

namespace qc {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

bool has_constants(const GraphValue& input) {
  return is_number_type(input.type) || input.type == DataType::kBool;
}

// The shape of an input that gets zeros: known, but for the batch.
std::vector<std::int64_t> known_shape(const GraphValue& input) {
  if (!has_constants(input)) {
    fail(
        fmt::format("input '{}' wants {} and the data gives it nothing; only ONNX test data "
                    "(input_K.pb) has such values",
                    input.name, wanted_text(input)));
  }
  std::vector<std::int64_t> shape = input.dims;
  if (shape.size() > 1 && shape.front() < 0) shape.front() = 1;
  const bool known =
      input.has_shape && std::ranges::all_of(shape, [](auto dim) { return dim >= 0; });
  if (known) return shape;
  fail(
      fmt::format("input '{0}' wants {1} and the data gives it nothing; in dataset.toml, "
                  "[inputs.\"{0}\"] with default = 0 fills it, and shape = [...] sizes it",
                  input.name, wanted_text(input)));
}

std::string section_of(const GraphValue& input) {
  return fmt::format("[inputs.{}] of dataset.toml", input.name);
}

// `number` in each element.
HostTensor constant_input(const GraphValue& input, const InputConfig& config, double number) {
  HostTensor tensor;
  tensor.type = input.type;
  tensor.dims = configured_shape(input, config);
  if (!has_constants(input)) {
    fail(fmt::format("input '{}' wants {}, which {} cannot give", input.name, wanted_text(input),
                     section_of(input)));
  }
  tensor.bytes.resize(tensor_bytes(fmt::format("input '{}'", input.name), input.type, tensor.dims));
  const std::size_t count = tensor.bytes.size() / (data_type_bits(input.type) / 8);
  for (std::size_t i = 0; i < count; ++i) {
    if (store_number(input.type, tensor.bytes, i, number)) continue;
    fail(fmt::format("input '{}' wants {}, {} has the default {}", input.name, wanted_text(input),
                     section_of(input), number));
  }
  return tensor;
}

}  // namespace

const InputConfig* find_input_config(const DatasetConfig& config, const std::string& name) {
  const auto found = config.inputs.find(name);
  return found == config.inputs.end() ? nullptr : &found->second;
}

std::vector<std::int64_t> configured_shape(const GraphValue& input, const InputConfig& config) {
  std::vector<std::int64_t> shape = config.shape.value_or(input.dims);
  if (config.shape && !takes_shape(input, shape)) {
    fail(fmt::format("input '{}' wants {}, {} has the shape [{}]", input.name, wanted_text(input),
                     section_of(input), fmt::join(shape, ",")));
  }
  for (std::int64_t& dim : shape) dim = dim < 0 ? 1 : dim;
  return shape;
}

InputFill::InputFill(const Graph& graph, const DatasetConfig& config,
                     const std::vector<std::size_t>& filled)
    : inputs_(graph.inputs), values_(graph.inputs.size()) {
  std::vector<std::string> zeros;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (std::ranges::find(filled, i) != filled.end()) continue;
    const GraphValue& input = inputs_[i];
    const InputConfig* given = find_input_config(config, input.name);
    if (given != nullptr && (given->value || given->shape)) {
      values_[i] = constant_input(input, *given, given->value.value_or(0));
      notes_.push_back(fmt::format("input '{}' is {} everywhere, {}", input.name,
                                   given->value.value_or(0),
                                   tensor_text(input.type, values_[i].dims)));
      continue;
    }
    HostTensor& value = values_[i];
    value.type = input.type;
    value.dims = known_shape(input);
    value.bytes.resize(tensor_bytes(fmt::format("input '{}'", input.name), value.type, value.dims));
    zeros.push_back(fmt::format("'{}' {}", input.name, tensor_text(value.type, value.dims)));
  }
  if (!zeros.empty()) {
    notes_.push_back(fmt::format("the data does not give {}: zeros", fmt::join(zeros, ", ")));
  }
}

std::size_t choose_input(const FeedRequest& request, std::string_view what,
                         const std::function<bool(const GraphValue&)>& takes) {
  const std::vector<GraphValue>& inputs = request.graph.inputs;
  std::vector<std::size_t> fitting;
  std::vector<std::string> all;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    all.push_back(fmt::format("'{}' {}", inputs[i].name, wanted_text(inputs[i])));
    const bool fits = takes(inputs[i]);
    if (inputs[i].name == request.config().data_input) {
      if (fits) return i;
      fail(fmt::format("input {} does not take {}", all.back(), what));
    }
    const InputConfig* given = find_input_config(request.config(), inputs[i].name);
    if (fits && !(given != nullptr && given->value)) fitting.push_back(i);
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty()) {
    fail(fmt::format("no input of the network takes {}; its inputs are {}", what,
                     fmt::join(all, ", ")));
  }
  std::vector<std::string> several;
  several.reserve(fitting.size());
  for (const std::size_t i : fitting) several.push_back(all[i]);
  fail(
      fmt::format("more than one input takes {}: {}; say which by [data] input = \"{}\" in "
                  "dataset.toml",
                  what, fmt::join(several, ", "), inputs[fitting.front()].name));
}

}  // namespace qc
