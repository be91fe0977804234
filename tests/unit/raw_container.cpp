#include "raw_container.h"

#include "codecs/decode/zstd_bytes.h"
#include "codecs/encode/zstd_compress.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/qc_layout.h"

namespace qc::test {

Bytes raw_container(const std::vector<Bytes>& units, ByteView literals, ByteView manifest) {
  Bytes out;
  append(out, qc_header());
  for (const Bytes& unit : units) append(out, unit);
  Bytes index(literals.begin(), literals.end());
  append(index, manifest);
  const Bytes stored = zstd_compress(index, 3);
  append(out, stored);
  QcFooter footer;
  footer.index_stored_size = static_cast<std::uint32_t>(stored.size());
  footer.index_size = static_cast<std::uint32_t>(index.size());
  footer.manifest_size = static_cast<std::uint32_t>(manifest.size());
  footer.index_checksum = xxh3_64(stored);
  append(out, footer_bytes(footer));
  return out;
}

ManifestUnit unit_entry(const Bytes& unit, std::uint64_t size) {
  return {size, unit.size(), static_cast<std::uint32_t>(xxh3_64(unit))};
}

}  // namespace qc::test
