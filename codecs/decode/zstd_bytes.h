// zstd frames to byte strings.
#pragma once

#include <cstdint>
#include <optional>

#include "codecs/decode/decode_context.h"
#include "core/bytes.h"

namespace qc {

/// The content size that the frame declares; nothing when it is no zstd frame or declares none.
std::optional<std::uint64_t> zstd_content_size(ByteView frame) noexcept;

/// Decompresses a frame into exactly `out.size()` bytes; false when it is damaged, of another size
/// or was made with another dictionary, and where there is no memory for zstd's state: ask
/// DecodeContext::zstd() first. The dictionary may be empty.
bool zstd_decompress(ByteView frame, MutableBytes out, ByteView dictionary,
                     DecodeContext& context) noexcept;

}  // namespace qc
