// The index of a container: what the files are made of, and their bytes that are in no unit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "codecs/encode/layout.h"
#include "core/bytes.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/qc_layout.h"
#include "formats/qc/read/manifest.h"
#include "formats/qc/write/pack_source.h"
#include "formats/qc/write/slot_repeats.h"

namespace qc {

/// Units in the order of the container.
class UnitList {
 public:
  /// Adds a unit that holds these slots, or a part of one.
  void add(const ManifestUnit& unit, std::span<const std::size_t> slots);

  const std::vector<ManifestUnit>& units() const noexcept { return units_; }
  /// Where the last one ends in the container.
  std::uint64_t end() const noexcept { return end_; }
  /// The unit with the first byte of a slot that is in one.
  std::size_t first_of(std::size_t slot) const { return first_of_slot_.at(slot); }

 private:
  std::vector<ManifestUnit> units_;
  std::map<std::size_t, std::size_t> first_of_slot_;
  std::uint64_t end_ = kQcHeaderSize;
};

/// What the index tells of beside units. It refers to everything.
struct IndexedSource {
  const PackSource& source;
  const std::vector<Digest>& digests;  ///< of the files
  const SlotRepeats& repeats;
  const std::map<std::string, std::string>& metadata;
};

/// An index and the best that it was compressed to.
class ContainerIndex {
 public:
  /// With the slots where `cut` is true in units or as repeats, all others as literal bytes. Throws
  /// Error(kLimit) when it is too large for a container.
  ContainerIndex(const IndexedSource& indexed, const UnitList& units, const std::vector<bool>& cut);

  /// The literal bytes, then the manifest.
  const Bytes& raw() const noexcept { return raw_; }

  /// Compresses it at a level that tells which of several is the smallest.
  void compress_fast();
  /// Compresses it as well as the options ask for, after compress_fast().
  void compress_well(const EncodeOptions& options);

  /// As it is stored. Requires that it was compressed.
  const Bytes& stored() const noexcept { return stored_; }
  QcFooter footer() const noexcept;
  /// Bytes of the container when the units end there.
  std::uint64_t container_size(std::uint64_t units_end) const noexcept {
    return units_end + stored_.size() + kQcFooterSize;
  }

 private:
  void compress(int level, bool with_dictionary);

  Bytes raw_;
  std::uint32_t manifest_size_ = 0;
  Bytes stored_;
  bool with_dictionary_ = false;
};

}  // namespace qc
