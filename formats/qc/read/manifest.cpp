#include "formats/qc/read/manifest.h"

#include "formats/qc/read/container_error.h"

namespace qc {

std::map<std::string, std::string> metadata_by_key(std::span<const ManifestTable::Note> entries) {
  std::map<std::string, std::string> metadata;
  for (const ManifestTable::Note& entry : entries) {
    metadata.insert_or_assign(std::string(entry.key), std::string(entry.value));
  }
  return metadata;
}

Manifest parse_manifest(ByteView bytes) {
  ManifestTable table(heap());
  if (const auto failed = table.parse(bytes)) throw_failure(failed);
  Manifest manifest;
  manifest.writer = table.writer();
  for (const ManifestTable::File& file : table.files()) {
    manifest.files.push_back({std::string(file.path), file.size, file.digest, file.slots});
  }
  for (const ManifestTable::File& file : table.base()) {
    manifest.base.push_back({std::string(file.path), file.size, file.digest, file.slots});
  }
  manifest.codebooks.assign(table.codebooks().begin(), table.codebooks().end());
  for (std::size_t i = 0; i < table.slot_count(); ++i) manifest.slots.push_back(table.slot(i));
  manifest.units.assign(table.units().begin(), table.units().end());
  manifest.metadata = metadata_by_key(table.notes());
  return manifest;
}

}  // namespace qc
