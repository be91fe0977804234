#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "cli/inspect.h"
#include "cli/table.h"
#include "cli/text.h"
#include "passes/glob.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::string_view kAbout =
    "mults: multiplications for one input; a layer's other columns are per cent of them: "
    "skipped (weight 0),\n"
    "sign flips (weight 1, -1), shifts (2, -2), table look-ups (at most 256 values), xnors "
    "(weight and\n"
    "activation 1, -1), multiplied; weights of -2 to 2 times a scale take one more "
    "multiplication for each\n"
    "output, which the energy counts. Behind a Sign, products of any other weight are sign flips\n"
    "energy: an estimate, not a measurement. 32-bit operations at 45 nm (Horowitz 2014), in "
    "pJ: float\n"
    "add 0.9, float multiply 3.7, shift 0.1, xnor with its integer add 0.1; a look-up counts as "
    "the\n"
    "multiplication that it may replace, since reading a product from SRAM takes 5; weights are "
    "read from\n"
    "DRAM once, packed, at 640 for 32 bits; activations are not counted. was: with plain float "
    "weights\n"
    "kern.: share of the binary, ternary or five-level kernels that are unique; +-: when a "
    "kernel and\n"
    "its negative count as one\n";

// "31.2 uJ": three digits.
std::string energy_text(double picojoules) {
  constexpr std::array<const char*, 4> kUnits = {"pJ", "nJ", "uJ", "mJ"};
  std::size_t unit = 0;
  while (picojoules >= 999.5 && unit + 1 < kUnits.size()) {
    picojoules /= 1000;
    ++unit;
  }
  const int decimals = picojoules < 9.995 ? 2 : picojoules < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", picojoules, decimals, kUnits[unit]);
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  if (part == 0) return "-";
  return fmt::format("{:.1f}", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

std::vector<std::string> row(const std::string& name, const Products& products,
                             const Energy& energy, const Energy& dense,
                             const std::optional<Kernels>& kernels) {
  const std::uint64_t all = products.total();
  return {name,
          count_text(all),
          share_text(products.skipped, all),
          share_text(products.sign_flips, all),
          share_text(products.shifts, all),
          share_text(products.lookups, all),
          share_text(products.xnors, all),
          share_text(products.multiplied, all),
          energy_text(energy.total()),
          energy_text(dense.total()),
          kernels ? share_text(kernels->distinct, kernels->count) : "-",
          kernels ? share_text(kernels->distinct_up_to_sign, kernels->count) : "-"};
}

struct Total {
  Products products;
  Energy energy;
  Energy energy_dense;
  std::vector<std::string> unknown;  // layers that are not in it
};

Total add_up(const std::vector<LayerWork>& layers) {
  Total total;
  for (const LayerWork& layer : layers) {
    if (!layer.products) {
      total.unknown.push_back(layer.name);
      continue;
    }
    total.products += *layer.products;
    total.energy += layer.energy;
    total.energy_dense += layer.energy_dense;
  }
  return total;
}

nlohmann::ordered_json products_json(const Products& products) {
  return {{"multiplications", products.total()}, {"skipped", products.skipped},
          {"sign_flips", products.sign_flips},   {"shifts", products.shifts},
          {"lookups", products.lookups},         {"xnors", products.xnors},
          {"multiplied", products.multiplied},   {"scalings", products.scalings}};
}

nlohmann::ordered_json energy_json(const Energy& energy) {
  return {{"arithmetic", energy.arithmetic}, {"weights", energy.weights}};
}

nlohmann::ordered_json work_json(const Products& products, const Energy& energy,
                                 const Energy& dense) {
  nlohmann::ordered_json object = products_json(products);
  object["estimated_picojoules"] = energy_json(energy);
  object["estimated_picojoules_dense"] = energy_json(dense);
  return object;
}

// "1x3x?x?"; what is not known as `open`.
std::string sizes_text(const std::vector<std::int64_t>& dims, std::string_view open) {
  std::vector<std::string> sizes;
  sizes.reserve(dims.size());
  for (const std::int64_t dim : dims) {
    sizes.push_back(dim < 0 ? std::string(open) : fmt::format("{}", dim));
  }
  return fmt::format("{}", fmt::join(sizes, "x"));
}

// Why layers are not counted, and what to do.
std::string unknown_text(const HardwareView& view, const std::vector<std::string>& unknown) {
  constexpr std::size_t kNameWidth = 24;
  std::vector<std::string> names;
  names.reserve(unknown.size());
  for (const std::string& name : unknown) names.push_back(shorten_middle(name, kNameWidth));
  std::string text = fmt::format("The totals are partial. Not counted: {}\n", short_list(names));
  if (view.open_inputs.empty()) {
    return text + "ONNX's shape inference does not find how often their weights are used\n";
  }
  for (const OpenInput& input : view.open_inputs) {
    const bool shapeless = input.dims.empty();
    const std::string name = printable(input.name);
    text += shapeless ? fmt::format("the graph gives input {} no shape", name)
                      : fmt::format("the graph leaves sizes of input {} open: {}", name,
                                    sizes_text(input.dims, "?"));
    if (input.first) {
      text += fmt::format("; give them: --input-shape {}",
                          shapeless ? "1x3x224x224" : sizes_text(input.dims, "N"));
    }
    text += '\n';
  }
  return text;
}

}  // namespace

std::string hardware_text(const HardwareView& view) {
  if (view.layers.empty()) return "\nno layers that multiply by float weights\n";
  Table table({"layer", "mults", "skip %", "flip %", "shift %", "table %", "xnor %", "mult %",
               "energy", "was", "kern. %", "+- %"});
  const Total total = add_up(view.layers);
  for (const LayerWork& layer : view.layers) {
    if (layer.products) {
      table.add_row(
          row(layer.name, *layer.products, layer.energy, layer.energy_dense, layer.kernels));
    }
  }
  table.add_rule();
  const std::size_t counted = view.layers.size() - total.unknown.size();
  const std::string label =
      total.unknown.empty() ? "all" : fmt::format("{} of {} layers", counted, view.layers.size());
  table.add_row(row(label, total.products, total.energy, total.energy_dense, {}));
  std::string text = fmt::format("\n{}", table.text());
  if (!total.unknown.empty()) text += unknown_text(view, total.unknown);
  return text.append(kAbout);
}

nlohmann::ordered_json hardware_json(const HardwareView& view) {
  nlohmann::ordered_json document = {{"layers", nlohmann::ordered_json::array()}};
  for (const LayerWork& layer : view.layers) {
    nlohmann::ordered_json object = {{"name", layer.name}, {"op", layer.op}};
    object["work"] = nullptr;
    if (layer.products) {
      object["work"] = work_json(*layer.products, layer.energy, layer.energy_dense);
    }
    object["kernels"] = nullptr;
    if (layer.kernels) {
      object["kernels"] = {{"count", layer.kernels->count},
                           {"distinct", layer.kernels->distinct},
                           {"distinct_up_to_sign", layer.kernels->distinct_up_to_sign}};
    }
    document["layers"].push_back(std::move(object));
  }
  const Total total = add_up(view.layers);
  document["total"] = work_json(total.products, total.energy, total.energy_dense);
  document["unknown_layers"] = total.unknown.size();
  return document;
}

}  // namespace qc
