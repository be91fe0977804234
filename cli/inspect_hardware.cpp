#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "cli/inspect.h"
#include "cli/table.h"
#include "cli/text.h"

namespace qc {
namespace {

constexpr std::string_view kAbout =
    "mults: multiplications for one input; a layer's other columns are per cent of them: "
    "skipped (weight 0),\n"
    "sign flips (1, -1), shifts (2, -2), table look-ups (at most 256 values), multiplied; "
    "weights of -2 to 2\n"
    "times a scale take one more multiplication for each output, which the energy counts\n"
    "energy: an estimate, not a measurement. 32-bit operations at 45 nm (Horowitz 2014), in "
    "pJ: float\n"
    "add 0.9, float multiply 3.7, shift 0.1, look-up 5 (SRAM); weights are read from DRAM "
    "once, packed,\n"
    "at 640 for 32 bits; activations are not counted. was: with plain float weights\n"
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
  std::size_t unknown = 0;  // layers that are not in it
};

Total add_up(const std::vector<LayerWork>& layers) {
  Total total;
  for (const LayerWork& layer : layers) {
    if (!layer.products) {
      ++total.unknown;
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
          {"lookups", products.lookups},         {"multiplied", products.multiplied},
          {"scalings", products.scalings}};
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

}  // namespace

std::string hardware_text(const std::vector<LayerWork>& layers) {
  if (layers.empty()) return "\nno layers that multiply by float weights\n";
  Table table({"layer", "mults", "skip %", "flip %", "shift %", "table %", "mult %", "energy",
               "was", "kern. %", "+- %"});
  const Total total = add_up(layers);
  for (const LayerWork& layer : layers) {
    if (layer.products) {
      table.add_row(
          row(layer.name, *layer.products, layer.energy, layer.energy_dense, layer.kernels));
    }
  }
  table.add_rule();
  table.add_row(row("all", total.products, total.energy, total.energy_dense, {}));
  std::string text = fmt::format("\n{}", table.text());
  if (total.unknown > 0) {
    text += fmt::format(
        "{} not counted: the graph does not say how often their weights are used; --input-shape "
        "may help\n",
        plural(total.unknown, "layer"));
  }
  return text.append(kAbout);
}

nlohmann::ordered_json hardware_json(const std::vector<LayerWork>& layers) {
  nlohmann::ordered_json document = {{"layers", nlohmann::ordered_json::array()}};
  for (const LayerWork& layer : layers) {
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
  const Total total = add_up(layers);
  document["total"] = work_json(total.products, total.energy, total.energy_dense);
  document["unknown_layers"] = total.unknown;
  return document;
}

}  // namespace qc
