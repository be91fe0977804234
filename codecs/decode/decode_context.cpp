#include "codecs/decode/decode_context.h"

// For a state in memory of our own.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

namespace qc {

DecodeContext::~DecodeContext() { allocator().release(zstd_memory_, ZSTD_estimateDCtxSize()); }

ZSTD_DCtx_s* DecodeContext::zstd() noexcept {
  if (zstd_ != nullptr) return zstd_;
  const std::size_t size = ZSTD_estimateDCtxSize();
  if (zstd_memory_ == nullptr) zstd_memory_ = allocator().allocate(size);
  no_zstd_ = zstd_memory_ == nullptr;
  if (!no_zstd_) zstd_ = ZSTD_initStaticDCtx(zstd_memory_, size);
  return zstd_;
}

}  // namespace qc
