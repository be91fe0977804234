// zstd over byte strings.
#pragma once

#include <optional>

#include "core/bytes.h"

namespace qc {

/// One zstd frame with its content size. Levels as zstd's, 1 to 22; matches reach back at most 128
/// MiB (as with `zstd --long=27`). With a dictionary, matches may also be in it. Throws
/// std::bad_alloc.
Bytes zstd_compress(ByteView bytes, int level, ByteView dictionary = {});

/// The content size that the frame declares; nothing when it is no zstd frame or declares none.
std::optional<std::uint64_t> zstd_content_size(ByteView frame) noexcept;

/// Decompresses a frame into exactly `out.size()` bytes; false when it is damaged, of another size
/// or was made with another dictionary.
bool zstd_decompress(ByteView frame, MutableBytes out, ByteView dictionary = {});

}  // namespace qc
