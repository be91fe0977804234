#include "plain_container.h"

#include <algorithm>
#include <cstdint>

#include "codecs/decode/zstd_bytes.h"
#include "codecs/encode/zstd_compress.h"
#include "core/error.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/qc_layout.h"
#include "formats/qc/read/qc_reader.h"

namespace qc::fuzz {
namespace {

void append_size(Bytes& out, std::size_t size) {
  if (size > UINT16_MAX) throw Error(ErrorCode::kLimit, "too large for a seed");
  append_le(out, static_cast<std::uint16_t>(size));
}

}  // namespace

Bytes to_plain(ByteView container) {
  const QcReader reader = QcReader::from_bytes(container);
  Bytes literals;
  for (std::size_t file = 0; file < reader.files().size(); ++file) {
    append(literals, reader.files()[file].literal);
  }
  Bytes plain;
  append_size(plain, reader.manifest_bytes().size());
  append_size(plain, literals.size());
  append(plain, reader.manifest_bytes());
  append(plain, literals);
  const std::size_t index_end = container.size() - kQcFooterSize;
  append(plain, container.first(index_end - reader.overhead().index).subspan(kQcHeaderSize));
  return plain;
}

Bytes from_plain(ByteView plain) {
  ByteReader in(plain);
  const std::uint64_t manifest_size = in.le<std::uint16_t>();
  const std::uint64_t literal_size = in.le<std::uint16_t>();
  const ByteView manifest = in.take(std::min<std::uint64_t>(manifest_size, in.rest().size()));
  const ByteView literals = in.take(std::min<std::uint64_t>(literal_size, in.rest().size()));
  Bytes raw(literals.begin(), literals.end());
  append(raw, manifest);
  const Bytes index = zstd_compress(raw, 1);
  QcFooter footer;
  footer.index_stored_size = static_cast<std::uint32_t>(index.size());
  footer.index_size = static_cast<std::uint32_t>(raw.size());
  footer.manifest_size = static_cast<std::uint32_t>(manifest.size());
  footer.index_checksum = xxh3_64(index);
  Bytes container;
  append(container, qc_header());
  append(container, in.rest());
  append(container, index);
  append(container, footer_bytes(footer));
  return container;
}

ByteView container_of(ByteView input, Bytes& built) {
  if (input.empty()) return {};
  if (input.front() % 2 != 0) built = from_plain(input.subspan(1));
  return built.empty() ? input.subspan(1) : ByteView(built);
}

Bytes base_of_updates() {
  Bytes base;
  for (std::uint32_t i = 0; i < 1024; ++i) append_le(base, i * i % 7 << 24);
  return base;
}

}  // namespace qc::fuzz
