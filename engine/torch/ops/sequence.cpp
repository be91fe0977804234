// Sequences of tensors and optional values.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

using Tensors = std::vector<at::Tensor>;

// A place in a sequence; negative ones count from the end, and `end` itself may be allowed.
std::ptrdiff_t place(const OpContext& op, std::size_t input, std::int64_t highest,
                     std::int64_t size) {
  const std::vector<std::int64_t> given = op.ints_in(input);
  if (given.size() != 1 || given[0] < -size || given[0] > highest) {
    op.refuse("a place outside the sequence");
  }
  return static_cast<std::ptrdiff_t>(given[0] < 0 ? given[0] + size : given[0]);
}

std::int64_t length(const Tensors& sequence) { return static_cast<std::int64_t>(sequence.size()); }

Values sequence_empty(const OpContext&) { return {Value(Tensors())}; }

Values sequence_construct(const OpContext& op) {
  Tensors sequence;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    require_same_type(op, op.in(0), op.in(i));
    sequence.push_back(op.in(i));
  }
  return {Value(std::move(sequence))};
}

Values sequence_at(const OpContext& op) {
  const Tensors& sequence = op.sequence(0);
  const std::ptrdiff_t i = place(op, 1, length(sequence) - 1, length(sequence));
  return {sequence[static_cast<std::size_t>(i)]};
}

Values sequence_insert(const OpContext& op) {
  Tensors sequence = op.sequence(0);
  if (!sequence.empty()) require_same_type(op, sequence.front(), op.in(1));
  const std::ptrdiff_t i =
      op.has(2) ? place(op, 2, length(sequence), length(sequence)) : length(sequence);
  sequence.insert(sequence.begin() + i, op.in(1));
  return {Value(std::move(sequence))};
}

Values sequence_erase(const OpContext& op) {
  Tensors sequence = op.sequence(0);
  const std::ptrdiff_t last = length(sequence) - 1;
  const std::ptrdiff_t i = op.has(1) ? place(op, 1, last, length(sequence)) : last;
  if (i < 0) op.refuse("of an empty sequence");
  sequence.erase(sequence.begin() + i);
  return {Value(std::move(sequence))};
}

Values sequence_length(const OpContext& op) {
  return {at::scalar_tensor(length(op.sequence(0)), at::kLong)};
}

// Parts of a given size or sizes, else single slices, which keepdims=0 squeezes.
Values split_to_sequence(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", 0), x.dim());
  if (!op.has(1)) {
    const bool keep = op.int_or("keepdims", 1) != 0;
    return {Value(keep ? at::split(x, 1, axis) : at::unbind(x, axis))};
  }
  if (op.in(1).dim() > 0) return {Value(at::split_with_sizes(x, op.ints_in(1), axis))};
  const std::int64_t size = op.ints_in(1).at(0);
  if (size < 1) op.refuse("parts of no size");
  return {Value(at::split(x, size, axis))};
}

Values concat_from_sequence(const OpContext& op) {
  const Tensors& sequence = op.sequence(0);
  if (sequence.empty()) op.refuse("of an empty sequence");
  const bool stack = op.int_or("new_axis", 0) != 0;
  const std::int64_t rank = sequence.front().dim() + (stack ? 1 : 0);
  if (!op.has_attribute("axis")) op.refuse("without axis");
  const std::int64_t axis = op.axis(op.int_or("axis", 0), rank);
  for (const at::Tensor& part : sequence) {
    if (part.dim() != sequence.front().dim()) op.refuse("its parts differ in rank");
  }
  return {stack ? at::stack(sequence, axis) : at::cat(sequence, axis)};
}

// Runs the body on the n-th tensor of every sequence; tensors are given to each run.
Values sequence_map(const OpContext& op) {
  const Graph& body = op.graph("body");
  const std::size_t count = op.sequence(0).size();
  std::vector<Tensors> results(body.outputs.size());
  for (std::size_t n = 0; n < count; ++n) {
    Values arguments;
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i].sequence == nullptr) {
        arguments.emplace_back(op.in(i));
        continue;
      }
      if (op.sequence(i).size() != count) op.refuse("its sequences differ in length");
      arguments.emplace_back(op.sequence(i)[n]);
    }
    const Values outputs = op.run(body, arguments);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!outputs[k].tensor.defined()) op.refuse("its body gives no tensor");
      results[k].push_back(outputs[k].tensor);
    }
  }
  Values sequences;
  for (Tensors& result : results) sequences.emplace_back(std::move(result));
  return sequences;
}

// An optional is its value, or nothing.
Values optional(const OpContext& op) { return {op.has(0) ? op.inputs[0] : Value()}; }

Values optional_has_element(const OpContext& op) {
  return {at::scalar_tensor(op.has(0), at::kBool)};
}

Values optional_get_element(const OpContext& op) {
  if (!op.has(0)) op.refuse("of nothing");
  return {op.inputs[0]};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"SequenceEmpty", 11, sequence_empty},
    {"SequenceConstruct", 11, sequence_construct},
    {"SequenceAt", 11, sequence_at},
    {"SequenceInsert", 11, sequence_insert},
    {"SequenceErase", 11, sequence_erase},
    {"SequenceLength", 11, sequence_length},
    {"SplitToSequence", 11, split_to_sequence},
    {"ConcatFromSequence", 11, concat_from_sequence},
    {"SequenceMap", 17, sequence_map},
    {"Optional", 15, optional},
    {"OptionalHasElement", 15, optional_has_element},
    {"OptionalGetElement", 15, optional_get_element},
});

}  // namespace

std::span<const Operator> sequence_operators() { return kOperators; }

}  // namespace qc::torch_engine
