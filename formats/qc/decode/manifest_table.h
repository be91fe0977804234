// The manifest of a container as tables, read by hand; qc.proto is the schema.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/bytes.h"
#include "formats/qc/decode/base_slot.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/container_failure.h"
#include "formats/qc/decode/fixed_array.h"
#include "formats/qc/decode/transposition.h"
#include "formats/qc/decode/wire_field.h"

namespace qc {

struct ManifestSlot {
  std::uint64_t literal_before =
      0;  ///< bytes between the slot before, or the file's start, and this
  std::uint64_t size = 0;
  std::uint64_t unit = 0;  ///< that holds its first byte, unless it repeats another slot
  std::optional<std::uint64_t> repeat_of;
  std::optional<Transposition> transposed;  ///< of the slot it repeats
  std::optional<BaseUse> base;              ///< of an update: it is made of its base

  friend bool operator==(const ManifestSlot&, const ManifestSlot&) = default;
};

struct ManifestUnit {
  std::uint64_t size = 0;         ///< decoded
  std::uint64_t stored_size = 0;  ///< in the container
  std::uint32_t checksum = 0;     ///< low half of the XXH3-64 of the stored bytes

  friend bool operator==(const ManifestUnit&, const ManifestUnit&) = default;
};

/// The first lists of the message Slots have an entry for every slot; the others are left out where
/// they hold nothing but zeros.
inline constexpr std::size_t kSlotColumnsAlways = 3;

/// What a manifest lists. Texts are views of its bytes.
class ManifestTable {
 public:
  struct File {
    std::string_view path;
    std::uint64_t size = 0;
    Digest digest{};
    std::uint64_t slots = 0;  ///< how many of the slots are in this file
  };

  /// What the writer was told to keep.
  struct Note {
    std::string_view key;
    std::string_view value;
  };

  explicit ManifestTable(Allocator& memory) noexcept
      : files_(memory), base_(memory), slots_(memory), units_(memory), notes_(memory) {}

  /// Fails with kCorrupt when the bytes are no manifest, and with kLimit when there is no memory
  /// for what it lists. Only the form is checked: that lists agree in length, and that every number
  /// can be added to others without overflow. Of an empty table.
  ContainerFailure parse(ByteView bytes) noexcept;

  std::string_view writer() const noexcept { return writer_; }
  std::span<const File> files() const noexcept { return files_.span(); }
  /// The files of the model that this updates, without slots; none where it is no update.
  std::span<const File> base() const noexcept { return base_.span(); }
  /// Of the slots by ranks, one after the other.
  ByteView codebooks() const noexcept { return codebooks_; }
  std::size_t slot_count() const noexcept { return slots_.size(); }
  ManifestSlot slot(std::size_t index) const noexcept;
  std::span<const ManifestUnit> units() const noexcept { return units_.span(); }
  /// In the order of the manifest; of entries with the same key the last is meant.
  std::span<const Note> notes() const noexcept { return notes_.span(); }

 private:
  static constexpr std::size_t kSlotColumns = 10;
  static constexpr std::size_t kUnitColumns = 3;
  // An entry of each list of the message Slots, in the order of its fields.
  using SlotRow = std::array<std::uint64_t, kSlotColumns>;

  // How long the lists of the manifest are.
  struct Lengths {
    std::uint64_t files = 0;
    std::uint64_t base = 0;
    std::uint64_t notes = 0;
    std::array<std::uint64_t, kSlotColumns> slots{};
    std::array<std::uint64_t, kUnitColumns> units{};

    bool agree() const noexcept;
  };

  static bool measure(ByteView bytes, Lengths& lengths) noexcept;
  bool fill(ByteView bytes) noexcept;
  static bool read_file(ByteView message, File& file) noexcept;
  static bool read_note(ByteView message, Note& note) noexcept;
  static bool is_valid(const SlotRow& row) noexcept;

  std::string_view writer_;
  ByteView codebooks_;
  FixedArray<File> files_;
  FixedArray<File> base_;
  FixedArray<SlotRow> slots_;
  FixedArray<ManifestUnit> units_;
  FixedArray<Note> notes_;
};

}  // namespace qc
