// Attention as ONNX Runtime fuses it.
#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

// {batch, heads, steps, size} of {batch, steps, heads * size}
at::Tensor heads_of(const OpContext& op, const at::Tensor& x, std::int64_t heads) {
  if (x.dim() != 3 || x.size(2) % heads != 0) op.refuse("its heads do not fit");
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

std::int64_t head_count(const OpContext& op) {
  const std::int64_t heads = op.int_or("num_heads", 0);
  if (heads < 1) op.refuse("num_heads");
  return heads;
}

// Steps in front of each row's first and behind its last are hidden.
at::Tensor visible_between(const OpContext& op, const at::Tensor& limits, std::int64_t batch,
                           std::int64_t total) {
  const at::Tensor steps = at::arange(total, limits.options()).unsqueeze(0);
  at::Tensor visible = steps.lt(limits.narrow(0, 0, batch).unsqueeze(1));
  if (limits.size(0) == 2 * batch) {
    visible = at::logical_and(visible, steps.ge(limits.narrow(0, batch, batch).unsqueeze(1)));
  } else if (limits.size(0) != batch) {
    op.refuse("a mask of this form");
  }
  return visible.reshape({batch, 1, 1, total});
}

// Which steps each step sees, {batch, 1, steps or 1, total}: from how many there are (and where
// they begin), from one number for each, or from one for each pair.
at::Tensor visible_steps(const OpContext& op, const at::Tensor& mask, const at::Tensor& scores) {
  if (mask.scalar_type() != at::kInt) op.refuse("a mask of other than int32");
  const std::int64_t batch = scores.size(0);
  const std::int64_t total = scores.size(3);
  if (mask.dim() == 1) return visible_between(op, mask, batch, total);
  const bool rows = mask.dim() == 2 && mask.size(0) == batch && mask.size(1) == total;
  const bool pairs = mask.dim() == 3 && mask.size(0) == batch && mask.size(1) == scores.size(2) &&
                     mask.size(2) == total;
  if (!rows && !pairs) op.refuse("a mask of this form");
  const at::Tensor visible = mask.gt(0);
  return rows ? visible.reshape({batch, 1, 1, total}) : visible.unsqueeze(1);
}

// What an attention looks at, with heads apart.
struct Heads {
  at::Tensor queries;
  at::Tensor keys;
  at::Tensor values;
};

// softmax(Q K^T * scale + mask + input 5) V, {batch, steps, heads * size}; `mask` may be undefined.
at::Tensor attend(const OpContext& op, const Heads& heads, const at::Tensor& mask) {
  const auto size = static_cast<double>(heads.queries.size(3));
  float scale = op.float_or("scale", 0);
  if (scale == 0) scale = static_cast<float>(1 / std::sqrt(size));
  at::Tensor scores = at::matmul(heads.queries, heads.keys.transpose(-1, -2)) * scale;
  if (op.has(5)) scores = scores + op.in(5);
  if (mask.defined()) {
    const at::Tensor visible = visible_steps(op, mask, scores);
    const float hidden = op.float_or("mask_filter_value", -10000);
    scores = scores + at::where(visible, 0.0F, hidden).to(scores.scalar_type());
  }
  if (op.int_or("unidirectional", 0) != 0) {
    const std::int64_t steps = scores.size(2);
    const std::int64_t past = scores.size(3) - steps;
    const at::Tensor seen =
        at::ones({steps, scores.size(3)}, scores.options().dtype(at::kBool)).tril(past);
    scores = scores.masked_fill(at::logical_not(seen), std::numeric_limits<float>::lowest());
  }
  const at::Tensor y = at::matmul(at::softmax(scores, -1), heads.values).transpose(1, 2);
  return y.reshape({y.size(0), y.size(1), -1});
}

std::vector<std::int64_t> projection_sizes(const OpContext& op, const at::Tensor& weights) {
  std::vector<std::int64_t> sizes = op.ints("qkv_hidden_sizes");
  if (weights.dim() != 2) op.refuse("its weights are no matrix");
  if (sizes.empty()) sizes.assign(3, weights.size(1) / 3);
  if (sizes.size() != 3) op.refuse("its weights do not fit");
  std::int64_t rest = weights.size(1);
  for (const std::int64_t size : sizes) {
    if (size < 1 || size > rest) op.refuse("its weights do not fit");
    rest -= size;
  }
  if (rest != 0) op.refuse("its weights do not fit");
  return sizes;
}

// Inputs: x, weights, bias, mask, past, bias of the scores.
Values attention(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  require_same_type(op, x, op.in(1));
  for (const char* name : {"do_rotary", "past_present_share_buffer"}) {
    if (op.int_or(name, 0) != 0) op.refuse(name);
  }
  if (op.has(6)) op.refuse("past_sequence_length");
  const std::int64_t count = head_count(op);
  at::Tensor projected = at::matmul(x, op.in(1));
  if (op.has(2)) projected = projected + op.in(2);
  const auto parts = projected.split_with_sizes(projection_sizes(op, op.in(1)), -1);
  Heads heads{heads_of(op, parts[0], count), heads_of(op, parts[1], count),
              heads_of(op, parts[2], count)};
  if (op.has(4)) {
    const at::Tensor& past = op.in(4);
    if (past.dim() != 5 || past.size(0) != 2) op.refuse("a past of this form");
    heads.keys = at::cat({past.select(0, 0), heads.keys}, 2);
    heads.values = at::cat({past.select(0, 1), heads.values}, 2);
  }
  const at::Tensor y = attend(op, heads, op.has(3) ? op.in(3) : at::Tensor());
  if (op.node.outputs.size() < 2) return {y};
  if (heads.keys.sizes() != heads.values.sizes()) op.refuse("keys and values differ in size");
  return {y, at::stack({heads.keys, heads.values})};
}

// Inputs: queries, keys, values, their biases in a row, a mask, bias of the scores, past keys and
// values.
Values multi_head_attention(const OpContext& op) {
  const std::int64_t count = head_count(op);
  // ONNX Runtime itself does not compute what its documentation says of it.
  if (op.has(4)) op.refuse("key_padding_mask");
  std::array<at::Tensor, 3> parts;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!op.has(i) || op.in(i).dim() != 3) op.refuse("of packed or absent keys and values");
    parts[i] = float_in(op, i);
    if (op.has(3)) {
      const std::int64_t size = parts[i].size(2);
      if (op.in(3).dim() != 1 || begin + size > op.in(3).size(0))
        op.refuse("its bias does not fit");
      parts[i] = parts[i] + op.in(3).narrow(0, begin, size);
      begin += size;
    }
  }
  Heads heads{heads_of(op, parts[0], count), heads_of(op, parts[1], count),
              heads_of(op, parts[2], count)};
  if (op.has(6) != op.has(7)) op.refuse("past keys without values");
  if (op.has(6)) {
    heads.keys = at::cat({op.in(6), heads.keys}, 2);
    heads.values = at::cat({op.in(7), heads.values}, 2);
  }
  return {attend(op, heads, {}), heads.keys, heads.values};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Attention", 1, attention, 1, kMicrosoft},
    {"MultiHeadAttention", 1, multi_head_attention, 1, kMicrosoft},
});

}  // namespace

std::span<const Operator> attention_operators() { return kOperators; }

}  // namespace qc::torch_engine
