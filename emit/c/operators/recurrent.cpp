// RNN, GRU and LSTM. Their weights are products as those of other layers are, and have their forms:
// one of the input, one of the state, and for a GRU one of the state for the hidden gate.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

struct Kind {
  std::string_view op;
  std::string_view cell;
  std::int64_t gates = 1;
  std::vector<std::string> activations;
};

/// What all three kinds have.
struct Layer {
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  std::int64_t directions = 1;
  bool first_is_backward = false;
  bool batch_first = false;
  bool reset_after = false;
};

Layer read_layer(const NodePlan& node, const Kind& kind) {
  Layer layer;
  layer.batch_first = node.opset() >= 14 && node.integer("layout", 0) != 0;
  for (const std::size_t input : {0U, 1U, 2U}) {
    require_floats(node, input);
    if (node.shape(input).size() != 3) node.refuse("of other than three axes");
  }
  const Shape& x = node.shape(0);
  layer.steps = x[layer.batch_first ? 1 : 0];
  layer.batch = x[layer.batch_first ? 0 : 1];
  layer.input = x[2];
  layer.hidden = node.shape(2)[2];
  if (node.integer("hidden_size", layer.hidden) != layer.hidden) {
    node.refuse("hidden_size is not that of R");
  }
  const std::string direction = node.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    node.refuse("direction " + direction);
  }
  layer.directions = direction == "bidirectional" ? 2 : 1;
  layer.first_is_backward = direction == "reverse";
  layer.reset_after = node.integer("linear_before_reset", 0) != 0;
  const std::int64_t rows = kind.gates * layer.hidden;
  if (node.shape(1) != Shape{layer.directions, rows, layer.input} ||
      node.shape(2) != Shape{layer.directions, rows, layer.hidden} ||
      (node.has_input(3) && node.shape(3) != Shape{layer.directions, 2 * rows})) {
    node.refuse("its weights do not fit");
  }
  for (const char* attribute : {"clip", "activation_alpha", "activation_beta"}) {
    if (node.has(attribute)) node.refuse(attribute);
  }
  if (node.integer("input_forget", 0) != 0) node.refuse("input_forget");
  if (node.has_input(4) &&
      (node.type(4) != DataType::kInt32 || node.shape(4) != Shape{layer.batch})) {
    node.refuse("its lengths do not fit");
  }
  return layer;
}

std::int32_t activation(const NodePlan& node, const std::string& name) {
  constexpr std::array kNames = {"Sigmoid", "Tanh", "Relu"};  // as in enum qk_activation
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) node.refuse("activation " + name);
  return static_cast<std::int32_t>(found - kNames.begin());
}

// Three for each direction, those that a kind has not being 0.
std::vector<std::int32_t> activations_of(const NodePlan& node, const Kind& kind,
                                         const Layer& layer) {
  const auto* given = node.node().get<std::vector<std::string>>("activations");
  const std::size_t each = kind.activations.size();
  const auto directions = static_cast<std::size_t>(layer.directions);
  if (given != nullptr && given->size() != each * directions) node.refuse("activations do not fit");
  std::vector<std::int32_t> functions(3 * directions);
  for (std::size_t d = 0; d < directions; ++d) {
    for (std::size_t i = 0; i < each; ++i) {
      functions[3 * d + i] =
          activation(node, given != nullptr ? (*given)[d * each + i] : kind.activations[i]);
    }
  }
  return functions;
}

/// Rows from `first` on of the weights of an input, and the biases from there on of those in B.
struct Part {
  std::size_t input = 1;
  std::int64_t first = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t all_rows = 0;
};

Product product_of(const NodePlan& node, const Layer& layer, const Part& part) {
  Product product;
  product.groups = static_cast<std::size_t>(layer.directions);
  product.rows = static_cast<std::size_t>(part.rows);
  product.columns = static_cast<std::size_t>(part.columns);
  product.vectors = static_cast<std::uint64_t>(layer.steps * layer.batch);
  const std::vector<float> weights = node.floats(part.input);
  for (std::int64_t d = 0; d < layer.directions; ++d) {
    const auto begin = weights.begin() + (d * part.all_rows + part.first) * part.columns;
    product.weights.insert(product.weights.end(), begin, begin + part.rows * part.columns);
  }
  return product;
}

// The biases of the input's product (0) or the state's (1), in `all_rows` of each.
void add_bias(const NodePlan& node, const Layer& layer, const Part& part, std::int64_t which,
              Product& product) {
  if (!node.has_input(3)) return;
  const std::vector<float> biases = node.floats(3);
  const bool is_empty = product.bias.empty();
  if (is_empty) product.bias.resize(product.groups * product.rows);
  for (std::int64_t d = 0; d < layer.directions; ++d) {
    for (std::int64_t row = 0; row < part.rows; ++row) {
      const std::int64_t from = (2 * d + which) * part.all_rows + part.first + row;
      product.bias[static_cast<std::size_t>(d * part.rows + row)] +=
          biases[static_cast<std::size_t>(from)];
    }
  }
}

void add_product(NodePlan& node, Step& step, Product product) {
  const std::size_t index = node.product(step, std::move(product));
  node.product_scratch(step, index, 1);
}

// All products. Biases of the state are added to those of the input, but for a GRU, whose reset
// gate comes between.
void add_products(NodePlan& node, Step& step, const Kind& kind, const Layer& layer) {
  const bool is_gru = kind.op == "GRU";
  const std::int64_t rows = kind.gates * layer.hidden;
  const std::int64_t state_rows = is_gru ? 2 * layer.hidden : rows;
  const Part input = {1, 0, rows, layer.input, rows};
  const Part state = {2, 0, state_rows, layer.hidden, rows};
  Product of_input = product_of(node, layer, input);
  add_bias(node, layer, input, 0, of_input);
  if (!is_gru) add_bias(node, layer, input, 1, of_input);
  add_product(node, step, std::move(of_input));
  Product of_state = product_of(node, layer, state);
  if (is_gru) add_bias(node, layer, state, 1, of_state);
  add_product(node, step, std::move(of_state));
  if (!is_gru) {
    node.null(step);
    node.null(step);
    return;
  }
  const Part candidate = {2, state_rows, layer.hidden, layer.hidden, rows};
  Product of_candidate = product_of(node, layer, candidate);
  add_bias(node, layer, candidate, 1, of_candidate);
  add_product(node, step, std::move(of_candidate));
}

Shape state_shape(const Layer& layer) {
  return layer.batch_first ? Shape{layer.batch, layer.directions, layer.hidden}
                           : Shape{layer.directions, layer.batch, layer.hidden};
}

void read_state(NodePlan& node, Step& step, std::size_t input, const Shape& shape) {
  if (!node.has_input(input)) {
    node.null(step);
    return;
  }
  require_floats(node, input);
  if (node.shape(input) != shape) node.refuse(fmt::format("input {} does not fit", input));
  node.read(step, node.input(input));
}

void plan_layer(NodePlan& node, const Kind& kind) {
  const Layer layer = read_layer(node, kind);
  const bool is_lstm = kind.op == "LSTM";
  const std::vector<std::int32_t> functions = activations_of(node, kind, layer);
  const Shape state = state_shape(layer);
  const Shape outputs = layer.batch_first
                            ? Shape{layer.batch, layer.steps, layer.directions, layer.hidden}
                            : Shape{layer.steps, layer.directions, layer.batch, layer.hidden};
  std::vector<float> peepholes;
  if (is_lstm && node.has_input(7)) {
    if (node.shape(7) != Shape{layer.directions, 3 * layer.hidden}) {
      node.refuse("its peepholes do not fit");
    }
    peepholes = node.floats(7);
  }
  std::array<std::optional<ValueId>, 3> written;
  for (std::size_t i = 0; i < (is_lstm ? 3U : 2U); ++i) {
    if (node.has_output(i)) written[i] = node.output(i, DataType::kFloat, i == 0 ? outputs : state);
  }
  const std::array<std::int32_t, 9> sizes = {static_cast<std::int32_t>(layer.steps),
                                             static_cast<std::int32_t>(layer.batch),
                                             static_cast<std::int32_t>(layer.input),
                                             static_cast<std::int32_t>(layer.hidden),
                                             static_cast<std::int32_t>(layer.directions),
                                             static_cast<std::int32_t>(kind.gates),
                                             layer.first_is_backward ? 1 : 0,
                                             layer.batch_first ? 1 : 0,
                                             layer.reset_after ? 1 : 0};
  Step& step = node.call("qk_recurrent");
  add_text(step, kind.cell);
  add_products(node, step, kind, layer);
  node.array(step, "sizes", sizes);
  node.array(step, "functions", functions);
  node.array(step, "peepholes", peepholes);
  node.read(step, node.input(0));
  if (node.has_input(4)) {
    node.read(step, node.input(4));
  } else {
    node.null(step);
  }
  read_state(node, step, 5, state);
  if (is_lstm) {
    read_state(node, step, 6, state);
  } else {
    node.null(step);
  }
  for (const std::optional<ValueId>& value : written) {
    if (value) {
      node.write(step, *value);
    } else {
      node.null(step);
    }
  }
  node.scratch(step,
               static_cast<std::uint64_t>((2 * kind.gates + 2) * layer.hidden) * sizeof(float));
  step.operations = static_cast<std::uint64_t>(layer.directions * layer.steps * layer.batch *
                                               kind.gates * layer.hidden) *
                    static_cast<std::uint64_t>(layer.input + layer.hidden);
}

void plan_rnn(NodePlan& node) { plan_layer(node, {"RNN", "qk_rnn_cell", 1, {"Tanh"}}); }

void plan_gru(NodePlan& node) { plan_layer(node, {"GRU", "qk_gru_cell", 3, {"Sigmoid", "Tanh"}}); }

void plan_lstm(NodePlan& node) {
  plan_layer(node, {"LSTM", "qk_lstm_cell", 4, {"Sigmoid", "Tanh", "Tanh"}});
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"RNN", "", 7, plan_rnn},
    {"GRU", "", 7, plan_gru},
    {"LSTM", "", 7, plan_lstm},
});

}  // namespace

std::span<const OperatorRow> recurrent_operators() { return kOperators; }

}  // namespace qc::c
