#include "formats/qc/decode/checksum.h"

#include <cstdlib>

// The state's size is only known to those who compile it in.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace qc {
namespace {

XXH3_state_t* state_in(std::array<std::byte, 576>& bytes) noexcept {
  static_assert(sizeof(XXH3_state_t) <= sizeof bytes && alignof(XXH3_state_t) <= 64);
  return reinterpret_cast<XXH3_state_t*>(bytes.data());
}

Digest canonical(XXH128_hash_t hash) noexcept {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest digest;
  std::memcpy(digest.data(), bytes.digest, digest.size());
  return digest;
}

}  // namespace

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
bool any_checksum_matches() noexcept {
  static const bool any = std::getenv("QC_FUZZ_ANY_CHECKSUM") != nullptr;
  return any;
}
#endif

std::uint64_t xxh3_64(ByteView bytes) noexcept { return XXH3_64bits(bytes.data(), bytes.size()); }

Hasher::Hasher() noexcept { XXH3_128bits_reset(new (state_.data()) XXH3_state_t); }

void Hasher::update(ByteView bytes) noexcept {
  XXH3_128bits_update(state_in(state_), bytes.data(), bytes.size());
}

[[gnu::cold]] Digest Hasher::digest() const noexcept {
  return canonical(XXH3_128bits_digest(reinterpret_cast<const XXH3_state_t*>(state_.data())));
}

Digest xxh3_128(ByteView bytes) noexcept {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

}  // namespace qc
