#include "report/growth.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

namespace qc {
namespace {

using Tensors = std::map<std::pair<std::string, std::size_t>, std::uint64_t>;

// Sizes by name and how many of the name came before.
Tensors sizes_of(const Breakdown& breakdown) {
  Tensors sizes;
  std::map<std::string, std::size_t> seen;
  for (const TensorBreakdown& line : breakdown.tensors) {
    const std::string& name = line.tensor.name;
    sizes[{name, seen[name]++}] = line.stored_bytes;
  }
  return sizes;
}

// What is neither in tensors nor in the graph.
std::uint64_t container_bytes(const Breakdown& breakdown, const Tensors& tensors) {
  std::uint64_t bytes = breakdown.totals.container - breakdown.totals.graph;
  for (const auto& [name, size] : tensors) bytes -= size;
  return bytes;
}

}  // namespace

Growth measure_growth(const Breakdown& before, const Breakdown& after) {
  Growth growth{before.totals.container, after.totals.container, {}};
  const Tensors old_sizes = sizes_of(before);
  const Tensors new_sizes = sizes_of(after);
  const auto add = [&](SizeChange change) {
    if (change.before != change.after) growth.changes.push_back(std::move(change));
  };
  for (const auto& [key, size] : new_sizes) {
    const auto old = old_sizes.find(key);
    add({.name = key.first,
         .before = old != old_sizes.end() ? std::optional(old->second) : std::nullopt,
         .after = size});
  }
  for (const auto& [key, size] : old_sizes) {
    if (!new_sizes.contains(key)) add({.name = key.first, .before = size, .after = std::nullopt});
  }
  add({SizeChange::Kind::kGraph, "", before.totals.graph, after.totals.graph});
  add({SizeChange::Kind::kContainer, "", container_bytes(before, old_sizes),
       container_bytes(after, new_sizes)});
  std::ranges::stable_sort(growth.changes, std::greater(), &SizeChange::change);
  return growth;
}

}  // namespace qc
