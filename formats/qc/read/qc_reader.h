// Reads .qc containers. Fed with untrusted bytes: everything is checked before it is used or
// allocated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "formats/qc/read/manifest.h"
#include "formats/qc/read/qc_layout.h"
#include "formats/qc/read/read_limits.h"
#include "formats/qc/read/shared_units.h"
#include "system/file.h"

namespace qc {

/// A unit: coded bytes that decode to the contents of one slot, of a part of one, or of several.
struct QcUnit {
  ByteView stored;
  std::uint64_t size = 0;  ///< decoded
  std::uint32_t checksum = 0;
  std::size_t first_slot = 0;  ///< the first slot with bytes in it
  std::size_t slot_count = 0;  ///< how many slots have bytes in it

  bool is_shared() const noexcept { return slot_count > 1; }
};

/// A range of a file whose bytes are in units, or are those of another slot.
struct QcSlot {
  std::size_t file = 0;
  std::uint64_t offset = 0;  ///< in the file
  std::uint64_t size = 0;
  std::size_t unit = 0;           ///< that holds its first byte
  std::uint64_t unit_offset = 0;  ///< of its first byte in that unit
  std::optional<std::size_t> repeat_of;
  std::optional<Transposition> transposed;
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

using ProgressFunction = std::function<void(std::uint64_t bytes)>;

class QcReader {
 public:
  /// Reads header, footer and index. Throws Error: kFile, kCorrupt, kUnsupported or kLimit.
  static QcReader open(const std::filesystem::path& path, const ReadLimits& limits = {});
  /// The same for bytes that outlive the reader.
  static QcReader from_bytes(ByteView bytes, const ReadLimits& limits = {});

  const Manifest& manifest() const noexcept { return manifest_; }
  ByteView manifest_bytes() const noexcept;
  const std::vector<QcUnit>& units() const noexcept { return units_; }
  const std::vector<QcSlot>& slots() const noexcept { return slots_; }
  const QcOverhead& overhead() const noexcept { return overhead_; }
  std::uint64_t container_size() const noexcept { return bytes_.size(); }
  /// The limits that hold, defaults put in.
  const ReadLimits& limits() const noexcept { return limits_; }

  /// Bytes of all files together, as the container says.
  std::uint64_t model_size() const noexcept;
  /// Throws Error(kLimit) when that is more than ReadLimits::model.
  void require_model_size() const;

  /// A file of the model without the bytes of its slots.
  ByteView literal(std::size_t file) const;

  /// Decodes a unit into `out`, of the unit's size. Throws Error(kCorrupt).
  void decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                   StoreMode mode = StoreMode::kCached) const;

  /// Decodes a slot, repeated ones too, into memory of the caller's: `out` has the slot's size.
  /// Large slots go past the caches. For loading tensors where they are to stay; aligned memory in
  /// huge pages is filled fastest. Throws Error(kCorrupt).
  void load_slot(std::size_t slot_index, MutableBytes out, unsigned threads) const;

  /// The same on one thread, in new memory. Units of several slots come from `shared`, where the
  /// slot was announced once for this call.
  Bytes decode_slot(std::size_t slot_index, DecodeContext& context, SharedUnits& shared) const;
  Bytes decode_slot(std::size_t slot_index, DecodeContext& context) const;

  /// Where the bytes of a slot that repeats no other are.
  std::vector<UnitPart> unit_parts(const QcSlot& slot) const;

  /// Decodes every file in order, hands its bytes to `sinks[file]` (null: nowhere) and compares its
  /// checksum. Takes time in proportion to what comes out, and memory within the limits. Throws
  /// Error: kCorrupt, kLimit.
  void decode_files(const std::vector<ByteSink*>& sinks, unsigned threads,
                    const ProgressFunction& progress) const;

  /// All files in memory: path and bytes, the .onnx file first.
  std::vector<std::pair<std::filesystem::path, Bytes>> decode_to_memory(unsigned threads) const;

  /// Writes the model to `path`, its external files beside it under their own names. A file that is
  /// there already with the very same bytes is left alone. All files appear, or none. Gives the old
  /// files that could not be removed, which have hidden names now.
  std::vector<std::filesystem::path> unpack(const std::filesystem::path& path, Overwrite overwrite,
                                            unsigned threads, const ProgressFunction& progress,
                                            Sync sync = Sync::kToDisk) const;

 private:
  void decode_part(const UnitPart& part, MutableBytes out, DecodeContext& context) const;
  void parse(ByteView bytes);
  void require_no_input(const std::filesystem::path& target) const;
  void place_units(std::uint64_t units_end);
  void place_slots();

  MappedFile mapping_;
  ByteView bytes_;
  ReadLimits limits_;
  Manifest manifest_;
  Bytes index_;  // uncompressed
  std::vector<ByteView> literals_;
  std::vector<QcUnit> units_;
  std::vector<QcSlot> slots_;
  QcOverhead overhead_;
};

}  // namespace qc
