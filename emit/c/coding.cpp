#include "emit/c/coding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "core/error.h"
#include "emit/c/conv_call.h"
#include "emit/c/planner.h"

namespace qc::c {
namespace {

Bytes float_bytes(std::span<const float> values) {
  Bytes bytes(values.size_bytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Argument literal(std::size_t number) { return {Argument::Literal{fmt::format("{}", number)}}; }

// The forms of all groups. Either all of them go by tiles of the same inputs or none.
std::vector<ChosenForm> choose_forms(Product& product, const PlanOptions& options) {
  std::vector<ChosenForm> forms;
  const auto choose = [&] {
    forms.clear();
    for (std::size_t group = 0; group < product.groups; ++group) {
      forms.push_back(form_of(product, group, options.goal, options.form));
    }
  };
  choose();
  const TileForm* first = forms[0].tiles;
  const bool alike = std::ranges::all_of(forms, [first](const ChosenForm& form) {
    return (form.tiles == nullptr) == (first == nullptr) &&
           (first == nullptr || form.tiles->input == first->input);
  });
  if (alike) return forms;
  product.tiles.reset();
  choose();
  return forms;
}

// Makes the call of a convolution one by tiles.
void go_by_tiles(Step& step, const Product& product) {
  std::vector<Argument> arguments = std::move(step.arguments);
  step.arguments.assign(arguments.begin(), arguments.begin() + ConvCall::kBlock);
  const TileInput input = *product.tile_input;
  step.kernel = "qk_conv_tiles";
  step.arguments.emplace_back(
      Argument::Literal{input == TileInput::kFloats ? "qk_pad_planes" : "qk_pack_words"});
  step.arguments.push_back(literal(product.tiles->planes(input)));
  step.arguments.push_back(literal(product.tiles->bits));
  step.arguments.emplace_back(Argument::Scratch{product.tiles->memory(input) * sizeof(float)});
  step.arguments.push_back(arguments[ConvCall::kOutput]);
}

void code(Planner& planner, Product& product) {
  const std::string label = product.name;
  product.name = planner.identifier(product.name);
  std::vector<ChosenForm> forms = choose_forms(product, planner.options());
  for (std::size_t group = 0; group < product.groups; ++group) {
    ChosenForm& chosen = forms[group];
    const std::string_view kernel =
        chosen.tiles != nullptr ? chosen.tiles->kernel : chosen.form->kernel;
    Product::Call call{std::string(kernel), {}, chosen.weights.scratch > 0};
    const std::string part_of = product.groups == 1 ? "" : fmt::format("_{}", group);
    for (CodedWeights::Part& part : chosen.weights.parts) {
      if (part.suffix.empty()) {
        call.arguments.emplace_back(Argument::Literal{part.literal});
        continue;
      }
      const std::string comment =
          fmt::format("{}, {}x{}", chosen.form->name, product.rows, product.columns);
      call.arguments.emplace_back(
          Argument::Array{planner.array({fmt::format("{}{}_{}", label, part_of, part.suffix),
                                         part.type, std::move(part.bytes), comment})});
    }
    call.arguments.push_back(literal(product.rows));
    call.arguments.push_back(literal(product.columns));
    if (product.bias.empty() || !product.adds_bias) {
      call.arguments.emplace_back(Argument::Literal{"NULL"});
    } else {
      const auto bias =
          std::span<const float>(product.bias).subspan(group * product.rows, product.rows);
      call.arguments.emplace_back(Argument::Array{planner.array(
          {fmt::format("{}{}_bias", label, part_of), "float", float_bytes(bias), "bias"})});
    }
    product.scratch = std::max(product.scratch, chosen.weights.scratch);
    product.operations += chosen.weights.operations;
    if (product.form.find(chosen.form->name) == std::string::npos) {
      if (!product.form.empty()) product.form += ", ";
      product.form += chosen.form->name;
    }
    product.calls.push_back(std::move(call));
  }
  product.weights = {};
  if (forms[0].tiles != nullptr) product.tile_input = forms[0].tiles->input;
}

}  // namespace

ChosenForm form_of(const Product& product, std::size_t group, Goal goal, std::string_view only) {
  const std::size_t size = product.rows * product.columns;
  const auto values = std::span<const float>(product.weights).subspan(group * size, size);
  return choose_form({product.rows, product.columns, values, product.signs_only, product.pixels,
                      product.tiles ? &*product.tiles : nullptr},
                     goal, only);
}

void code_products(Planner& planner) {
  Plan& plan = planner.plan();
  for (Step& step : plan.steps) {
    Argument bias{Argument::Literal{"NULL"}};  // follows the function
    const Product* by_tiles = nullptr;
    for (Argument& argument : step.arguments) {
      if (const auto* function = std::get_if<Argument::Function>(&argument.what)) {
        Product& product = plan.products[function->product];
        code(planner, product);
        if (product.tile_input) by_tiles = &product;
        step.operations += product.operations * product.vectors;
        if (!product.bias.empty() && !product.adds_bias) {
          bias = Argument{Argument::Array{
              planner.array({product.name + "_bias", "float", float_bytes(product.bias), "bias"})}};
        }
      } else if (std::holds_alternative<Argument::ProductBias>(argument.what)) {
        argument = bias;
      } else if (const auto* needs = std::get_if<Argument::ProductScratch>(&argument.what)) {
        const std::uint64_t bytes = plan.products[needs->product].scratch * needs->pixels;
        if (bytes == 0) {
          argument = {Argument::Literal{"NULL"}};
        } else {
          argument = {Argument::Scratch{bytes}};
        }
      }
    }
    if (by_tiles != nullptr) go_by_tiles(step, *by_tiles);
  }
}

}  // namespace qc::c
