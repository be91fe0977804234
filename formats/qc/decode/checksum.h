// XXH3 checksums.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace qc {

/// XXH3-64 of the bytes.
std::uint64_t xxh3_64(ByteView bytes) noexcept;

/// An XXH3-128 digest in canonical (big-endian) order.
using Digest = std::array<std::uint8_t, 16>;

/// XXH3-128 over bytes that come in pieces.
class Hasher {
 public:
  Hasher() noexcept;
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void update(ByteView bytes) noexcept;
  /// The same a part at a time; done(part) is told of every part that is not needed any more.
  template <typename Done>
  void update(ByteView bytes, Done&& done) {
    constexpr std::size_t kPart = std::size_t{1} << 22;
    while (!bytes.empty()) {
      const ByteView part = bytes.first(std::min(bytes.size(), kPart));
      update(part);
      done(part);
      bytes = bytes.subspan(part.size());
    }
  }
  Digest digest() const noexcept;

 private:
  // An XXH3_state_t, whose header stays with the source file.
  alignas(64) std::array<std::byte, 576> state_;
};

/// XXH3-128 of the bytes.
Digest xxh3_128(ByteView bytes) noexcept;

/// The same a part at a time, as Hasher::update() has it.
template <typename Done>
Digest xxh3_128(ByteView bytes, Done&& done) {
  Hasher hasher;
  hasher.update(bytes, done);
  return hasher.digest();
}

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
/// Whether every checksum is taken for right, so that what fuzz targets make up gets past it: they
/// set QC_FUZZ_ANY_CHECKSUM. The unit tests of the same build do not.
bool any_checksum_matches() noexcept;
#else
constexpr bool any_checksum_matches() noexcept { return false; }
#endif

/// Compares a checksum with the one that was stored.
template <typename Checksum>
bool checksum_matches(const Checksum& computed, const Checksum& stored) noexcept {
  return computed == stored || any_checksum_matches();
}

}  // namespace qc
