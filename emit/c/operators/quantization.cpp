// QuantizeLinear and DequantizeLinear, done right away where all is known.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "emit/c/expansion.h"
#include "emit/c/numbers.h"
#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

bool is_byte(DataType type) { return type == DataType::kUint8 || type == DataType::kInt8; }

// The lanes whose middle has a scale each; one scale for all without such an axis.
Lanes channels_of(const NodePlan& node) {
  require_floats(node, 1);
  if (node.integer("block_size", 0) != 0) node.refuse("blocks");
  const Shape& shape = node.shape(0);
  const Shape& scale = node.shape(1);
  if (node.has_input(2) && count_of(node.shape(2)) != count_of(scale)) {
    node.refuse("its zero points do not fit");
  }
  if (count_of(scale) == 1) return {1, 1, product_of(shape)};
  if (node.opset() < 13) node.refuse("more than one scale");
  const Lanes lanes = lanes_of(shape, node.axis(node.integer("axis", 1), shape.size()));
  if (scale != Shape{lanes.axis}) node.refuse("its scales do not fit");
  return lanes;
}

bool is_known(const NodePlan& node) {
  return node.constant(0) != nullptr && node.constant(1) != nullptr &&
         (!node.has_input(2) || node.constant(2) != nullptr);
}

/// What is known of the parameters of a channel.
struct Channels {
  std::vector<float> scales;
  std::vector<std::int64_t> zeros;

  explicit Channels(const NodePlan& node) : scales(node.floats(1)), zeros(scales.size()) {
    if (node.has_input(2)) zeros = node.integers(2);
  }
};

void read_parameters(NodePlan& node, Step& step) {
  node.read(step, node.input(1));
  if (node.has_input(2)) {
    node.read(step, node.input(2));
  } else {
    node.null(step);
  }
}

void plan_quantize(NodePlan& node) {
  require_floats(node, 0);
  const bool multiplies = node.integer(kMultiplies, 0) != 0;
  const Lanes lanes = channels_of(node);
  DataType type = node.has_input(2) ? node.type(2) : DataType::kUint8;
  if (!node.has_input(2) && node.opset() >= 21 && node.integer("output_dtype", 0) != 0) {
    type = static_cast<DataType>(node.integer("output_dtype", 0));
  }
  if (!is_byte(type)) node.refuse("to " + data_type_name(type));
  const Shape shape = node.shape(0);
  if (is_known(node)) {
    const Channels channels(node);
    const std::vector<float> values = node.floats(0);
    const std::int64_t low = type == DataType::kInt8 ? -128 : 0;
    HostTensor quantized{type, shape, {}};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t c = i / static_cast<std::size_t>(lanes.inner) % channels.scales.size();
      const float scale = channels.scales[c];
      const double level = std::nearbyint(multiplies ? values[i] * scale : values[i] / scale);
      const double bounded = std::clamp(level + static_cast<double>(channels.zeros[c]),
                                        static_cast<double>(low), static_cast<double>(low + 255));
      quantized.bytes.push_back(static_cast<std::uint8_t>(static_cast<std::int64_t>(bounded)));
    }
    node.output_constant(0, std::move(quantized));
    return;
  }
  const ValueId y = node.output(0, type, shape);
  Step& step = node.call("qk_quantize");
  node.read(step, node.input(0));
  read_parameters(node, step);
  node.write(step, y);
  add_text(step, element_name(type));
  node.size(step, multiplies ? 1 : 0);
  add_lanes(node, step, lanes);
  step.operations = count_of(shape);
}

void plan_dequantize(NodePlan& node) {
  const Lanes lanes = channels_of(node);
  const Shape shape = node.shape(0);
  const DataType type = node.type(0);
  if (node.has_input(2) && node.type(2) != type) node.refuse("its zero points do not fit");
  if (is_known(node)) {
    const auto numbers = to_numbers(*node.constant(0));
    if (!numbers || numbers->is_float()) node.refuse("of " + data_type_name(type));
    const Channels channels(node);
    HostTensor real{DataType::kFloat, shape, {}};
    for (std::size_t i = 0; i < numbers->integers.size(); ++i) {
      const std::size_t c = i / static_cast<std::size_t>(lanes.inner) % channels.scales.size();
      append_le(real.bytes,
                static_cast<float>(numbers->integers[i] - channels.zeros[c]) * channels.scales[c]);
    }
    node.output_constant(0, std::move(real));
    return;
  }
  if (!is_byte(type) && type != DataType::kInt32) node.refuse("of " + data_type_name(type));
  const ValueId y = node.output(0, DataType::kFloat, shape);
  Step& step = node.call("qk_dequantize");
  node.read(step, node.input(0));
  add_text(step, element_name(type));
  read_parameters(node, step);
  node.write(step, y);
  add_lanes(node, step, lanes);
  step.operations = count_of(shape);
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"QuantizeLinear", "", 10, plan_quantize},
    {"DequantizeLinear", "", 10, plan_dequantize},
});

}  // namespace

std::span<const OperatorRow> quantization_operators() { return kOperators; }

}  // namespace qc::c
