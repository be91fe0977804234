// RNN, GRU and LSTM.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

using Tensors = std::vector<at::Tensor>;
using Activation = std::function<at::Tensor(const at::Tensor&)>;
/// Projected input of one step {batch, gates * hidden} and the state; gives the next state, whose
/// first tensor is the output.
using Step = std::function<Tensors(const at::Tensor&, const Tensors&)>;

Activation activation(const OpContext& op, const std::string& name) {
  if (name == "Sigmoid") return [](const at::Tensor& x) { return at::sigmoid(x); };
  if (name == "Tanh") return [](const at::Tensor& x) { return at::tanh(x); };
  if (name == "Relu") return [](const at::Tensor& x) { return at::relu(x); };
  op.refuse("activation " + name);
}

// One network: sizes, directions and the tensors that all three kinds have.
struct Network {
  std::int64_t hidden = 0;
  std::int64_t gates = 0;
  std::int64_t directions = 1;
  bool first_reversed = false;
  bool batch_first = false;
  at::Tensor x;        // {steps, batch, features}
  at::Tensor lengths;  // {batch, 1}, or undefined
};

Network read_network(const OpContext& op, std::int64_t gates) {
  Network net;
  net.gates = gates;
  net.batch_first = op.opset >= 14 && op.int_or("layout", 0) != 0;
  const at::Tensor& x = float_in(op, 0);
  if (x.dim() != 3 || op.in(1).dim() != 3 || op.in(2).dim() != 3) {
    op.refuse("of other than three dimensions");
  }
  net.x = net.batch_first ? x.transpose(0, 1) : x;
  net.hidden = op.in(2).size(2);
  if (op.int_or("hidden_size", net.hidden) != net.hidden) op.refuse("hidden_size is not that of R");
  const std::string direction = op.string_or("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    op.refuse("direction " + direction);
  }
  net.directions = direction == "bidirectional" ? 2 : 1;
  net.first_reversed = direction == "reverse";
  if (op.in(1).size(0) != net.directions || op.in(2).size(0) != net.directions ||
      op.in(1).size(1) != gates * net.hidden || op.in(2).size(1) != gates * net.hidden) {
    op.refuse("its weights do not fit");
  }
  if (op.has_attribute("clip")) op.refuse("clip");
  if (!op.floats("activation_alpha").empty() || !op.floats("activation_beta").empty()) {
    op.refuse("activations with parameters");
  }
  if (net.x.size(0) == 0) op.refuse("of no steps");
  if (op.has(4)) {
    net.lengths = op.in(4).to(x.device(), at::kLong).reshape({-1, 1});
    if (net.lengths.size(0) != net.x.size(1)) op.refuse("its lengths do not fit");
    if (net.lengths.min().item().toLong() == net.x.size(0) &&
        net.lengths.max().item().toLong() == net.x.size(0)) {
      net.lengths = at::Tensor();
    }
  }
  return net;
}

// The functions of one direction, from attribute activations or the defaults.
std::vector<Activation> activations(const OpContext& op, const Network& net,
                                    std::vector<std::string> names, std::int64_t direction) {
  const std::vector<std::string> given = op.strings("activations");
  if (!given.empty()) {
    if (given.size() != names.size() * static_cast<std::size_t>(net.directions)) {
      op.refuse("activations do not fit");
    }
    std::copy_n(given.begin() + direction * static_cast<std::int64_t>(names.size()), names.size(),
                names.begin());
  }
  std::vector<Activation> functions;
  for (const std::string& name : names) functions.push_back(activation(op, name));
  return functions;
}

// The state before the first step: input `index`, or zeros.
at::Tensor initial(const OpContext& op, const Network& net, std::size_t index,
                   std::int64_t direction) {
  if (!op.has(index)) return at::zeros({net.x.size(1), net.hidden}, net.x.options());
  const at::Tensor& given = op.in(index);
  if (given.dim() != 3) op.refuse("its initial state does not fit");
  return net.batch_first ? given.select(1, direction) : given.select(0, direction);
}

// Biases of the input's and of the state's projection, {gates * hidden} each.
std::array<at::Tensor, 2> biases(const OpContext& op, const Network& net, std::int64_t direction) {
  const std::int64_t count = net.gates * net.hidden;
  if (!op.has(3)) {
    const at::Tensor zeros = at::zeros({count}, net.x.options());
    return {zeros, zeros};
  }
  const at::Tensor both = op.in(3).select(0, direction);
  if (both.dim() != 1 || both.size(0) != 2 * count) op.refuse("its biases do not fit");
  return {both.narrow(0, 0, count), both.narrow(0, count, count)};
}

struct Outcome {
  at::Tensor outputs;  // {steps, batch, hidden}
  Tensors state;
};

// A sequence that has ended keeps its state and gives zeros.
Outcome run_direction(const Network& net, const at::Tensor& projected, Tensors state,
                      const Step& step, bool reversed) {
  const std::int64_t steps = projected.size(0);
  Tensors outputs(static_cast<std::size_t>(steps));
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t t = reversed ? steps - 1 - i : i;
    Tensors next = step(projected[t], state);
    at::Tensor& output = outputs[static_cast<std::size_t>(t)];
    output = next.front();
    if (net.lengths.defined()) {
      const at::Tensor running = net.lengths.gt(t);
      output = at::where(running, output, at::zeros_like(output));
      for (std::size_t k = 0; k < next.size(); ++k) {
        next[k] = at::where(running, next[k], state[k]);
      }
    }
    state = std::move(next);
  }
  return {at::stack(outputs, 0), std::move(state)};
}

// Runs every direction; `make` gives its step, its state and what is added to the projected input.
struct Direction {
  Step step;
  Tensors state;
  at::Tensor bias;
};

Values run_network(const OpContext& op, const Network& net,
                   const std::function<Direction(std::int64_t)>& make) {
  std::vector<Tensors> states;  // one list for each kind of state
  Tensors outputs;
  for (std::int64_t d = 0; d < net.directions; ++d) {
    const Direction direction = make(d);
    const at::Tensor projected = at::matmul(net.x, op.in(1).select(0, d).t()) + direction.bias;
    const bool reversed = net.first_reversed || d == 1;
    Outcome outcome = run_direction(net, projected, direction.state, direction.step, reversed);
    outputs.push_back(outcome.outputs);
    states.resize(outcome.state.size());
    for (std::size_t k = 0; k < states.size(); ++k) states[k].push_back(outcome.state[k]);
  }
  // {steps, directions, batch, hidden}, or {batch, steps, directions, hidden}
  const at::Tensor y = at::stack(outputs, 1);
  Values results = {net.batch_first ? y.permute({2, 0, 1, 3}) : y};
  for (const Tensors& state : states)
    results.emplace_back(at::stack(state, net.batch_first ? 1 : 0));
  return results;
}

Values rnn(const OpContext& op) {
  const Network net = read_network(op, 1);
  return run_network(op, net, [&](std::int64_t d) {
    const auto [input_bias, state_bias] = biases(op, net, d);
    const Activation f = activations(op, net, {"Tanh"}, d)[0];
    const at::Tensor recurrence = op.in(2).select(0, d).t();
    return Direction{[=](const at::Tensor& x, const Tensors& state) -> Tensors {
                       return {f(x + at::mm(state[0], recurrence))};
                     },
                     {initial(op, net, 5, d)},
                     input_bias + state_bias};
  });
}

// Gates in ONNX's order: update, reset, hidden.
Values gru(const OpContext& op) {
  const Network net = read_network(op, 3);
  const bool reset_after = op.int_or("linear_before_reset", 0) != 0;
  return run_network(op, net, [&](std::int64_t d) {
    const std::int64_t h = net.hidden;
    const at::Tensor input_bias = biases(op, net, d)[0];
    const at::Tensor state_bias = biases(op, net, d)[1];
    const auto functions = activations(op, net, {"Sigmoid", "Tanh"}, d);
    const Activation f = functions[0];
    const Activation g = functions[1];
    const at::Tensor recurrence = op.in(2).select(0, d).t();
    const at::Tensor to_gates = recurrence.narrow(1, 0, 2 * h);
    const at::Tensor to_hidden = recurrence.narrow(1, 2 * h, h);
    const at::Tensor gate_bias = state_bias.narrow(0, 0, 2 * h);
    const at::Tensor hidden_bias = state_bias.narrow(0, 2 * h, h);
    const Step step = [=](const at::Tensor& x, const Tensors& state) -> Tensors {
      const at::Tensor& before = state[0];
      const at::Tensor gates = f(x.narrow(1, 0, 2 * h) + at::mm(before, to_gates) + gate_bias);
      const at::Tensor update = gates.narrow(1, 0, h);
      const at::Tensor reset = gates.narrow(1, h, h);
      const at::Tensor recurrent = reset_after ? reset * (at::mm(before, to_hidden) + hidden_bias)
                                               : at::mm(reset * before, to_hidden) + hidden_bias;
      const at::Tensor hidden = g(x.narrow(1, 2 * h, h) + recurrent);
      return {(1 - update) * hidden + update * before};
    };
    return Direction{step, {initial(op, net, 5, d)}, input_bias};
  });
}

// Gates in ONNX's order: input, output, forget, cell.
Values lstm(const OpContext& op) {
  if (op.int_or("input_forget", 0) != 0) op.refuse("input_forget");
  const Network net = read_network(op, 4);
  return run_network(op, net, [&](std::int64_t d) {
    const std::int64_t h = net.hidden;
    const auto functions = activations(op, net, {"Sigmoid", "Tanh", "Tanh"}, d);
    const Activation f = functions[0];
    const Activation g = functions[1];
    const Activation last = functions[2];
    const at::Tensor recurrence = op.in(2).select(0, d).t();
    const bool peepholes = op.has(7);
    at::Tensor peep;
    if (peepholes) {
      peep = op.in(7).select(0, d);
      if (peep.dim() != 1 || peep.size(0) != 3 * h) op.refuse("its peepholes do not fit");
    }
    const Step step = [=](const at::Tensor& x, const Tensors& state) -> Tensors {
      const at::Tensor& cell = state[1];
      const at::Tensor sums = x + at::mm(state[0], recurrence);
      at::Tensor input = sums.narrow(1, 0, h);
      at::Tensor output = sums.narrow(1, h, h);
      at::Tensor forget = sums.narrow(1, 2 * h, h);
      if (peepholes) {
        input = input + peep.narrow(0, 0, h) * cell;
        forget = forget + peep.narrow(0, 2 * h, h) * cell;
      }
      const at::Tensor next = f(forget) * cell + f(input) * g(sums.narrow(1, 3 * h, h));
      if (peepholes) output = output + peep.narrow(0, h, h) * next;
      return {f(output) * last(next), next};
    };
    const auto [input_bias, state_bias] = biases(op, net, d);
    return Direction{
        step, {initial(op, net, 5, d), initial(op, net, 6, d)}, input_bias + state_bias};
  });
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"RNN", 1, rnn},
    {"GRU", 1, gru},
    {"LSTM", 1, lstm},
});

}  // namespace

std::span<const Operator> recurrent_operators() { return kOperators; }

}  // namespace qc::torch_engine
