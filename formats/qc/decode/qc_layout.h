// The fixed parts of a .qc container: header, footer and where units lie. FORMAT.md is the spec.
#pragma once

#include <array>
#include <cstdint>

#include "core/bytes.h"
#include "formats/qc/decode/container_failure.h"

namespace qc {

inline constexpr std::array<std::uint8_t, 4> kQcEndMagic = {'Q', 'C', 'F', 0x89};
inline constexpr std::uint32_t kQcVersion = 1;
inline constexpr std::uint64_t kQcHeaderSize = 16;
inline constexpr std::uint64_t kQcFooterSize = 32;

/// Units of at least kAlignFrom stored bytes start at a multiple of kQcAlignment.
inline constexpr std::uint64_t kQcAlignment = 64;
inline constexpr std::uint64_t kQcAlignFrom = std::uint64_t{1} << 14;

/// The most bytes that one unit decodes to.
inline constexpr std::uint64_t kQcMaxUnit = std::uint64_t{1} << 26;

/// The largest index, uncompressed.
inline constexpr std::uint64_t kQcMaxIndex = (std::uint64_t{1} << 32) - 1;

/// The header of this version.
std::array<std::uint8_t, kQcHeaderSize> qc_header() noexcept;

/// Fails when the bytes do not start with a header of this version.
ContainerFailure check_qc_header(ByteView bytes) noexcept;

/// Where a unit of `stored_size` bytes starts when the one before ends at `end`.
constexpr std::uint64_t unit_start(std::uint64_t end, std::uint64_t stored_size) noexcept {
  if (stored_size < kQcAlignFrom) return end;
  return (end + kQcAlignment - 1) / kQcAlignment * kQcAlignment;
}

/// The last kQcFooterSize bytes.
struct QcFooter {
  std::uint32_t index_stored_size = 0;
  std::uint32_t index_size = 0;     ///< uncompressed: the literal bytes, then the manifest
  std::uint32_t manifest_size = 0;  ///< uncompressed
  std::uint32_t dictionary =
      0;  ///< that the index is compressed with: 0 none, 1 graph_dictionary()
  std::uint64_t index_checksum = 0;  ///< XXH3-64 of the stored index
};

std::array<std::uint8_t, kQcFooterSize> footer_bytes(const QcFooter& footer) noexcept;

/// Fails when the bytes are no footer.
ContainerFailure parse_footer(ByteView bytes, QcFooter& footer) noexcept;

}  // namespace qc
