// Encoded tensors back to elements.
#pragma once

#include <cstdint>

#include "codecs/decode/coded_stats.h"
#include "codecs/decode/decode_context.h"
#include "codecs/shared/element.h"
#include "codecs/shared/simd/stream_copy.h"
#include "core/bytes.h"

namespace qc {

/// What went wrong with an encoded tensor; null when nothing did.
using DecodeFailure = const char*;

/// Decodes into `out`, whose size says how many bytes the tensor has. Fed with untrusted bytes:
/// allocates only from the context, never throws, reads and writes within its spans. Streaming pays
/// for large results aligned to 64 bytes; others are stored as ever.
[[nodiscard]] DecodeFailure decode_tensor(ByteView coded, MutableBytes out, DecodeContext& context,
                                          StoreMode mode = StoreMode::kCached) noexcept;

/// True when the encoded tensor decodes to just these bytes; compares them block by block.
bool decodes_to(ByteView coded, ByteView expected, DecodeContext& context) noexcept;

/// What an encoded tensor is made of.
struct CodedTensorInfo {
  Element element;
  CodedStats stats;
};

/// Reads the headers of an encoded tensor of `size` bytes. Untrusted bytes, as above.
[[nodiscard]] DecodeFailure describe_tensor(ByteView coded, std::uint64_t size,
                                            DecodeContext& context, CodedTensorInfo& info) noexcept;

}  // namespace qc
