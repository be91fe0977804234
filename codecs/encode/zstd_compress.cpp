#include "codecs/encode/zstd_compress.h"

#include <zstd.h>

#include <memory>
#include <new>

namespace qc {
namespace {

constexpr int kWindowLog = 27;
constexpr std::size_t kLongDistanceFrom = std::size_t{1} << 25;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

}  // namespace

Bytes zstd_compress(ByteView bytes, int level, ByteView dictionary) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  if (bytes.size() > kLongDistanceFrom) {
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_enableLongDistanceMatching, 1);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, kWindowLog);
  }
  if (ZSTD_isError(ZSTD_CCtx_refPrefix(context.get(), dictionary.data(), dictionary.size()))) {
    throw std::bad_alloc();
  }
  Bytes out(ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compress2(context.get(), out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();
  out.resize(size);
  return out;
}

}  // namespace qc
