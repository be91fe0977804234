#include "emit/c/fold.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "emit/c/fold_rows.h"

namespace qc::c {
namespace {

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 26;

std::optional<Numbers> constant_node(const FoldedNode& of) {
  const Node& node = of.node;
  if (const auto* value = node.get<GraphTensor>("value")) return to_numbers(of.tensor(*value));
  if (const auto* value = node.get<GraphTensor>("sparse_value")) {
    return to_numbers(of.tensor(*value));
  }
  if (const auto* value = node.get<float>("value_float")) {
    return Numbers{DataType::kFloat, {}, {static_cast<double>(*value)}, {}};
  }
  if (const auto* value = node.get<std::int64_t>("value_int")) {
    return Numbers{DataType::kInt64, {}, {}, {*value}};
  }
  if (const auto* values = node.get<std::vector<float>>("value_floats")) {
    return Numbers{DataType::kFloat,
                   {static_cast<std::int64_t>(values->size())},
                   {values->begin(), values->end()},
                   {}};
  }
  if (const auto* values = node.get<std::vector<std::int64_t>>("value_ints")) {
    return Numbers{DataType::kInt64, {static_cast<std::int64_t>(values->size())}, {}, *values};
  }
  return std::nullopt;
}

std::optional<Numbers> filled(const FoldedNode& of, const Numbers& shape) {
  const auto count = element_count(shape.integers);
  if (shape.is_float() || !count || *count > kMostElements) return std::nullopt;
  Numbers value{DataType::kFloat, {1}, {0.0}, {}};
  if (const auto* given = of.node.get<GraphTensor>("value")) {
    const auto read = to_numbers(of.tensor(*given));
    if (!read || read->size() != 1) return std::nullopt;
    value = *read;
  }
  Numbers result{value.type, shape.integers, {}, {}};
  if (value.is_float()) {
    result.floats.assign(*count, value.floats[0]);
  } else {
    result.integers.assign(*count, value.integers[0]);
  }
  return result;
}

std::int64_t clamp_place(std::int64_t at, std::int64_t rank) {
  return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
}

// The shape of a value is known even where its elements are not.
std::optional<Numbers> shape_of(const FoldedNode& of) {
  const Shape& shape = of.inputs[0]->shape;
  if (of.node.op == "Size") {
    return Numbers{DataType::kInt64, {}, {}, {static_cast<std::int64_t>(count_of(shape))}};
  }
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto* start = of.node.get<std::int64_t>("start");
  const auto* end = of.node.get<std::int64_t>("end");
  const std::int64_t first = clamp_place(start != nullptr ? *start : 0, rank);
  const std::int64_t last = std::max(first, clamp_place(end != nullptr ? *end : rank, rank));
  return Numbers{
      DataType::kInt64, {last - first}, {}, {shape.begin() + first, shape.begin() + last}};
}

}  // namespace

std::optional<std::vector<HostTensor>> fold(const FoldedNode& of) {
  const Node& node = of.node;
  if (!node.domain.empty()) return std::nullopt;
  const auto one = [](std::optional<Numbers> result) -> std::optional<std::vector<HostTensor>> {
    if (!result) return std::nullopt;
    std::vector<HostTensor> outputs;
    outputs.push_back(to_tensor(*result));
    return outputs;
  };
  if (node.op == "Constant") return one(constant_node(of));
  if ((node.op == "Shape" || node.op == "Size") && !of.inputs.empty() && of.inputs[0] != nullptr) {
    return one(shape_of(of));
  }
  const FoldRow* row = nullptr;
  for (const FoldRow& candidate : fold_rows()) {
    if (candidate.op == node.op) row = &candidate;
  }
  if ((row == nullptr && node.op != "ConstantOfShape") || of.inputs.empty()) return std::nullopt;
  std::vector<std::optional<Numbers>> inputs;
  std::uint64_t elements = 0;
  for (const Value* input : of.inputs) {
    std::optional<Numbers>& number = inputs.emplace_back();
    if (input == nullptr) continue;
    if (!input->constant) return std::nullopt;
    number = to_numbers(*input->constant);
    if (!number) return std::nullopt;
    elements += number->size();
  }
  if (elements > kMostElements) return std::nullopt;
  if (row == nullptr) return inputs[0] ? one(filled(of, *inputs[0])) : std::nullopt;
  return one(row->fold({node, of.opset, inputs}));
}

}  // namespace qc::c
