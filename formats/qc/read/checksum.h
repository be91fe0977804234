// XXH3 checksums.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/bytes.h"

struct XXH3_state_s;

namespace qc {

/// XXH3-64 of the bytes.
std::uint64_t xxh3_64(ByteView bytes) noexcept;

/// An XXH3-128 digest in canonical (big-endian) order.
using Digest = std::array<std::uint8_t, 16>;

/// XXH3-128 over bytes that come in pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void update(ByteView bytes) noexcept;
  /// The same a part at a time; `done` is told of every part that is not needed any more.
  void update(ByteView bytes, const std::function<void(ByteView)>& done);
  Digest digest() const noexcept;

 private:
  XXH3_state_s* state_;
};

/// XXH3-128 of the bytes.
Digest xxh3_128(ByteView bytes);

/// The same a part at a time, as Hasher::update() has it.
Digest xxh3_128(ByteView bytes, const std::function<void(ByteView)>& done);

/// Compares a checksum with the one that was stored. Fuzzing builds take every checksum for right,
/// so that what they make up gets past it.
template <typename Checksum>
bool checksum_matches([[maybe_unused]] const Checksum& computed,
                      [[maybe_unused]] const Checksum& stored) noexcept {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return true;
#else
  return computed == stored;
#endif
}

}  // namespace qc
