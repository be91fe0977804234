// The manifest of a container as plain structs, and how it is read; qc.proto is the schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "formats/qc/read/checksum.h"
#include "formats/qc/read/transposition.h"

namespace qc {

struct ManifestFile {
  std::string path;
  std::uint64_t size = 0;
  Digest digest{};
  std::uint64_t slots = 0;  ///< how many of the slots are in this file

  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

struct ManifestSlot {
  std::uint64_t literal_before =
      0;  ///< bytes between the slot before, or the file's start, and this
  std::uint64_t size = 0;
  std::uint64_t unit = 0;  ///< that holds its first byte, unless it repeats another slot
  std::optional<std::uint64_t> repeat_of;
  std::optional<Transposition> transposed;  ///< of the slot it repeats

  friend bool operator==(const ManifestSlot&, const ManifestSlot&) = default;
};

struct ManifestUnit {
  std::uint64_t size = 0;         ///< decoded
  std::uint64_t stored_size = 0;  ///< in the container
  std::uint32_t checksum = 0;     ///< low half of the XXH3-64 of the stored bytes

  friend bool operator==(const ManifestUnit&, const ManifestUnit&) = default;
};

struct Manifest {
  std::string writer;
  std::vector<ManifestFile> files;
  std::vector<ManifestSlot> slots;
  std::vector<ManifestUnit> units;
  std::map<std::string, std::string> metadata;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// The first lists of the message Slots have an entry for every slot; the others are left out where
/// they hold nothing but zeros.
inline constexpr std::size_t kSlotColumnsAlways = 3;

/// Throws Error: kCorrupt when the bytes are no manifest, kLimit when it lists more than `most`
/// files, slots, units or metadata. Only the form is checked: that lists agree in length, and that
/// every number can be added to others without overflow.
Manifest parse_manifest(ByteView bytes, std::uint64_t most = UINT64_MAX);

}  // namespace qc
