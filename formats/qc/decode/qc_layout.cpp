#include "formats/qc/decode/qc_layout.h"

#include <algorithm>

#include "formats/qc/decode/checksum.h"
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

ContainerFailure check_qc_header(ByteView bytes) noexcept {
  if (bytes.empty()) return corrupt("it is empty: not a .qc container");
  if (!is_qc(bytes)) return corrupt("it is not a .qc container");
  if (bytes.size() < kQcHeaderSize ||
      !checksum_matches(short_checksum(bytes.first(12)),
                        load_le<std::uint32_t>(bytes.data() + 12))) {
    return corrupt("the header is damaged");
  }
  const auto version = load_le<std::uint32_t>(bytes.data() + 8);
  if (version == kQcVersion) return {};
  return failure(ErrorCode::kUnsupported,
                 {"it has format version ", version, "; this qcompress reads version ", kQcVersion,
                  ": use a newer qcompress"});
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

ContainerFailure parse_footer(ByteView bytes, QcFooter& footer) noexcept {
  if (bytes.size() != kQcFooterSize ||
      !std::equal(kQcEndMagic.begin(), kQcEndMagic.end(), bytes.begin() + 28)) {
    return corrupt("the end of the file is missing: it was cut short");
  }
  if (!checksum_matches(short_checksum(bytes.first(24)),
                        load_le<std::uint32_t>(bytes.data() + 24))) {
    return corrupt("the footer is damaged");
  }
  footer = {load_le<std::uint32_t>(bytes.data()), load_le<std::uint32_t>(bytes.data() + 4),
            load_le<std::uint32_t>(bytes.data() + 8), load_le<std::uint32_t>(bytes.data() + 12),
            load_le<std::uint64_t>(bytes.data() + 16)};
  return {};
}

}  // namespace qc
