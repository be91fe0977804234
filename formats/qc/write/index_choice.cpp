#include "formats/qc/write/index_choice.h"

#include <utility>

namespace qc {
namespace {

constexpr std::uint64_t kLiteralThresholds[] = {kMinSlot, 128, 1024};
// A model up to this size may be stored as a whole, when that is smaller.
constexpr std::uint64_t kWholeModelLimit = std::uint64_t{1} << 26;
// A model up to this size is tried as a whole at once; a larger one where tensors share bytes.
constexpr std::uint64_t kSmallModel = std::uint64_t{1} << 16;
// The part of a model's bytes that tensors must share for that.
constexpr std::uint64_t kSharedPart = 16;

// With every small unit of a slot below the threshold left in the graph.
IndexChoice make_choice(const IndexedSource& indexed, const UnitList& large,
                        std::span<const SmallUnit> small, std::uint64_t threshold) {
  const std::vector<Slot>& slots = indexed.source.slots;
  UnitList units = large;
  std::vector<std::size_t> small_units;
  std::vector<bool> cut(slots.size(), false);
  for (std::size_t i = 0; i < cut.size(); ++i) {
    cut[i] = !is_small(slots[i]) || slots[i].is_base_copy();
  }
  for (std::size_t i = 0; i < small.size(); ++i) {
    const ManifestUnit& unit = small[i].unit.facts.entry;
    if (small[i].slots.size() == 1 && unit.size < threshold) continue;
    units.add(unit, small[i].slots);
    small_units.push_back(i);
    for (const std::size_t slot : small[i].slots) cut[slot] = true;
  }
  const SlotRepeats& repeats = indexed.repeats;
  for (std::size_t i = 0; i < cut.size(); ++i) {
    if (repeats.of[i]) cut[i] = cut[*repeats.of[i]];
  }
  return {std::move(small_units), units.end(), ContainerIndex(indexed, units, cut)};
}

std::uint64_t shared_between_slots(const IndexedSource& indexed,
                                   std::span<const std::optional<Digest>> digests,
                                   DigestCache<RunSample>* known) {
  const std::vector<Slot>& slots = indexed.source.slots;
  std::vector<RunSample> samples;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (indexed.repeats.of[i]) continue;
    if (known != nullptr && digests[i]) {
      if (auto sample = known->find(*digests[i])) {
        samples.push_back(std::move(*sample));
        continue;
      }
    }
    samples.push_back(sample_runs(slots[i].view.data));
    if (known != nullptr && digests[i]) {
      known->add(*digests[i], samples.back(), samples.back().size() * sizeof(SampledRun));
    }
  }
  return shared_bytes(samples);
}

}  // namespace

IndexChoice choose_index(const IndexedSource& indexed, const PackOptions& options,
                         const UnitList& large, std::span<const SmallUnit> small) {
  std::optional<IndexChoice> best;
  for (const std::uint64_t threshold : kLiteralThresholds) {
    IndexChoice choice = make_choice(indexed, large, small, threshold);
    if (best && choice.index.raw() == best->index.raw()) continue;
    choice.index.compress_fast();
    if (!best || choice.size() < best->size()) best = std::move(choice);
  }
  best->index.compress_well(options.encode);
  return std::move(*best);
}

std::optional<ContainerIndex> index_of_all(const IndexedSource& indexed,
                                           std::span<const std::optional<Digest>> slot_digests,
                                           DigestCache<RunSample>* known) {
  const std::uint64_t size = indexed.source.total_size();
  if (size > kWholeModelLimit) return std::nullopt;
  if (size > kSmallModel &&
      kSharedPart * shared_between_slots(indexed, slot_digests, known) < size) {
    return std::nullopt;
  }
  ContainerIndex index(indexed, {}, std::vector<bool>(indexed.source.slots.size(), false));
  index.compress_fast();
  return index;
}

bool improves(const IndexedSource& indexed, const PackOptions& options, ContainerIndex& all,
              std::uint64_t other_size) {
  // A fast level tells a hopeless case: the slow one gains a few per cent of a graph, and next to
  // nothing where weights are most of the bytes.
  const std::uint64_t gain = indexed.source.total_size() > kSmallModel ? 64 : 16;
  if (all.container_size(kQcHeaderSize) > other_size + other_size / gain) return false;
  all.compress_well(options.encode);
  return all.container_size(kQcHeaderSize) < other_size;
}

}  // namespace qc
