#include "formats/qc/read/manifest.h"

#include "formats/qc/read/container_error.h"

namespace qc {

Manifest parse_manifest(ByteView bytes) {
  ManifestTable table(heap());
  if (const auto failed = table.parse(bytes)) throw_failure(failed);
  Manifest manifest;
  manifest.writer = table.writer();
  for (const ManifestTable::File& file : table.files()) {
    manifest.files.push_back({std::string(file.path), file.size, file.digest, file.slots});
  }
  for (std::size_t i = 0; i < table.slot_count(); ++i) manifest.slots.push_back(table.slot(i));
  manifest.units.assign(table.units().begin(), table.units().end());
  for (const ManifestTable::Note& note : table.notes()) {
    manifest.metadata.insert_or_assign(std::string(note.key), std::string(note.value));
  }
  return manifest;
}

}  // namespace qc
