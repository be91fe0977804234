#include "formats/qc/read/qc_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "formats/qc/read/checksum.h"
#include "formats/signatures/foreign_files.h"
#include "formats/signatures/qc_magic.h"

namespace qc {
namespace {

std::uint32_t short_checksum(ByteView bytes) noexcept {
  return static_cast<std::uint32_t>(xxh3_64(bytes));
}

}  // namespace

std::array<std::uint8_t, kQcHeaderSize> qc_header() noexcept {
  std::array<std::uint8_t, kQcHeaderSize> header{};
  std::copy(kQcMagic.begin(), kQcMagic.end(), header.begin());
  store_le(header.data() + 8, kQcVersion);
  store_le(header.data() + 12, short_checksum(ByteView(header).first(12)));
  return header;
}

void check_qc_header(ByteView bytes) {
  if (bytes.empty()) throw Error(ErrorCode::kCorrupt, "it is empty: not a .qc container");
  if (!is_qc(bytes)) {
    const std::string foreign = foreign_format(bytes);
    if (foreign.empty()) throw Error(ErrorCode::kCorrupt, "it is not a .qc container");
    throw Error(ErrorCode::kUnsupported, fmt::format("this is {}", foreign));
  }
  if (bytes.size() < kQcHeaderSize ||
      !checksum_matches(short_checksum(bytes.first(12)),
                        load_le<std::uint32_t>(bytes.data() + 12))) {
    throw Error(ErrorCode::kCorrupt, "the header is damaged");
  }
  const auto version = load_le<std::uint32_t>(bytes.data() + 8);
  if (version != kQcVersion) {
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("it has format version {}; this qcompress reads version {}: use a newer "
                    "qcompress",
                    version, kQcVersion));
  }
}

std::array<std::uint8_t, kQcFooterSize> footer_bytes(const QcFooter& footer) noexcept {
  std::array<std::uint8_t, kQcFooterSize> bytes{};
  store_le(bytes.data(), footer.index_stored_size);
  store_le(bytes.data() + 4, footer.index_size);
  store_le(bytes.data() + 8, footer.manifest_size);
  store_le(bytes.data() + 12, footer.dictionary);
  store_le(bytes.data() + 16, footer.index_checksum);
  store_le(bytes.data() + 24, short_checksum(ByteView(bytes).first(24)));
  std::copy(kQcEndMagic.begin(), kQcEndMagic.end(), bytes.begin() + 28);
  return bytes;
}

QcFooter parse_footer(ByteView bytes) {
  if (bytes.size() != kQcFooterSize ||
      !std::equal(kQcEndMagic.begin(), kQcEndMagic.end(), bytes.begin() + 28)) {
    throw Error(ErrorCode::kCorrupt, "the end of the file is missing: it was cut short");
  }
  if (!checksum_matches(short_checksum(bytes.first(24)),
                        load_le<std::uint32_t>(bytes.data() + 24))) {
    throw Error(ErrorCode::kCorrupt, "the footer is damaged");
  }
  return {load_le<std::uint32_t>(bytes.data()), load_le<std::uint32_t>(bytes.data() + 4),
          load_le<std::uint32_t>(bytes.data() + 8), load_le<std::uint32_t>(bytes.data() + 12),
          load_le<std::uint64_t>(bytes.data() + 16)};
}

}  // namespace qc
