#include "formats/qc/read/checksum.h"

#include <xxhash.h>

#include <algorithm>
#include <new>

namespace qc {

std::uint64_t xxh3_64(ByteView bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

Hasher::Hasher() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_);
}

Hasher::~Hasher() { XXH3_freeState(state_); }

void Hasher::update(ByteView bytes) noexcept {
  XXH3_128bits_update(state_, bytes.data(), bytes.size());
}

void Hasher::update(ByteView bytes, const std::function<void(ByteView)>& done) {
  constexpr std::size_t kPart = std::size_t{1} << 22;
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(bytes.size(), kPart));
    update(part);
    done(part);
    bytes = bytes.subspan(part.size());
  }
}

Digest Hasher::digest() const noexcept {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_));
  Digest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

Digest xxh3_128(ByteView bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.digest();
}

Digest xxh3_128(ByteView bytes, const std::function<void(ByteView)>& done) {
  Hasher hasher;
  hasher.update(bytes, done);
  return hasher.digest();
}

}  // namespace qc
