// Byte strings to zstd frames.
#pragma once

#include "core/bytes.h"

namespace qc {

/// One zstd frame with its content size. Levels as zstd's, 1 to 22; matches reach back at most 128
/// MiB (as with `zstd --long=27`). With a dictionary, matches may also be in it. Throws
/// std::bad_alloc.
Bytes zstd_compress(ByteView bytes, int level, ByteView dictionary = {});

}  // namespace qc
