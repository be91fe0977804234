#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "engine/torch/op.h"

namespace qc::torch_engine {
namespace {

using Rows = std::vector<const Operator*>;

std::map<std::string_view, Rows> make_index() {
  std::map<std::string_view, Rows> index;
  for (const auto& operators :
       {activation_operators(),   arithmetic_operators(),      attention_operators(),
        comparison_operators(),   control_flow_operators(),    convolution_operators(),
        detection_operators(),    elementary_operators(),      generator_operators(),
        indexing_operators(),     legacy_operators(),          loss_operators(),
        matrix_operators(),       normalization_operators(),   pooling_operators(),
        quantization_operators(), quantized_layer_operators(), rearrange_operators(),
        recurrent_operators(),    reduction_operators(),       resize_operators(),
        sequence_operators(),     shape_operators(),           signal_operators()}) {
    for (const Operator& row : operators) index[row.name].push_back(&row);
  }
  return index;
}

}  // namespace

const Operator* find_operator(std::string_view domain, std::string_view name, std::int64_t opset) {
  static const std::map<std::string_view, Rows> index = make_index();
  const auto rows = index.find(name);
  if (rows == index.end()) return nullptr;
  const auto row = std::ranges::find_if(rows->second, [&](const Operator* candidate) {
    return candidate->domain == domain && candidate->since <= opset && opset <= candidate->until;
  });
  return row == rows->second.end() ? nullptr : *row;
}

}  // namespace qc::torch_engine
