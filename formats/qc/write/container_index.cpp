#include "formats/qc/write/container_index.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "codecs/encode/zstd_compress.h"
#include "core/error.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/write/manifest_writer.h"

namespace qc {
namespace {

// Up to so many bytes, an index is compressed with the dictionary; it costs zstd its first look at
// the statistics, and helps small graphs only.
constexpr std::uint64_t kLargeIndex = std::uint64_t{1} << 18;
// No level is the best for every graph, by a few bytes.
constexpr int kIndexLevel = 19;
constexpr int kIndexLevels[] = {17, 19, 22};
constexpr std::uint64_t kRepetitive = 32;
// Where packing should not take long, and to compare candidates.
constexpr int kFastIndexLevel = 9;

// Adds the slots of a file that are cut out of it to the manifest, and the other bytes to the
// literals.
class ManifestMaker {
 public:
  ManifestMaker(const IndexedSource& indexed, const UnitList& units, const std::vector<bool>& cut,
                Bytes& literals)
      : indexed_(indexed), units_(units), cut_(cut), literals_(literals) {
    manifest_.writer = kWriter;
    manifest_.metadata = indexed.metadata;
    manifest_.units = units.units();
  }

  Manifest run() {
    for (std::size_t i = 0; i < indexed_.source.files.size(); ++i) add_file(i);
    const bool is_update = std::ranges::any_of(
        manifest_.slots, [](const ManifestSlot& slot) { return slot.base.has_value(); });
    if (is_update) manifest_.base = indexed_.source.base;
    return std::move(manifest_);
  }

 private:
  void add_file(std::size_t index) {
    const std::vector<Slot>& slots = indexed_.source.slots;
    const SourceFile& file = indexed_.source.files[index];
    ManifestFile entry{file.path, file.bytes.size(), indexed_.digests[index], 0};
    std::uint64_t done = 0;
    for (; next_ < slots.size() && slots[next_].file == index; ++next_) {
      if (!cut_[next_]) continue;
      const Slot& slot = slots[next_];
      file.bytes.append_range(done, slot.offset - done, literals_);
      add_slot(slot.offset - done);
      ++entry.slots;
      done = slot.offset + slot.view.data.size();
    }
    file.bytes.append_range(done, file.bytes.size() - done, literals_);
    manifest_.files.push_back(std::move(entry));
  }

  void add_slot(std::uint64_t literal_before) {
    const SlotRepeats& repeats = indexed_.repeats;
    ManifestSlot entry;
    entry.literal_before = literal_before;
    const Slot& slot = indexed_.source.slots[next_];
    entry.size = slot.view.data.size();
    if (repeats.of[next_]) {
      entry.repeat_of = place_.at(*repeats.of[next_]);
      entry.transposed = repeats.transposed[next_];
    } else if (!slot.is_base_copy()) {
      entry.unit = units_.first_of(next_);
    }
    if (slot.base) {
      const std::uint64_t width = rank_width(slot.base->method);
      entry.base = BaseUse{slot.base->method, slot.base->shift,
                           width == 0 ? 0 : slot.base->codebook.size() / width};
      append(manifest_.codebooks, slot.base->codebook);
    }
    place_.emplace(next_, manifest_.slots.size());
    manifest_.slots.push_back(entry);
  }

  const IndexedSource& indexed_;
  const UnitList& units_;
  const std::vector<bool>& cut_;
  Bytes& literals_;
  Manifest manifest_;
  std::map<std::size_t, std::size_t> place_;  // of a slot among the cut ones
  std::size_t next_ = 0;                      // slot
};

}  // namespace

void UnitList::add(const ManifestUnit& unit, std::span<const std::size_t> slots) {
  for (const std::size_t slot : slots) first_of_slot_.emplace(slot, units_.size());
  units_.push_back(unit);
  end_ = unit_start(end_, unit.stored_size) + unit.stored_size;
}

ContainerIndex::ContainerIndex(const IndexedSource& indexed, const UnitList& units,
                               const std::vector<bool>& cut) {
  const Manifest manifest = ManifestMaker(indexed, units, cut, raw_).run();
  const Bytes manifest_bytes = serialize_manifest(manifest);
  manifest_size_ = static_cast<std::uint32_t>(manifest_bytes.size());
  append(raw_, manifest_bytes);
  if (raw_.size() > kQcMaxIndex) {
    throw Error(
        ErrorCode::kLimit,
        "the model without its tensors is larger than 4 GiB; nothing to gain by packing it");
  }
}

// Keeps what there is when it is smaller. The dictionary is not for large ones.
void ContainerIndex::compress(int level, bool with_dictionary) {
  with_dictionary = with_dictionary && raw_.size() <= kLargeIndex;
  Bytes stored = zstd_compress(raw_, level, with_dictionary ? graph_dictionary() : ByteView());
  if (!stored_.empty() && stored_.size() <= stored.size()) return;
  stored_ = std::move(stored);
  with_dictionary_ = with_dictionary;
}

void ContainerIndex::compress_fast() { compress(kFastIndexLevel, true); }

void ContainerIndex::compress_well(const EncodeOptions& options) {
  const StageChoice& stages = options.stages;
  const bool packs_fast = stages.byte_ps != 0 && stages.byte_ps <= StageChoice::kFast.byte_ps;
  // What shrinks that much shrinks at any level.
  const bool repetitive = raw_.size() > kLargeIndex && raw_.size() / kRepetitive > stored_.size();
  const bool thorough = options.slow_layouts;
  if (packs_fast || (repetitive && !thorough)) return;
  compress(kIndexLevel, true);
  if (!thorough || raw_.size() > kLargeIndex) return;
  for (const int level : kIndexLevels) {
    for (const bool with_dictionary : {false, true}) compress(level, with_dictionary);
  }
}

QcFooter ContainerIndex::footer() const noexcept {
  QcFooter footer;
  footer.index_stored_size = static_cast<std::uint32_t>(stored_.size());
  footer.index_size = static_cast<std::uint32_t>(raw_.size());
  footer.manifest_size = manifest_size_;
  footer.dictionary = with_dictionary_ ? 1 : 0;
  footer.index_checksum = xxh3_64(stored_);
  return footer;
}

}  // namespace qc
