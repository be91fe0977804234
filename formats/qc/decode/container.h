// A container in memory: what is in it, and decoding that. Fed with untrusted bytes: everything is
// checked before it is used or allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "codecs/decode/tensor_decoder.h"
#include "core/bytes.h"
#include "formats/qc/decode/base_slot.h"
#include "formats/qc/decode/container_failure.h"
#include "formats/qc/decode/fixed_array.h"
#include "formats/qc/decode/manifest_table.h"
#include "formats/qc/decode/qc_layout.h"

namespace qc {

/// A file of the model.
struct QcFile {
  std::string_view path;
  std::uint64_t size = 0;
  Digest digest{};
  std::size_t first_slot = 0;
  std::size_t slot_count = 0;
  ByteView literal;  ///< its bytes without those of its slots
};

/// A unit: coded bytes that decode to the contents of one slot, of a part of one, or of several.
struct QcUnit {
  ByteView stored;
  std::uint64_t size = 0;  ///< decoded
  std::uint32_t checksum = 0;
  std::size_t first_slot = 0;  ///< the first slot with bytes in it
  std::size_t slot_count = 0;  ///< how many slots have bytes in it

  bool is_shared() const noexcept { return slot_count > 1; }
};

/// A range of the base that a slot is made of.
struct QcBaseRange {
  BaseMethod method = BaseMethod::kCopy;
  std::uint64_t offset = 0;  ///< in the file of the same index
  ByteView codebook;         ///< of a method of ranks
};

/// A range of a file whose bytes are in units, are those of another slot, or are made of the base.
struct QcSlot {
  std::size_t file = 0;
  std::uint64_t offset = 0;  ///< in the file
  std::uint64_t size = 0;
  std::uint64_t literal_before = 0;  ///< literal bytes of the file before it
  std::size_t unit = 0;              ///< that holds its first byte
  std::uint64_t unit_offset = 0;     ///< of its first byte in that unit
  std::optional<std::size_t> repeat_of;
  std::optional<Transposition> transposed;
  std::optional<QcBaseRange> base;

  /// Whether its bytes are those of the base, and in no unit.
  bool is_base_copy() const noexcept { return base && base->method == BaseMethod::kCopy; }
  /// Whether it is decoded all at once.
  bool is_whole() const noexcept { return transposed || (base && rank_width(base->method) != 0); }
};

/// Some bytes of a unit, and where in a slot they go.
struct UnitPart {
  std::size_t unit;
  std::uint64_t begin;  ///< in the unit
  std::uint64_t size;
  std::uint64_t offset;  ///< in the slot
};

/// How the bytes of a container are spent, beside its units.
struct QcOverhead {
  std::uint64_t framing = 0;       ///< header, footer and padding
  std::uint64_t index = 0;         ///< the stored index
  std::uint64_t manifest_raw = 0;  ///< uncompressed size of the manifest in the index
  std::uint64_t literal_raw = 0;   ///< uncompressed size of the literal bytes in the index
};

/// Nothing here throws or allocates but from the allocator. What is const is safe on several
/// threads.
class Container {
 public:
  /// Empty. The allocator outlives the container.
  explicit Container(Allocator& memory) noexcept
      : memory_(&memory),
        index_(memory),
        files_(memory),
        base_files_(memory),
        base_(memory),
        units_(memory),
        slots_(memory),
        notes_(memory) {}

  /// Reads header, footer and index of bytes that outlive the container. Fails with kCorrupt,
  /// kUnsupported or kLimit. Of an empty container.
  ContainerFailure open(ByteView bytes) noexcept;

  /// The files of the model that this one updates, its base: what the manifest says of them,
  /// without bytes. None where it is no update.
  std::span<const QcFile> base_files() const noexcept { return base_files_.span(); }

  /// Gives an update the bytes of its base, file by file, which outlive the container; without
  /// them, slots that are made of them are not decoded. Fails with kUsage when they are not those
  /// that the update was made for, and with kLimit.
  ContainerFailure set_base(std::span<const ByteView> files) noexcept;

  std::uint64_t size() const noexcept { return bytes_.size(); }
  std::string_view writer() const noexcept { return writer_; }
  std::span<const QcFile> files() const noexcept { return files_.span(); }
  std::span<const QcUnit> units() const noexcept { return units_.span(); }
  std::span<const QcSlot> slots() const noexcept { return slots_.span(); }
  /// What the writer was told to keep, as ManifestTable::notes().
  std::span<const ManifestTable::Note> notes() const noexcept { return notes_.span(); }
  const QcOverhead& overhead() const noexcept { return overhead_; }
  ByteView manifest_bytes() const noexcept;
  /// Bytes of all files together, as the container says.
  std::uint64_t model_size() const noexcept;

  /// The slot that holds the bytes of a slot: another for one that repeats that.
  const QcSlot& source_of(const QcSlot& slot) const noexcept {
    return slot.repeat_of ? slots_[*slot.repeat_of] : slot;
  }

  /// Calls take(const UnitPart&) for each part of a slot that repeats no other, until it returns
  /// false; returns whether it never did. A copy of the base has no parts.
  template <typename Take>
  bool each_part(const QcSlot& slot, Take&& take) const {
    if (slot.is_base_copy()) return true;
    std::uint64_t begin = slot.unit_offset;
    std::uint64_t offset = 0;
    for (std::size_t unit = slot.unit; offset < slot.size; ++unit) {
      const std::uint64_t left = slot.size - offset;
      const std::uint64_t some =
          left < units_[unit].size - begin ? left : units_[unit].size - begin;
      if (!take(UnitPart{unit, begin, some, offset})) return false;
      offset += some;
      begin = 0;
    }
    return true;
  }

  /// Decodes a unit into `out`, of the unit's size. Fails with kCorrupt or kLimit.
  ContainerFailure decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                               StoreMode mode = StoreMode::kCached) const noexcept;

  /// Makes bytes of a slot of an update, from `offset` in it on, of what its units hold there; of a
  /// slot of its own nothing. All of them at once for a slot by ranks. Fails with kUsage without
  /// the base, and with kCorrupt and kLimit.
  ContainerFailure restore(const QcSlot& slot, std::uint64_t offset, MutableBytes bytes,
                           Allocator& memory) const noexcept;

  /// Decodes a slot, repeated ones too, into `out`, of the slot's size.
  ContainerFailure decode_slot(std::size_t slot, MutableBytes out,
                               DecodeContext& context) const noexcept;

  /// The bytes of a file from `offset` on that are literal and lie together, up to the next slot at
  /// most; empty inside a slot and at the end.
  ByteView literal_at(std::size_t file, std::uint64_t offset) const noexcept;

  /// Decodes a range of a file, which has all bytes of it, into `out`.
  ContainerFailure decode_range(std::size_t file, std::uint64_t offset, MutableBytes out,
                                DecodeContext& context) const noexcept;

  /// Puts a file together in `out`, of the file's size, and compares its checksum.
  ContainerFailure decode_file(std::size_t file, MutableBytes out,
                               DecodeContext& context) const noexcept;

  /// Decodes all files, keeps none of them, and compares their checksums.
  ContainerFailure verify(DecodeContext& context) const noexcept;

 private:
  std::span<const QcSlot> slots_of(const QcFile& file) const noexcept {
    return slots_.span().subspan(file.first_slot, file.slot_count);
  }
  ContainerFailure read_index(const QcFooter& footer, ByteView stored) noexcept;
  ContainerFailure check_paths(std::span<const ManifestTable::File> files) const noexcept;
  ContainerFailure place_units(const ManifestTable& manifest, std::uint64_t units_end) noexcept;
  ContainerFailure place_slots(const ManifestTable& manifest) noexcept;
  ContainerFailure place_base_files(const ManifestTable& manifest) noexcept;
  ContainerFailure place_in_base(const BaseUse& use, ByteView& codebooks, QcSlot& slot) noexcept;
  ContainerFailure place_in_units(const ManifestSlot& in, std::size_t index,
                                  std::span<std::uint64_t> filled) noexcept;

  Allocator* memory_;
  ByteView bytes_;
  FixedArray<std::uint8_t> index_;  // uncompressed
  FixedArray<QcFile> files_;
  FixedArray<QcFile> base_files_;
  FixedArray<ByteView> base_;  // once it is given
  FixedArray<QcUnit> units_;
  FixedArray<QcSlot> slots_;
  FixedArray<ManifestTable::Note> notes_;
  std::string_view writer_;
  QcOverhead overhead_;
};

}  // namespace qc
