#include "emit/c/pooled_layers.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "emit/c/conv_call.h"
#include "emit/c/operators/window.h"
#include "emit/c/planner.h"

namespace qc::c {
namespace {

constexpr std::array<std::string_view, 9> kIncreasing = {
    "Relu", "Clip", "Sigmoid", "Tanh", "Sign", "Softsign", "Selu", "Softplus", "LeakyRelu"};

bool keeps_order(const Node& node) {
  if (!node.domain.empty() || std::ranges::find(kIncreasing, node.op) == kIncreasing.end()) {
    return false;
  }
  const auto* alpha = node.get<float>("alpha");
  return alpha == nullptr || *alpha >= 0;
}

Step* convolution_of(Plan& plan, ValueId value) {
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    if (step->kernel != "qk_conv" || step->arguments.size() != ConvCall::kCount) continue;
    const auto* written = std::get_if<Argument::Written>(&step->arguments[ConvCall::kOutput].what);
    if (written != nullptr && written->value == value) return &*step;
  }
  return nullptr;
}

bool lies_apart(const Window& window) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (window.pad[axis] != 0 || window.dilation[axis] != 1 ||
        window.stride[axis] < window.kernel[axis] ||
        (window.out[axis] - 1) * window.stride[axis] + window.kernel[axis] > window.in[axis]) {
      return false;
    }
  }
  return true;
}

}  // namespace

void move_pools_forward(std::vector<Node>& nodes,
                        const std::function<std::size_t(const std::string& value)>& uses) {
  std::map<std::string, std::size_t> makers;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::size_t at = i;  // of the pool
    while (nodes[at].is_standard("MaxPool") && nodes[at].inputs.size() == 1 &&
           nodes[at].outputs.size() == 1 && uses(nodes[at].inputs[0]) == 1) {
      const auto maker = makers.find(nodes[at].inputs[0]);
      if (maker == makers.end() || !keeps_order(nodes[maker->second])) break;
      Node& pool = nodes[at];
      Node& function = nodes[maker->second];
      const std::string between = pool.inputs[0];
      pool.inputs[0] = std::exchange(function.inputs[0], between);
      function.outputs[0] = std::exchange(pool.outputs[0], between);
      std::swap(pool, function);
      makers[nodes[at].outputs[0]] = at;
      at = maker->second;
    }
    for (const std::string& output : nodes[at].outputs) makers[output] = at;
  }
}

bool pool_in_layer(Planner& planner, NodePlan& node) {
  // Blocks of pixels in lines as short as a window are slower to gather than those of whole lines.
  if (planner.options().goal == Goal::kSpeed) return false;
  const bool average = node.node().is_standard("AveragePool");
  if (!average && !node.node().is_standard("MaxPool")) return false;
  const std::optional<ValueId> made = planner.made_for(node, 0);
  if (!made || node.has_output(1)) return false;
  Step* step = convolution_of(planner.plan(), *made);
  if (step == nullptr) return false;
  const Window pool = window_of(node, node.shape(0), node.list("kernel_shape"));
  const auto* given = std::get_if<Argument::Literal>(&step->arguments[ConvCall::kBlock].what);
  const std::int64_t block = std::stoll(given->text);
  if (!lies_apart(pool) || pool.kernel[2] > block) return false;
  const auto& function = std::get<Argument::Function>(step->arguments[0].what);
  Product& product = planner.plan().products[function.product];
  const Shape& input = node.shape(0);
  Shape shape(input.begin(), input.begin() + 2);
  const Shape out = axes_of(pool.out, input.size() - 2);
  shape.insert(shape.end(), out.begin(), out.end());
  const ValueId y = node.output(0, DataType::kFloat, shape);
  const std::size_t values = sizeof(float) * product.rows * static_cast<std::size_t>(block);
  product.vectors = static_cast<std::uint64_t>(shape[0] * pool.out_size() * pool.taps());

  std::vector<Argument> arguments = std::move(step->arguments);
  step->arguments.assign(arguments.begin(), arguments.begin() + ConvCall::kBlock);
  node.array(*step, "pool", pool.numbers());
  step->arguments.push_back(arguments[ConvCall::kBlock]);
  node.size(*step, average ? 1 : 0);
  step->arguments.push_back(arguments[ConvCall::kPatches]);
  node.scratch(*step, values);
  step->arguments.insert(step->arguments.end(), arguments.begin() + ConvCall::kScratch,
                         arguments.begin() + ConvCall::kOutput);
  node.write(*step, y);
  step->kernel = "qk_conv_pool";
  step->op += " " + node.node().op;
  return true;
}

}  // namespace qc::c
