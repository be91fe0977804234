#include "formats/qc/write/small_units.h"

#include <utility>

#include "system/parallel.h"

namespace qc {
namespace {

// What a unit costs beside its bytes: checksum and sizes in the manifest.
constexpr std::size_t kUnitCost = 8;

bool has_no_structure(LayoutId layout) {
  return layout == LayoutId::kRaw || layout == LayoutId::kPlanes ||
         layout == LayoutId::kContextFloats;
}

// Puts the units of one element that have no structure into one, at the end, where that is smaller.
void pool(const PackSource& source, const PackOptions& options, Element element,
          const UnitCoder& coder, std::vector<SmallUnit>& units) {
  SmallUnit pooled;
  Bytes elements;
  std::uint64_t apart = 0;
  std::vector<bool> member(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    const TensorView& view = source.slots[units[i].slots.front()].view;
    if (view.element != element || units[i].slots.size() > 1) continue;
    if (!has_no_structure(units[i].unit.facts.layout)) continue;
    if (elements.size() + view.data.size() > chunk_size(options, element)) continue;
    append(elements, view.data);
    pooled.slots.push_back(units[i].slots.front());
    apart += units[i].unit.facts.entry.stored_size + kUnitCost;
    member[i] = true;
  }
  if (pooled.slots.size() < 2) return;
  pooled.unit = coder.code({elements, element, {}});
  if (pooled.unit.facts.entry.stored_size + kUnitCost >= apart) return;
  std::vector<SmallUnit> kept;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!member[i]) kept.push_back(std::move(units[i]));
  }
  kept.push_back(std::move(pooled));
  units = std::move(kept);
}

}  // namespace

std::vector<SmallUnit> code_small_slots(const PackSource& source, const PackOptions& options,
                                        std::span<const std::size_t> slots,
                                        std::span<const std::optional<Digest>> digests,
                                        const UnitCoder& coder) {
  std::vector<SmallUnit> units(slots.size());
  parallel_for(slots.size(), thread_count(options.threads), [&](std::size_t i) {
    units[i] = {coder.code(source.slots[slots[i]].view, digests[slots[i]]), {slots[i]}};
  });
  for (const SmallUnit& unit : units) {
    if (options.progress) options.progress(unit.unit.facts.entry.size);
  }
  for (const Element element : {Element{4, true}, Element{2, true}, Element{8, true},
                                Element{8, false}, Element{4, false}, Element{1, false}}) {
    pool(source, options, element, coder, units);
  }
  return units;
}

}  // namespace qc
