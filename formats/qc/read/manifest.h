// The manifest of a container as plain structs, and how it is read; qc.proto is the schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/manifest_table.h"

namespace qc {

struct ManifestFile {
  std::string path;
  std::uint64_t size = 0;
  Digest digest{};
  std::uint64_t slots = 0;  ///< how many of the slots are in this file

  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

struct Manifest {
  std::string writer;
  std::vector<ManifestFile> files;
  std::vector<ManifestFile> base;  ///< of the model that this updates
  Bytes codebooks;                 ///< of the slots by ranks
  std::vector<ManifestSlot> slots;
  std::vector<ManifestUnit> units;
  std::map<std::string, std::string> metadata;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// Entries of metadata by their keys; of those with the same key the last is meant.
std::map<std::string, std::string> metadata_by_key(std::span<const ManifestTable::Note> entries);

/// Throws Error: kCorrupt when the bytes are no manifest. Checked as ManifestTable::parse() does.
Manifest parse_manifest(ByteView bytes);

}  // namespace qc
