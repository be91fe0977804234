#include "codecs/decode/zstd_bytes.h"

#include <zstd.h>

namespace qc {

std::optional<std::uint64_t> zstd_content_size(ByteView frame) noexcept {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return std::nullopt;
  return size;
}

bool zstd_decompress(ByteView frame, MutableBytes out, ByteView dictionary,
                     DecodeContext& context) noexcept {
  if (context.zstd() == nullptr) return false;
  return ZSTD_decompress_usingDict(context.zstd(), out.data(), out.size(), frame.data(),
                                   frame.size(), dictionary.data(),
                                   dictionary.size()) == out.size();
}

}  // namespace qc
